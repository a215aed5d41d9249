"""ESI::VNF::Instance against the lab's Nova: the recorded order of calls, and the same end whatever is cut off."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from conformance.compute_desk import Desk, compute_desk
from esi.drivers.compute import Compute, NewServer
from esi.errors import NotFound, Rejected, TemplateError, Unreachable, Unsupported
from esi.lab.glance import APPLIANCE_IMAGE
from esi.lab.nova import Pace
from esi.stacks import Live, Props
from esi.stacks.resources.instance import BUILDS, Instance
from esi.telemetry import Named

PORTS = ["p1", "p2", "p3"]


def props(*ports: str, **more: Any) -> Props:
    networks = [{"port": port} for port in ports]
    given = {"name": "lb", "flavor": "m1.xlarge", "image": APPLIANCE_IMAGE, "networks": networks}
    return {**given, "availability_zone": "nova", "reboot": "", **more}


def instance(desk: Desk) -> Instance:
    return Instance(desk.clouds, desk.clock, first_look=0.005)


async def test_a_server_is_made_in_the_recorded_order_of_calls() -> None:
    async with compute_desk(ports=PORTS) as desk:
        live = await instance(desk).create(desk.context(), props(*PORTS))
        acted = [call for call in desk.calls() if not call.startswith("GET")]
        assert acted == [
            "POST /servers", "POST /servers/<id>/action", "POST /servers/<id>/os-interface",
            "POST /servers/<id>/action",
        ]  # fmt: skip
        bodies = [m.body["request"] for m in desk.recorder.messages if m.subject.startswith("POST")]
        assert bodies[0]["server"]["networks"] == [{"port": "p1"}]
        assert bodies[1:] == [
            {"os-stop": None},
            {"interfaceAttachment": {"port_id": "p2"}},
            {"interfaceAttachment": {"port_id": "p3"}},
            {"os-start": None},
        ]
        assert desk.slots() == [PORTS]
        assert (await desk.clouds.of(desk.context().tenant).get(live.physical_id)).status == "ACTIVE"
        assert [call for call in desk.ports.log if call.startswith("PUT")] == [f"PUT ports/{port}" for port in PORTS]


async def test_the_slot_that_changes_and_all_above_it_are_plugged_again() -> None:
    async with compute_desk(ports=[*PORTS, "p4"]) as desk:
        desk.ports.kept.discard("p2")  # the port of the slot that changes is really deleted
        live = await instance(desk).create(desk.context(), props(*PORTS))
        desk.recorder.messages.clear()
        desk.ports.log.clear()
        changed = await instance(desk).update(desk.context("op2"), live, props("p1", "p4", "p3"))
        assert changed.physical_id == live.physical_id
        assert desk.slots() == [["p1", "p4", "p3"]]
        assert [call for call in desk.calls() if not call.startswith("GET")] == [
            "POST /servers/<id>/action", "DELETE /servers/<id>/os-interface/p2", "DELETE /servers/<id>/os-interface/p3",
            "POST /servers/<id>/os-interface", "POST /servers/<id>/action",
        ]  # fmt: skip
        assert [call for call in desk.ports.log if call[:3] in ("PUT", "DEL")] == [
            "DELETE ports/p2", "DELETE ports/p3", "PUT ports/p4", "PUT ports/p3",
        ]  # fmt: skip


async def test_a_name_and_a_reboot() -> None:
    async with compute_desk(ports=PORTS) as desk:
        live = await instance(desk).create(desk.context(), props("p1"))
        live = await instance(desk).update(desk.context("op2"), live, props("p1", name="other", reboot="HARD"))
        (server,) = desk.nova.host.servers.values()
        assert (server.name, server.status) == ("other", "ACTIVE")
        assert [what for what, _ in desk.machines] == ["boot", "power_off", "boot"]
        await instance(desk).update(desk.context("op3"), live, props("p1", name="other"))
        assert [what for what, _ in desk.machines] == ["boot", "power_off", "boot"]


@pytest.mark.parametrize("name", ["image", "flavor", "availability_zone"])
async def test_what_a_server_is_made_from_cannot_change(name: str) -> None:
    async with compute_desk(ports=PORTS) as desk:
        live = Live("some-id", props("p1"))
        with pytest.raises(Unsupported, match=rf"the {name} of a server cannot change"):
            await instance(desk).update(desk.context(), live, props("p1", **{name: "another"}))


@pytest.mark.parametrize("networks", ["[]", "", [{"net": "x"}], [{"port": "p"}, {"port": "p"}], "{'port': 'p'}"])
async def test_networks_must_name_ports_each_once(networks: Any) -> None:
    async with compute_desk() as desk:
        with pytest.raises(TemplateError, match="networks"):
            instance(desk).check(props("p1", networks=networks))


async def test_networks_may_come_as_the_recorded_text() -> None:
    async with compute_desk(ports=PORTS) as desk:
        await instance(desk).create(desk.context(), props(networks="[{u'port': u'p1'}]"))
        assert desk.slots() == [["p1"]]


async def test_a_server_in_error_fails_with_novas_words_and_is_made_anew() -> None:
    async with compute_desk(ports=PORTS) as desk:
        desk.nova.faults.begin("vm-error", "no valid host")
        with pytest.raises(Rejected, match=r"is in ERROR: no valid host"):
            await instance(desk).create(desk.context(), props(*PORTS))
        assert desk.calls().count("POST /servers") == BUILDS
        await instance(desk).delete(desk.context("op2"), Live("", props(*PORTS)))
        assert desk.slots() == []
        desk.nova.faults.end()
        await instance(desk).create(desk.context("op3"), props(*PORTS))
        assert desk.slots() == [PORTS]


@pytest.mark.parametrize("times", [BUILDS - 1, BUILDS])
async def test_what_nova_has_given_up_is_thrown_away_and_built_anew(times: int) -> None:
    """In the same call, or in the next one, which finds the last of them."""
    async with compute_desk(ports=PORTS) as desk:
        desk.nova.faults.begin("vm-error", times=times)
        if times == BUILDS:
            with pytest.raises(Rejected):
                await instance(desk).create(desk.context(), props(*PORTS))
        live = await instance(desk).create(desk.context(), props(*PORTS))
        assert desk.slots() == [PORTS]
        assert [*desk.nova.host.servers] == [live.physical_id]


async def test_a_port_that_goes_while_it_is_waited_for_ends_the_wait() -> None:
    async with compute_desk(ports=PORTS) as desk:
        desk.ports.deaf = True
        work = asyncio.ensure_future(instance(desk).create(desk.context(), props("p1")))
        async with asyncio.timeout(10):
            while not desk.ports.rows["p1"]["device_id"]:
                await asyncio.sleep(0.01)
        desk.nova.host.hear(
            {"name": "network-vif-plugged", "server_uuid": next(iter(desk.nova.host.servers)), "tag": "p1"}
        )
        desk.ports.kept.discard("p1")
        await desk.ports.ask("DELETE", "/v2.0/ports/p1.json")
        with pytest.raises(Rejected, match=r"waits for port p1, which is not there any more"):
            await work


async def test_deleting_twice_and_what_never_was_is_success() -> None:
    async with compute_desk(ports=PORTS) as desk:
        live = await instance(desk).create(desk.context(), props(*PORTS))
        await instance(desk).delete(desk.context(), live)
        await instance(desk).delete(desk.context(), live)
        await instance(desk).delete(desk.context(), Live("", props(*PORTS)))
        assert desk.slots() == []
        assert {row["device_id"] for row in desk.ports.rows.values()} == {""}


class CutOff:
    """A Compute whose n-th call is lost: before it is sent, or after it was done."""

    def __init__(self, cloud: Compute, cut: Cut) -> None:
        self._cloud = cloud
        self._cut = cut

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._cloud, name)

        async def call(*arguments: Any) -> Any:
            self._cut.point(before=True)
            result = await method(*arguments)
            self._cut.point(before=False)
            return result

        return call


class Cut:
    """Gives doors that lose the call number `at`, before or after; `made` are the servers that were asked for."""

    def __init__(self, desk: Desk, at: int, *, before: bool) -> None:
        self._desk, self._left, self._before = desk, at, before
        self.done = False

    def of(self, tenant: str, ref: Named | None = None) -> Any:
        return CutOff(self._desk.clouds.of(tenant, ref), self)

    def point(self, *, before: bool) -> None:
        if before:
            self._left -= 1
        if self._left == 0 and before == self._before and not self.done:
            self.done = True
            raise Unreachable("cut off")


@pytest.mark.parametrize("before", [True, False])
async def test_a_call_that_is_lost_anywhere_makes_no_second_server_and_no_other_order(before: bool) -> None:
    at = 0
    while True:
        at += 1
        pace = Pace(build=0.0, action=0.0, vif_plugging_timeout=5.0)
        async with compute_desk(pace, ports=[*PORTS, "p4"]) as desk:
            cut = Cut(desk, at, before=before)
            type_ = Instance(cut, desk.clock, first_look=0.001)
            live = await again(partial(type_.create, desk.context(), props(*PORTS)))
            assert desk.slots() == [PORTS]
            change = partial(type_.update, desk.context("op2"), live, props("p1", "p4", "p3"))
            await again(change)
            assert desk.slots() == [["p1", "p4", "p3"]]
            assert next(iter(desk.nova.host.servers.values())).status == "ACTIVE"
            await again(partial(type_.delete, desk.context("op3"), live))
            assert desk.slots() == []
            if not cut.done:
                assert at > 25
                return


async def again(work: Any) -> Any:
    while True:
        try:
            return await work()
        except Unreachable:
            continue


async def test_a_server_that_somebody_else_deleted_is_not_there() -> None:
    async with compute_desk(ports=PORTS) as desk:
        with pytest.raises(NotFound):
            await instance(desk).update(desk.context(), Live("gone", props("p1")), props("p1", "p2"))


async def test_a_mark_is_found_among_many_servers() -> None:
    ports = [f"q{number}" for number in range(12)]
    async with compute_desk(ports=ports) as desk:
        cloud = desk.clouds.of(desk.context().tenant)
        image = await cloud.image("cirros")
        ids = [await cloud.create(NewServer("same", "1", image, port, f"mark/{port}")) for port in ports]
        for port, id_ in zip(ports, ids, strict=True):
            found = await cloud.find(f"mark/{port}")
            assert found is not None
            assert found.id == id_
