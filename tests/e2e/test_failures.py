"""Cells of the failure matrix (docs/failures.md) for real: processes, etcd, NETCONF over SSH, the lab's faults.

Each fault is begun before a gateway is created and again before it is deleted, and healed a second later. What heals by
itself or is healed ends ACTIVE, or gone; a refusal ends in ERROR with the router's words, and goes through when asked
again.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from e2e.processes import PATIENCE_SECONDS, esi, make_chain
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.errors import TerminalError
from esi.lab.control import ask
from esi.testing import chain

pytestmark = pytest.mark.real

PRIMARY, SECONDARY, CUSTOMER = "vMX-router-02", "vMX-router-01", "ce1"

PASSING: dict[str, dict[str, object]] = {
    "unreachable": {},
    "reboot": {"operand": "1"},
    "slow-commit": {"operand": "2"},
    "foreign-lock": {},
    "drop-before-commit": {"times": 1},
    "drop-before-reply": {"times": 1},
    "drop-after-reply": {"times": 1},
    "silent": {},
    "malformed": {"times": 1},
    "warnings": {},
}
"""Faults that end: kind → how they are begun."""

REFUSALS = ("refuse-load", "refuse-commit")


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path]) -> None:
    require("etcd")


def gateway(number: int) -> chain.Wish:
    wish = chain.gateway()
    id_ = f"00000000-0000-4000-9000-{number:012d}"
    return wish._replace(id=id_, body={**wish.body, "name": f"gateway-{number}", "uplink_vlan_id": str(200 + number)})


class Lab:
    """The lab's control door."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "lab"

    async def begin(self, router: str, kind: str, **more: object) -> None:
        await ask(self._folder, {"do": "break", "router": router, "kind": kind, **more})

    async def heal(self) -> None:
        await ask(self._folder, {"do": "heal", "router": "", "kind": ""})


async def test_what_a_router_does_wrong_and_stops_is_never_shown_as_a_failure(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    ports = ("--port", "0", "--agent-port", "0", "--heat-port", "0")
    ring = ("dev", "--folder", str(tmp_path), *ports, "--monitoring", "none")
    async with esi(*ring) as (_, facts), Client(facts["api"], clock=SystemClock()) as client:
        lab = Lab(tmp_path)
        await make_chain(client, chain.prerequisites())
        cells = 0
        for number, (kind, how) in enumerate(PASSING.items()):
            wish = gateway(number)
            await lab.begin(PRIMARY, kind, **how)
            await client.put(wish.schema, wish.id, wish.body)
            await heal_soon(lab)
            body = await client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
            assert body["status"] == "ACTIVE", kind
            await lab.begin(PRIMARY, kind, **how)
            await client.delete(wish.schema, wish.id)
            await heal_soon(lab)
            await client.wait_gone(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
            cells += 2
        for number, kind in enumerate(REFUSALS, start=len(PASSING)):
            cells += await refused(client, lab, kind, gateway(number))
        report(f"failures for real: {cells} cells of routers that end as the page says")
        assert cells >= 20


async def heal_soon(lab: Lab) -> None:
    await asyncio.sleep(1)
    await lab.heal()


async def refused(client: Client, lab: Lab, kind: str, wish: chain.Wish) -> int:
    """ERROR with the router's words; an update, or another delete, once the router has changed its mind."""
    await lab.begin(PRIMARY, kind)
    await client.put(wish.schema, wish.id, wish.body)
    with pytest.raises(TerminalError, match="permission denied"):
        await client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
    await lab.heal()
    await client.set(wish.schema, wish.id, {"description": "again"})
    await client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
    await lab.begin(PRIMARY, kind)
    await client.delete(wish.schema, wish.id)
    with pytest.raises(TerminalError, match="permission denied"):
        await client.wait_gone(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
    await lab.heal()
    await client.delete(wish.schema, wish.id)
    await client.wait_gone(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
    return 2


async def test_etcd_is_killed_and_started_again_and_the_api_too(tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path))
    async with AsyncExitStack() as stack:
        start = stack.enter_async_context
        etcd, facts = await start(esi("etcd", *folder))
        port = facts["etcd"].rpartition(":")[2]
        where = ("--etcd", facts["etcd"], "--monitoring", "none")
        await start(esi("lab", *folder, "--commit-seconds", "0.5"))
        api, facts = await start(esi("api", *folder, *where, "--port", "0"))
        await start(esi("worker", *folder, *where))
        async with Client(facts["api"], clock=SystemClock()) as client:
            await make_chain(client, chain.prerequisites())
            first = gateway(0)
            await client.put(first.schema, first.id, first.body)
            etcd.send_signal(signal.SIGKILL)
            await etcd.wait()
            await start(esi("etcd", *folder, "--etcd-port", port))
            await client.wait(first.schema, first.id, at_most=PATIENCE_SECONDS)
            second = gateway(1)
            await client.put(second.schema, second.id, second.body)
        api.send_signal(signal.SIGKILL)
        await api.wait()
        _, facts = await start(esi("api", *folder, *where, "--port", "0"))
        async with Client(facts["api"], clock=SystemClock()) as client:
            await client.wait(second.schema, second.id, at_most=PATIENCE_SECONDS)
            os.kill(etcd_of(tmp_path), signal.SIGSTOP)
            await client.delete(second.schema, second.id)
            await asyncio.sleep(3)
            os.kill(etcd_of(tmp_path), signal.SIGCONT)
            await client.wait_gone(second.schema, second.id, at_most=PATIENCE_SECONDS)


def etcd_of(folder: Path) -> int:
    """The pid of the etcd that works in this folder: our own grandchild."""
    wanted = f"--data-dir={folder}".encode()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(wanted) or word == str(folder / "etcd").encode() for word in words[1:]):
            return int(file.parent.name)
    raise AssertionError("no etcd works in this folder")


@pytest.mark.parametrize("flow", ["2017", "2018"])
async def test_a_wrong_key_is_seen_within_one_look_and_the_reason_says_which_side_sees_what(
    flow: str, tmp_path: Path
) -> None:
    ring = ("dev", "--folder", str(tmp_path), "--port", "0", "--agent-port", "0", "--heat-port", "0", "--flow", flow)
    async with (
        esi(*ring, "--set", "agent.interval_seconds=2") as (_, facts),
        Client(facts["api"], clock=SystemClock()) as client,
    ):
        lab, wish = Lab(tmp_path), chain.interface()
        await make_chain(client, [*chain.prerequisites(), chain.gateway(), wish])
        await lab.begin(CUSTOMER, "key", operand="192.168.8.2")
        body = await client.wait(wish.schema, wish.id, until={"MONITORING_UNAVAILABLE"}, at_most=PATIENCE_SECONDS)
        assert body["operational_state"] == "FAIL"
        assert chain.PRIMARY_IP in body["status_reason"]
        assert "192.168.8.1" in body["status_reason"]
        assert "test" not in body["status_reason"]
        await lab.heal()
        await client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
