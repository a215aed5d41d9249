"""Both template sets on a whole ring with lab routers: what is made, what a change touches, what a delete leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache

import pytest

from esi.bootstrap.services import Services, load_services
from esi.model.resource import Ref
from esi.testing import chain
from esi.testing.loop import run
from esi.testing.replay import Ring, on_ring
from esi.testing.ring import ADMIN

FLOWS = ("2017", "2018")


@cache
def services(flow: str) -> Services:
    return load_services(flow)


def play(flow: str, scene: Callable[[Ring], Awaitable[None]]) -> None:
    """Run a scene on a ring that has everything up to the QoS option."""

    async def whole(ring: Ring) -> None:
        await want(ring, *chain.prerequisites())
        await scene(ring)

    run(on_ring(services(flow), whole))


async def want(ring: Ring, *wishes: chain.Wish) -> None:
    for wish in wishes:
        await ring.world.lifecycle.put(ADMIN, Ref(wish.schema, wish.id), wish.body)
    await ring.rest()


@pytest.mark.parametrize("flow", FLOWS)
def test_a_delete_leaves_routers_and_etcd_as_they_were(flow: str) -> None:
    async def scene(ring: Ring) -> None:
        before = ring.running()
        await want(ring, chain.gateway(), chain.interface())
        assert (await ring.show("vpn_interface", chain.INTERFACE))["status"] == "ACTIVE"
        assert all("CloudGW1" in text for text in ring.running().values())
        for schema, id in (("vpn_interface", chain.INTERFACE), ("vpn_gateway", chain.GATEWAY)):
            await ring.delete(schema, id)
            await ring.rest()
            assert await ring.gone(schema, id)
        assert ring.running() == before
        held = (await ring.world.kv.list("/")).entries
        assert [entry.key for entry in held if chain.GATEWAY in entry.key or chain.INTERFACE in entry.key] == []

    play(flow, scene)


@pytest.mark.parametrize("flow", FLOWS)
def test_everything_can_be_deleted_again(flow: str) -> None:
    async def scene(ring: Ring) -> None:
        await want(ring, chain.gateway(), chain.interface())
        wishes = [chain.interface(), chain.gateway(), *reversed(chain.prerequisites())]
        for wish in wishes:
            await ring.delete(wish.schema, wish.id)
            await ring.rest()
            assert await ring.gone(wish.schema, wish.id), wish.schema

    play(flow, scene)


@pytest.mark.parametrize("flow", FLOWS)
def test_the_gateways_new_version_touches_no_router(flow: str) -> None:
    async def scene(ring: Ring) -> None:
        await want(ring, chain.gateway())
        loads = len(ring.facts.loads)
        await want(ring, chain.interface())
        assert [load.edits[0].path[-1].tag for load in ring.facts.loads[loads:]] == ["address", "address"]
        gateway = await ring.show("vpn_gateway", chain.GATEWAY)
        assert (gateway["status"], gateway["orchestration_state"]) == ("ACTIVE", "UPDATE_COMPLETE")
        assert gateway["connected_vpn_interface"] == chain.INTERFACE

    play(flow, scene)


def test_2018_configures_the_secondary_after_the_primary_and_watches_then() -> None:
    async def scene(ring: Ring) -> None:
        await want(ring, chain.gateway(), chain.interface())
        assert [load.address.ip for load in ring.facts.loads] == [chain.PRIMARY_IP, chain.SECONDARY_IP] * 2
        targets = ring.facts.targets[f"vpn_interface_{chain.INTERFACE}"]
        metrics = [f"{side}_interface_metric_monitor" for side in ("primary", "secondary")]
        assert sorted(targets) == ["bgp_monitor", *metrics]
        assert targets["bgp_monitor"]["properties"]["primary"]["port"] == 830

    play("2018", scene)


def test_2017_watches_by_jobs_of_its_own() -> None:
    async def scene(ring: Ring) -> None:
        await want(ring, chain.gateway(), chain.interface())
        assert ring.facts.targets == {}
        watched = {job.resource_type for job in ring.facts.jobs() if job.handler == "monitoring_worker"}
        assert watched == {
            "edge_router", "ha_router", "er_physical_interface", "ha_interface", "vpn_gateway", "vpn_interface",
        }  # fmt: skip

    play("2017", scene)


def test_a_router_that_refuses_leaves_an_error_that_names_it_and_a_delete_cleans_up() -> None:
    async def scene(ring: Ring) -> None:
        before = ring.running()
        qos = next(wish for wish in chain.prerequisites() if wish.schema == "qos_option")
        other = chain.Wish("qos_option", chain.QOS[:-2] + "99", {**qos.body, "incoming_policer_name": "NOT-THERE"})
        await want(ring, other)
        gateway = chain.gateway()
        await want(ring, chain.Wish(gateway.schema, gateway.id, {**gateway.body, "qos_option_id": other.id}))
        shown = await ring.show("vpn_gateway", chain.GATEWAY)
        assert shown["status"] == "ERROR"
        assert "FILTER_NOT-THERE" in shown["status_reason"]
        await ring.delete("vpn_gateway", chain.GATEWAY)
        await ring.rest()
        assert await ring.gone("vpn_gateway", chain.GATEWAY)
        assert ring.running() == before
        assert (await ring.show("ha_interface", chain.DOWNLINK))["available_ga_bandwidth"] == 500

    play("2018", scene)
