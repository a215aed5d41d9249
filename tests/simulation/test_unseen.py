"""Made and not seen working, on the whole ring of 2017: the reason names monitor, device and what was seen last."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from esi.bootstrap.ground import Ground
from esi.bootstrap.services import load_services
from esi.model.resource import Body, Ref
from esi.model.target import Observation, Target
from esi.monitoring import Eyes
from esi.testing import chain
from esi.testing.eyes import open_eyes
from esi.testing.hands import DriverHandle
from esi.testing.loop import run
from esi.testing.ring import ADMIN, World


class Session:
    """A BGP session that stands when `keys_fit`."""

    type: ClassVar[str] = "bgp_session"

    def __init__(self) -> None:
        self.keys_fit = False

    async def ask(self, target: Target) -> Observation:
        if self.keys_fit:
            return Observation({"status": "ESTABLISHED"})
        host, peer = target.properties["host"], target.properties["peer_address"]
        return Observation({"status": "FAIL"}, f"{host} sees {peer} as Connect")

    async def close(self) -> None:
        return None


async def open_rows(world: World) -> list[Body]:
    rows = (await world.lifecycle.list(ADMIN, "resource_mapping")).rows
    return [row for row in rows if row["resource_id"] == chain.INTERFACE and row["deleted"] is None]


def test_a_session_that_does_not_come_up_is_an_error_until_an_update_finds_it_up() -> None:
    session = Session()

    def eyes(hands: DriverHandle, ground: Ground) -> Eyes:
        plain = open_eyes(hands, ground)
        return replace(plain, probes={**plain.probes, "bgp_session": session})

    async def life() -> None:
        world = World(load_services("2017"), eyes=eyes)
        gateway, interface = chain.gateway(), chain.interface()

        async def scenario() -> None:
            for wish in [*chain.prerequisites(), gateway]:
                await world.ask(wish)
                await world.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]  # a service has no status
            await world.ask(interface)
            failed = await world.until_status(interface, "ERROR")
            sides = (("primary", "10.79.5.185", "192.168.8.1"), ("secondary", "10.79.5.184", "192.168.8.5"))
            for name, ip, peer in sides:
                assert (
                    f"monitor {name} (bgp_session on {ip}) is not ESTABLISHED within 120 s; "
                    f"seen last: {ip} sees {peer} as Connect"
                ) in failed["status_reason"]
            assert "esiesi0000" not in failed["status_reason"]
            assert await open_rows(world) == [], "what was never seen is mapped to nothing"
            await world.until_status(gateway, "ACTIVE")
            session.keys_fit = True
            await world.lifecycle.update(ADMIN, Ref("vpn_interface", chain.INTERFACE), {"description": "again"})
            mended = await world.until_status(interface, "ACTIVE")
            assert not mended.get("status_reason")
            assert sorted(row["relation"] for row in await open_rows(world)) == ["primary", "secondary"]

        await world.run(scenario())
        await world.store.close()

    run(life())
