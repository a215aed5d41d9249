"""One suite for every way to Contrail: over HTTP with tokens, and straight to the lab's core."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from conformance.contrail_desk import Desk, guarded_desk, http_desk, near_desk
from esi.drivers.contrail import Analytics, Contrail
from esi.errors import Busy, Conflict, NotFound, Rejected, TemporaryError, Unreachable

PROJECT = "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a"
HOME = ("default-domain", "default-project")
IPAM = (*HOME, "default-network-ipam")
NET = "11111111-1111-1111-1111-111111111111"
PORT = "22222222-2222-2222-2222-222222222222"
SUBNET = "33333333-3333-3333-3333-333333333333"


@pytest.fixture(params=[http_desk, near_desk], ids=["http", "near"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with request.param() as found:
        yield found


async def network(api: Contrail, uuid: str = NET) -> tuple[str, ...]:
    project = await api.read("project", PROJECT)
    name = (*project.fq_name, uuid)
    made = await api.create("virtual-network", name, {"parent_type": "project", "uuid": uuid})
    assert (made.uuid, made.fq_name) == (uuid, name)
    return name


async def interface(api: Contrail) -> None:
    project = await api.read("project", PROJECT)
    body: dict[str, Any] = {"parent_type": "project", "uuid": PORT, "virtual_network_refs": [{"uuid": NET}]}
    await api.create("virtual-machine-interface", (*project.fq_name, PORT), body)


def subnet(cidr: str = "10.1.0.0", uuid: str = SUBNET) -> dict[str, Any]:
    inside = {"subnet": {"ip_prefix": cidr, "ip_prefix_len": 24}, "subnet_uuid": uuid, "addr_from_start": True}
    return {**inside, "default_gateway": "0.0.0.0"}


async def test_both_ways_are_the_port(desk: Desk) -> None:
    api: Contrail = desk.api
    analytics: Analytics = desk.analytics
    assert await api.find("project", HOME)
    assert await analytics.look("virtual-network", ["no:such:net"], ["ContrailConfig"]) == {}


async def test_what_is_made_is_found_by_name_and_by_uuid(desk: Desk) -> None:
    name = await network(desk.api)
    assert await desk.api.find("virtual-network", name) == NET
    found = await desk.api.read("virtual-network", NET)
    assert found.fq_name == name
    assert [row["to"] for row in found.body["routing_instances"]] == [[*name, NET]]


async def test_making_it_again_gives_what_stands(desk: Desk) -> None:
    name = await network(desk.api)
    assert await network(desk.api) == name
    other = "99999999-1111-1111-1111-111111111111"
    with pytest.raises(Conflict, match="already exists with uuid: 1111"):
        await desk.api.create("virtual-network", name, {"parent_type": "project", "uuid": other})
    with pytest.raises(Conflict, match="already exists with fq_name"):
        await desk.api.create("virtual-network", (*name[:2], "x"), {"parent_type": "project", "uuid": NET})


@pytest.mark.parametrize("fault", ["error-after", "cut-after", "error-before", "unreachable"])
async def test_an_answer_that_is_lost_is_temporary_and_the_request_may_be_repeated(desk: Desk, fault: str) -> None:
    name = (*(await desk.api.read("project", PROJECT)).fq_name, NET)
    desk.lab.faults.begin(fault, times=1)
    with pytest.raises(TemporaryError):
        await desk.api.create("virtual-network", name, {"parent_type": "project", "uuid": NET})
    made = await desk.api.create("virtual-network", name, {"parent_type": "project", "uuid": NET})
    assert made.uuid == NET


async def test_what_is_not_there_is_not_found_and_gone_already(desk: Desk) -> None:
    with pytest.raises(NotFound, match="no network-ipam of the name a:b"):
        await desk.api.find("network-ipam", ("a", "b"))
    with pytest.raises(NotFound):
        await desk.api.read("virtual-network", NET)
    await desk.api.delete("virtual-network", NET)
    await desk.api.release(("virtual-network", NET), ("network-ipam", NET))


async def test_what_is_referred_to_stays_until_nobody_does(desk: Desk) -> None:
    await network(desk.api)
    await interface(desk.api)
    with pytest.raises(Busy, match="still referred"):
        await desk.api.delete("virtual-network", NET)
    await desk.api.delete("virtual-machine-interface", PORT)
    await desk.api.delete("virtual-network", NET)
    with pytest.raises(NotFound):
        await desk.api.read("virtual-network", NET)


async def test_references_carry_what_they_are_given_and_can_be_taken_away(desk: Desk) -> None:
    await network(desk.api)
    ipam = await desk.api.find("network-ipam", IPAM)
    source, target = ("virtual-network", NET), ("network-ipam", ipam)
    for _ in range(2):
        await desk.api.refer(source, target, {"ipam_subnets": [subnet()]})
    (row,) = (await desk.api.read("virtual-network", NET)).refs("network-ipam")
    assert (row["uuid"], row["attr"]["ipam_subnets"][0]["subnet_uuid"]) == (ipam, SUBNET)
    await desk.api.release(source, target)
    assert (await desk.api.read("virtual-network", NET)).refs("network-ipam") == ()


async def test_a_change_changes_only_what_it_names(desk: Desk) -> None:
    await network(desk.api)
    await desk.api.update("virtual-network", NET, {"is_shared": True})
    await desk.api.update("virtual-network", NET, {"id_perms": {"enable": False, "creator": "me"}})
    body = (await desk.api.read("virtual-network", NET)).body
    assert (body["is_shared"], body["id_perms"]["enable"], body["id_perms"]["creator"]) == (True, False, None)


async def test_a_refusal_has_contrails_own_words(desk: Desk) -> None:
    with pytest.raises(Rejected, match="validation failed for is_shared"):
        await desk.api.create("virtual-network", (*HOME, "n"), {"parent_type": "project", "is_shared": "yes"})
    with pytest.raises(Rejected, match="type project does not exist"):
        await desk.api.create("virtual-network", ("a", "b", "n"), {"parent_type": "project"})


async def test_agents_tell_of_what_is_held(desk: Desk) -> None:
    await network(desk.api)
    await interface(desk.api)
    name = ":".join((await desk.api.read("virtual-machine-interface", PORT)).fq_name)
    wanted = ["UveVMInterfaceAgent:l2_active", "UveVMInterfaceAgent:if_stats"]
    assert await desk.analytics.look("virtual-machine-interface", [name], wanted) == {}
    await desk.api.create("virtual-machine", ("vm",), {})
    await desk.api.update("virtual-machine-interface", PORT, {"virtual_machine_refs": [{"to": ["vm"]}]})
    told = await desk.analytics.look("virtual-machine-interface", [name], wanted)
    assert told == {name: {"UveVMInterfaceAgent": {"l2_active": True}}}
    desk.lab.faults.begin("inactive", PORT)
    told = await desk.analytics.look("virtual-machine-interface", [name], wanted)
    assert told[name]["UveVMInterfaceAgent"]["l2_active"] is False


async def test_a_token_that_has_ended_is_taken_anew() -> None:
    async with guarded_desk() as desk:
        assert await desk.api.find("project", HOME)
        desk.lab.faults.begin("no-token", times=1)
        assert await desk.api.find("project", HOME)
        desk.lab.faults.begin("no-token")
        with pytest.raises(Unreachable, match="refuses our token"):
            await desk.api.find("project", HOME)


@pytest.mark.parametrize(
    ("user", "password", "kind", "words"),
    [("esi", "wrong-password", Unreachable, "no token for contrail"), ("alice", "alice-password", Rejected, "403")],
)
async def test_who_may_not_is_told_so(user: str, password: str, kind: type[Exception], words: str) -> None:
    async with guarded_desk(user, password) as desk:
        with pytest.raises(kind, match=words):
            await desk.api.find("project", HOME)


async def test_a_stranger_gets_plain_text_and_a_challenge() -> None:
    async with guarded_desk() as desk:
        assert desk.session is not None
        async with desk.session.post(f"{desk.urls[0]}/fqname-to-id", json={}) as reply:
            assert (reply.status, await reply.text()) == (401, "Authentication required")
            assert reply.headers["WWW-Authenticate"] == "Keystone uri='http://keystone'"
        async with desk.session.get(desk.urls[0]) as reply:
            found = {one["link"]["name"]: one["link"]["href"] for one in (await reply.json())["links"]}
            assert found["name-to-id"] == f"{desk.urls[0]}/fqname-to-id"


async def test_nobody_there_is_unreachable() -> None:
    async with guarded_desk() as desk:
        desk.lab.faults.begin("unreachable")
        with pytest.raises(Unreachable, match="contrail at http"):
            await desk.api.find("project", HOME)
