"""A VPN interface occupies its gateway, in that order of events; a second one is refused, and what routers would."""

from typing import Any

import pytest

from esi.errors import Conflict, Invalid
from esi.identity import SYSTEM
from esi.model.resource import Resource
from unit.services.desk import OTHER, Desk


async def ready(desk: Desk) -> Resource:
    """A gateway that is there, and an empty outbox."""
    gateway = await desk.made("vpn_gateway", **desk.gateway())
    assert gateway["status"] == "ACTIVE"
    await desk.store.outbox_done([row.id for row in await desk.store.outbox_batch(1000)])
    return gateway


async def test_the_gateway_follows_its_interface_in_a_version_of_its_own(desk: Desk) -> None:
    gateway = await ready(desk)
    interface = await desk.create("vpn_interface", desk.member, **desk.interface(gateway))
    first, second = await desk.store.outbox_batch(10)
    assert (first.path, first.version) == (f"/v2.0/vpn_interfaces/{interface.id}", 1)
    assert (second.path, second.version) == (f"/v2.0/vpn_gateways/{gateway.id}", 2)
    after = await desk.row(gateway.ref)
    assert after["connected_vpn_interface"] == interface.id
    assert (after["status"], after["orchestration_state"]) == ("PENDING_UPDATE", "UPDATE_IN_PROGRESS")


async def test_with_the_recorded_quirks_the_gateway_keeps_its_orchestration_state(quirky: Desk) -> None:
    gateway = await ready(quirky)
    await quirky.create("vpn_interface", **quirky.interface(gateway))
    after = await quirky.row(gateway.ref)
    assert (after["status"], after["orchestration_state"]) == ("PENDING_UPDATE", "CREATE_COMPLETE")


async def test_the_router_id_defaults_to_the_address(desk: Desk) -> None:
    body = (await desk.create("vpn_interface", **desk.interface(await ready(desk)))).body
    assert body["primary"]["bgp_router_id"] == "198.51.100.2"
    assert body["secondary"]["bgp_router_id"] == "198.51.100.6"


async def test_a_gateway_has_one_interface_until_that_is_gone(desk: Desk) -> None:
    gateway = await ready(desk)
    interface = await desk.made("vpn_interface", **desk.interface(gateway))
    await desk.done(gateway.ref)
    with pytest.raises(Conflict, match=f"already has vpn_interface {interface.id}"):
        await desk.create("vpn_interface", **desk.interface(gateway))
    with pytest.raises(Conflict):
        await desk.life.delete(SYSTEM, gateway.ref)
    await desk.life.delete(SYSTEM, interface.ref)
    with pytest.raises(Conflict, match="still there; delete it first"):
        await desk.life.delete(SYSTEM, gateway.ref)
    await desk.done(interface.ref)
    assert await desk.gone(interface.ref)
    free = await desk.row(gateway.ref)
    assert (free["connected_vpn_interface"], free.config_version) == ("", 3)
    await desk.create("vpn_interface", **desk.interface(gateway))


async def test_the_gateway_can_go_when_the_interface_is_gone(desk: Desk) -> None:
    gateway = await ready(desk)
    interface = await desk.made("vpn_interface", **desk.interface(gateway))
    await desk.done(gateway.ref)
    for ref in (interface.ref, gateway.ref):
        await desk.life.delete(desk.member, ref)
        await desk.done(ref)
        assert await desk.gone(ref)


async def test_an_interface_that_failed_can_be_deleted_and_frees_the_gateway(desk: Desk) -> None:
    gateway = await ready(desk)
    interface = await desk.create("vpn_interface", **desk.interface(gateway))
    await desk.done(interface.ref, error="secondary: the router said no")
    assert (await desk.row(interface.ref))["status"] == "ERROR"
    await desk.life.delete(SYSTEM, interface.ref)
    await desk.done(interface.ref)
    assert (await desk.row(gateway.ref))["connected_vpn_interface"] == ""


async def test_a_gateway_in_error_takes_no_interface(desk: Desk) -> None:
    gateway = await desk.create("vpn_gateway", **desk.gateway())
    await desk.done(gateway.ref, error="primary: no such filter")
    with pytest.raises(Conflict, match="in ERROR"):
        await desk.create("vpn_interface", **desk.interface(gateway))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"bgp_remote_as": "64512"}, "bgp_remote_as"),
        ({"bgp_remote_as": "x"}, "bgp_remote_as"),
        ({"bgp_md5": ""}, "bgp_md5"),
        ({"bgp_md5": "x" * 127}, "bgp_md5"),
        ({"bgp_md5": "two\nlines"}, "bgp_md5"),
        ({"vpn_gw_id": ""}, "vpn_gw_id"),
        ({"vpn_gw_id": "00000000-0000-4000-8000-000000000000"}, "vpn_gw_id"),
        ({"primary": {"ip_address": "198.51.100.2", "bgp_peer_ip": "198.51.100.1"}}, "primary.ip_address"),
        ({"primary": {"ip_address": "198.51.100.2/30", "bgp_peer_ip": "198.51.100.9"}}, "primary.bgp_peer_ip"),
        ({"primary": {"ip_address": "198.51.100.2/30"}}, "primary.bgp_peer_ip"),
        ({"primary": {"ip_address": "198.51.100.2/30", "bgp_peer_ip": "198.51.100.1", "vrf": "x"}}, "primary.vrf"),
        (
            {
                "primary": {
                    "ip_address": "198.51.100.2/30", "bgp_peer_ip": "198.51.100.1", "bgp_router_id": "198.51.100.6",
                }
            },
            "secondary.bgp_router_id",
        ),
    ],
)  # fmt: skip
async def test_what_a_router_would_refuse_is_refused_by_name(desk: Desk, changes: dict[str, Any], path: str) -> None:
    gateway = await ready(desk)
    with pytest.raises(Invalid) as caught:
        await desk.create("vpn_interface", desk.member, **desk.interface(gateway, **changes))
    assert path in dict(caught.value.errors)
    assert (await desk.row(gateway.ref))["connected_vpn_interface"] == ""
    assert await desk.store.outbox_batch(10) == []


@pytest.mark.parametrize("name", ["bgp_md5", "bgp_remote_as", "primary", "vpn_gw_id"])
async def test_a_missing_field_is_named(desk: Desk, name: str) -> None:
    body = desk.interface(await ready(desk))
    del body[name]
    with pytest.raises(Invalid) as caught:
        await desk.create("vpn_interface", desk.member, **body)
    assert caught.value.errors == [(name, "is required")]


async def test_a_foreign_gateway_is_as_good_as_none(desk: Desk) -> None:
    gateway = await ready(desk)
    with pytest.raises(Invalid) as caught:
        await desk.create("vpn_interface", desk.stranger, **desk.interface(gateway, tenant_id=OTHER))
    assert "vpn_gw_id" in dict(caught.value.errors)


async def test_a_tenant_is_not_shown_the_key(desk: Desk) -> None:
    interface = await desk.create("vpn_interface", desk.member, **desk.interface(await ready(desk)))
    assert "bgp_md5" not in await desk.life.show(desk.member, interface.ref)
    assert (await desk.life.show(SYSTEM, interface.ref))["bgp_md5"] == "shared word"
