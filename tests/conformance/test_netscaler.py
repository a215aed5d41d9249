"""The appliance's resource types on the NITRO driver, over HTTP, against the lab's appliance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest

from conformance.appliance_desk import GATEWAY, IP, LOGIN, Desk, config, desk, dummy, network, syslog
from esi.drivers.nitro import Login
from esi.errors import Rejected, TemplateError, Unreachable, Unsupported
from esi.lab.netscaler import Image
from esi.lab.netscaler.faults import Faults
from esi.lab.nova.servers import FLAVORS, Server
from esi.stacks import Live, Props, Replace, StackResource
from esi.stacks.resources.netscaler import LICENCE_SECONDS, NetscalerConfig
from esi.stacks.resources.netscaler_syslog import NetscalerSyslogServer
from esi.testing.servers import NearServers

USER = network("10.225.225.3", "10.225.225.0/24")


@pytest.fixture
async def lab() -> AsyncIterator[Desk]:
    async with desk() as made:
        yield made


def types(lab: Desk) -> tuple[NetscalerConfig, NetscalerSyslogServer]:
    return NetscalerConfig(lab.driver, lab.clock), NetscalerSyslogServer(lab.driver)


def networks(*slots: dict[str, str]) -> list[dict[str, str]]:
    return [network(IP, "100.64.193.0/24"), *slots]


async def test_a_load_balancer_is_configured_as_recorded(lab: Desk) -> None:
    await types(lab)[0].create(lab.context, config())
    world, rows = lab.world(), lab.appliance.rows
    users = {row["username"]: row["password"] for row in rows.of("systemuser")}
    assert (users["user-admin"], users["user-read"]) == ("Aa0bcdefghij", "Bb0bcdefghij")
    bound = {row["username"]: row["policyname"] for row in rows.of("systemuser_systemcmdpolicy_binding")}
    assert bound == {"vlbadmin": "superuser", "user-admin": "superuser", "user-read": "read-only"}
    assert {row["id"]: row["state"] for row in rows.of("Interface")} == {
        "0/1": "ENABLED",
        "1/1": "ENABLED",
        "1/2": "ENABLED",
    }
    assert [(row["ipaddress"], row["type"]) for row in rows.of("nsip")] == [(IP, "NSIP"), ("100.64.193.4", "SNIP")]
    assert [row["gateway"] for row in rows.of("route")] == [GATEWAY]
    assert world["snmpcommunity"] == [{"communityname": "LOAD_BALANCER_COMMUNITY", "permissions": "ALL"}]
    assert world["capacity"] == {"edition": "Standard", "unit": "Mbps", "bandwidth": 10}
    assert not lab.appliance.changed()
    assert lab.appliance.licence()["isstandardlic"]
    assert len(lab.appliance.sessions) == 0
    assert lab.held == [f"{IP} restarts for its licence", ""]


async def test_everything_is_still_there_after_a_restart(lab: Desk) -> None:
    await types(lab)[0].create(lab.context, config())
    before = lab.world()
    lab.appliance.restart()
    assert lab.world() == before


CHANGES: list[Any] = [
    config(networks=networks(USER, dummy("10.121.232.4"))),
    config(networks=networks(USER, dummy("10.121.232.4")), default_gateway="10.225.225.1"),
    config(networks=networks(USER), internet_port=""),
    config(admin_password="another", other_username="user-other", other_password="x"),
    config(license_code="LA-2", model={"edition": "Platinum", "size": "200"}),
    config(init_config={"snmp_community": "lb community"}),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
async def test_the_way_to_a_version_does_not_matter(lab: Desk, number: int) -> None:
    """Updated to, made at once, or left by another update: the same runs. Deleted: as the appliance came."""
    type_, context, new = types(lab)[0], lab.context, CHANGES[number]
    factory = lab.world()
    await type_.delete(context, await type_.create(context, new))
    assert lab.world() == factory
    live = await type_.create(context, config())
    first = lab.world()
    live = await type_.update(context, live, new)
    updated = lab.world()
    assert updated != first
    live = await type_.update(context, live, config())
    assert sorted_rows(lab.world()) == sorted_rows(first)
    await type_.delete(context, live)
    assert lab.world() == factory
    await type_.create(context, new)
    assert sorted_rows(lab.world()) == sorted_rows(updated)


def sorted_rows(world: dict[str, Any]) -> dict[str, list[str]]:
    return {kind: sorted(map(str, rows)) for kind, rows in world.items()}


async def test_an_address_moves_under_a_route_that_stays(lab: Desk) -> None:
    type_ = types(lab)[0]
    live = await type_.create(lab.context, config(networks=networks(USER), default_gateway="10.225.225.1"))
    moved = network("10.225.225.7", "10.225.225.0/24")
    await type_.update(lab.context, live, config(networks=networks(moved), default_gateway="10.225.225.1"))
    assert [row["gateway"] for row in lab.appliance.rows.of("route")] == ["10.225.225.1"]
    assert "10.225.225.3" not in [row["ipaddress"] for row in lab.appliance.rows.of("nsip")]


async def test_only_the_difference_is_sent(lab: Desk) -> None:
    type_ = types(lab)[0]
    live = await type_.create(lab.context, config())
    lab.recorder.messages.clear()
    await type_.update(lab.context, live, config(networks=networks(USER, dummy("10.121.232.4"))))
    sent = [
        m.subject.split()[2].removeprefix("/nitro/v1/config/") for m in lab.recorder.messages if "GET" not in m.subject
    ]
    assert sent == [
        "login",
        "nsip",
        "vlan",
        "vlan_interface_binding",
        "vlan_nsip_binding",
        "nsconfig?action=save",
        "logout",
    ]


async def test_a_failed_update_leaves_nothing_behind(lab: Desk) -> None:
    type_, wanted = types(lab)[0], config(networks=networks(USER), other_username="o", other_password="p")
    factory = lab.world()
    live = await type_.create(lab.context, config())
    await lab.appliance.faults.begin("refuse", "vlan")
    with pytest.raises(Rejected, match=r"Resource limit exceeded \[vlan\] \(1072\)"):
        await type_.update(lab.context, live, wanted)
    await lab.appliance.faults.end()
    await type_.delete(lab.context, Live(live.physical_id, live.props, attempted=(wanted,)))
    assert lab.world() == factory


async def test_another_machine_is_configured_from_the_beginning(lab: Desk) -> None:
    type_ = types(lab)[0]
    live = await type_.create(lab.context, config())
    world = lab.world()
    await lab.appliances.gone(IP)
    lab.reached = await lab.appliances.boot(IP, Image(IP, gateway=GATEWAY))
    await type_.update(lab.context, live, config(server_id="another"))
    assert lab.world() == world
    with pytest.raises(Replace):
        await type_.update(lab.context, live, config(management_ip="100.64.193.9"))


def cases(lab: Desk) -> list[tuple[StackResource, Props, Props]]:
    config_, syslog_ = types(lab)
    return [
        (config_, config(), config(networks=networks(USER), default_gateway="10.225.225.1")),
        (syslog_, syslog(), syslog(log_level="ERROR, ALERT", priority=5)),
        (syslog_, syslog(), syslog(ip_address="10.0.0.10", name="sys2")),
        (syslog_, syslog(), syslog(vserver_ip_address="100.64.193.5")),
    ]


@pytest.mark.parametrize("number", range(4))
async def test_every_method_of_a_type_may_be_repeated(lab: Desk, number: int) -> None:
    type_, first, second = cases(lab)[number]
    type_.check(first)
    type_.check(second)
    assert set(first) == set(type_.properties)
    empty, context = lab.world(), lab.context
    made = await type_.create(context, first)
    after_create = lab.world()
    assert after_create != empty
    assert await type_.create(context, first) == made
    assert lab.world() == after_create
    changed = await type_.update(context, made, second)
    after_update = lab.world()
    assert after_update != after_create
    assert await type_.update(context, made, second) == changed
    assert lab.world() == after_update
    assert (changed.props, changed.attempted) == (second, ())
    await type_.delete(context, changed)
    await type_.delete(context, changed)
    assert lab.world() == empty
    await type_.delete(context, Live("", first))
    assert lab.world() == empty
    assert not lab.appliance.changed()


class AtTheNth(Faults):
    """Breaks the n-th change from now on, once."""

    def __init__(self, kind: str, number: int) -> None:
        super().__init__(IP, reboot=lambda seconds: None, forget=lambda: None)
        self.kind, self.left = kind, number

    def spend(self, kind: str) -> bool:
        self.left -= kind == self.kind
        return kind == self.kind and self.left == 0


@pytest.mark.parametrize("fault", ["error-after", "drop-after"])
async def test_a_change_whose_answer_is_lost_is_made_good(fault: str) -> None:
    """One change after the other is done without an answer; the call is repeated, as the engine does."""
    async with desk() as lab:
        await types(lab)[0].create(lab.context, config())
        wanted = lab.world()
    for number in count(1):
        async with desk() as lab:
            faults = lab.appliance.faults = AtTheNth(fault, number)
            for _ in range(3):
                try:
                    await types(lab)[0].create(lab.context, config())
                    break
                except Unreachable:
                    continue
            assert lab.world() == wanted
            assert not lab.appliance.changed()
            if faults.left > 0:
                break
    assert number > 13


async def test_a_restart_in_the_middle_loses_what_was_not_saved_and_is_made_good(lab: Desk) -> None:
    type_ = types(lab)[0]
    await lab.appliance.faults.begin("refuse", "snmpcommunity")
    with pytest.raises(Rejected):
        await type_.create(lab.context, config())
    await lab.appliance.faults.end()
    await lab.appliance.faults.begin("reboot", "3")
    assert not list(lab.appliance.rows.matching("systemuser", username="user-admin"))
    with pytest.raises(Unreachable):
        await type_.create(lab.context, config())
    lab.clock.ahead += 3
    await type_.create(lab.context, config())
    assert list(lab.appliance.rows.matching("systemuser", username="user-admin"))


# -- the licence


async def test_the_licence_is_asked_for_for_a_minute_and_nothing_is_held_meanwhile() -> None:
    async with desk(Image(IP, licence_seconds=30.0)) as lab:
        await types(lab)[0].create(lab.context, config(management_gateway=""))
        assert lab.clock.slept[:3] == pytest.approx([0.05, 0.075, 0.1125])
        assert max(lab.clock.slept) == 10
        assert 30 <= sum(lab.clock.slept) <= 45
    async with desk(Image(IP, licence_seconds=1000.0)) as lab:
        with pytest.raises(Rejected, match="is licensed for nothing, not for Standard 10"):
            await types(lab)[0].create(lab.context, config())
        assert sum(lab.clock.slept) == pytest.approx(LICENCE_SECONDS)
        assert len(lab.appliance.sessions) == 0


async def test_a_licence_that_is_none_is_told(lab: Desk) -> None:
    with pytest.raises(Rejected, match="is licensed for nothing"):
        await types(lab)[0].create(lab.context, config(license_code="no licence"))


async def test_an_old_release_is_licensed_for_what_its_file_says() -> None:
    async with desk(Image(IP, gateway=GATEWAY, pooled=False)) as lab:
        type_, factory = types(lab)[0], lab.world()
        with pytest.raises(Rejected, match="is licensed for Standard 1000, not for Standard 10"):
            await type_.create(lab.context, config())
        live = await type_.create(lab.context, config(model={"edition": "Standard", "size": "1000"}))
        await type_.delete(lab.context, live)
        assert lab.world() == factory


async def test_a_known_licence_costs_no_restart(lab: Desk) -> None:
    type_ = types(lab)[0]
    live = await type_.create(lab.context, config())
    slept = len(lab.clock.slept)
    await type_.create(lab.context, config())
    await type_.update(lab.context, live, config(networks=networks(USER)))
    assert len(lab.clock.slept) == slept


async def test_without_a_licence_nothing_restarts(lab: Desk) -> None:
    await types(lab)[0].create(lab.context, config(license_code="", model=""))
    assert lab.clock.slept == []
    assert not lab.appliance.licence()["lb"]


# -- logins


async def test_a_factory_password_is_changed_when_the_appliance_insists() -> None:
    setup = {"new_password": "geheim0000"}
    async with desk(Image(IP, gateway=GATEWAY, insists=True)) as lab:
        type_ = types(lab)[0]
        with pytest.raises(Rejected, match=r"\(1047\)"):
            await type_.create(lab.context, config())
        live = await type_.create(lab.context, config(init_config=setup))
        user = lab.appliance.rows.get("systemuser", "vlbadmin")
        assert user is not None
        assert user["password"] == "geheim0000"
        await type_.delete(lab.context, live)
        assert "geheim0000" not in str([m.body for m in lab.recorder.messages])


async def test_a_forgotten_session_is_opened_once_more(lab: Desk) -> None:
    async with lab.driver.open(LOGIN) as appliance:
        await lab.appliance.faults.begin("forget")
        assert (await appliance.licence()).edition == ""
    logins = [m.subject for m in lab.recorder.messages if m.subject.endswith("/login")]
    assert len(logins) == 2


async def test_a_wrong_password_is_told_in_nitros_words(lab: Desk) -> None:
    with pytest.raises(Rejected) as caught:
        async with lab.driver.open(Login(IP, "vlbadmin", "wrong")):
            pass
    assert caught.value.details["errorcode"] == 354
    assert "Invalid username or password" in caught.value.message


@pytest.mark.parametrize("number", range(2))
async def test_what_an_appliance_keeps_is_gone_with_its_server_and_not_before(lab: Desk, number: int) -> None:
    servers = NearServers(lab.clock, {})
    type_ = (NetscalerConfig(lab.driver, lab.clock, servers.clouds), NetscalerSyslogServer(lab.driver, servers.clouds))
    props = (config(), syslog())[number]
    made = await type_[number].create(lab.context, props)
    its = Server(props["server_id"], lab.context.tenant, "", "lb", FLAVORS[0], "image", 0.0)
    servers.nova.host.servers[its.id] = its
    await lab.appliance.faults.begin("unreachable")
    with pytest.raises(Unreachable):
        await type_[number].delete(lab.context, made)
    servers.clear()
    await type_[number].delete(lab.context, made)


async def test_an_address_without_a_place_in_the_inventory_is_not_dialled(lab: Desk) -> None:
    with pytest.raises(Unsupported, match="no NITRO address"):
        async with lab.driver.open(Login("192.0.2.1", "a", "b")):
            pass


async def test_one_session_at_a_time(lab: Desk) -> None:
    most = 0

    async def visit() -> None:
        nonlocal most
        async with lab.driver.open(LOGIN) as appliance:
            most = max(most, len(lab.appliance.sessions))
            await appliance.licence()

    await asyncio.gather(*(visit() for _ in range(5)))
    assert most == 1


async def test_secrets_are_told_to_nobody(lab: Desk) -> None:
    await types(lab)[0].create(lab.context, config())
    told = str([(m.subject, m.body) for m in lab.recorder.messages])
    assert "nsip" in told
    assert "/config/reboot" in told  # also what got no answer
    for secret in ("Aa0bcdefghij", "Bb0bcdefghij", "TEEt", "'password': 'password'", "##"):
        assert secret not in told
    assert {m.refs for m in lab.recorder.messages} == {(("load_balancer_conf", "1", 1),)}


# -- what comes in


@pytest.mark.parametrize("field", ["name", "ip_address", "vserver_ip_address", "log_level"])
@pytest.mark.parametrize("hostile", ["a/b", "a,policyname:b", "x?action=clear", "../nsconfig", "a\nb", "é", "'; rm"])
def test_no_syslog_value_becomes_structure(field: str, hostile: str) -> None:
    with pytest.raises(TemplateError):
        NetscalerSyslogServer(None).check(syslog(**{field: hostile}))  # type: ignore[arg-type]  # check is pure
