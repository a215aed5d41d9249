"""From the switch to the static route and back, in both flows: seen working, then nothing is left anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from esi.bootstrap.services import load_services
from esi.errors import Conflict
from esi.identity import SYSTEM
from esi.testing import chain
from esi.testing.chain import TENANT, Wish
from esi.testing.eyes import AGENT, near_eyes
from esi.testing.loop import run
from esi.testing.ring import World


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


SWITCH, P_PORT, S_PORT, PHYSICAL = _id(30), _id(31), _id(32), _id(37)
DOWN_P, DOWN_S, LINK = _id(33), _id(34), _id(35)


def _wish(schema: str, number: int, **body: Any) -> Wish:
    return Wish(schema, _id(number), {"tenant_id": TENANT, **body})


def wishes() -> list[Wish]:
    """The chain with a downlink that ends on a switch, then a network and what stands on it."""
    switch = {"name": "leaf", "hostname": "QFX-NW02", "existing": "existing", "management_ip_address": "10.161.0.34"}
    found = [
        _wish("ese_device", 30, **switch),
        _wish("physical_port", 37, name="p", service_owner=None, service_id=None),
    ]
    for number, name, connected in ((31, "xe-0/0/3", ""), (32, "xe-0/0/4", ""), (38, "xe-0/0/5", PHYSICAL)):
        found.append(_wish("ese_physical_port", number, name=name, ese_device_id=SWITCH, connected_port_id=connected))
    ends = {chain.P_DOWN: P_PORT, chain.S_DOWN: S_PORT}
    for wish in [*chain.prerequisites(), chain.gateway(), chain.interface()]:
        more = {"connected_ese_port_id": ends[wish.id]} if wish.id in ends else {}
        found.append(wish._replace(body={**wish.body, **more}))
    network, gateway = _id(40), {"vpn_gw_id": chain.GATEWAY, "service_type": "vpn"}
    addresses = {"gw_vipv4": "172.16.101.1", "primary_ipv4": "172.16.101.2", "secondary_ipv4": "172.16.101.3"}
    pools = [{"start": "172.16.101.100", "end": "172.16.101.200"}]
    return [
        *found,
        _wish("network", 40, name="n"),
        _wish("subnet", 41, network_id=network, cidr="172.16.101.0/24", allocation_pools=pools),
        _wish("gw_interface", 42, network_id=network, vrid=20, netmask=24, **addresses, **gateway),
        _wish("static_route", 43, destination="192.168.0.0/24", nexthop="172.16.101.9", **gateway),
        _wish(
            "port",
            44,
            network_id=network,
            device_owner="physical_port",
            device_id=PHYSICAL,
            segmentation_type="vlan",
            segmentation_id=7,
        ),
        _wish("port", 45, network_id=network),
    ]


STATUS = {_id(45): "DOWN", _id(37): "ACTIVE"}
NONE = ("vpn_service",)


@pytest.mark.parametrize("flow", ["2017", "2018"])
def test_networks_there_and_back(flow: str) -> None:
    async def play() -> None:
        world = World(load_services(flow), eyes=near_eyes, agent=AGENT)
        contrail = world.contrail.lab.config

        async def scenario() -> None:
            before = {ip: router.running_text() for ip, router in world.routers.items()}
            built_in = {one.uuid for one in contrail.objects}
            for wish in wishes():
                await world.ask(wish)
                if wish.schema not in NONE and wish.id != PHYSICAL:
                    await world.until_status(wish, STATUS.get(wish.id, "ACTIVE"))
            made = (await world.lifecycle.list(SYSTEM, "port")).rows
            for port in made:
                await world.until_status(Wish("port", port["id"], {}), STATUS.get(port["id"], "ACTIVE"))
            assert len(made) == 5
            assert (await world.show(Wish("physical_port", PHYSICAL, {})))["status"] == "ACTIVE"
            assert all("vrrp-group 20" in router.running_text() for router in world.routers.values())
            with pytest.raises(Conflict):
                await world.delete(Wish("network", _id(40), {}))
            for wish in reversed(wishes()):
                await world.delete(wish)
                await world.until_gone(wish)
            for kind in ("port", "ese_logical_port", "subnet", "network"):
                assert (await world.lifecycle.list(SYSTEM, kind)).rows == []
            assert {ip: router.running_text() for ip, router in world.routers.items()} == before
            left = [one for one in contrail.objects if one.uuid not in built_in]
            assert {one.type for one in left} <= {"project", "security-group"}, (
                left
            )  # a tenant, with its own default group
            bills = (await world.lifecycle.list(SYSTEM, "billing_resource")).rows
            assert [row["started"] <= row["ended"] for row in bills] == [True]

        await world.run(scenario())
        await world.store.close()

    run(play())
