"""OS::Contrail::*: made, changed, deleted; each of it again, and after every answer that was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from esi.clock import SystemClock
from esi.drivers.contrail.api import HttpContrail
from esi.drivers.contrail.http import Door, Means
from esi.errors import Busy, Conflict, NotFound, TemplateError, TemporaryError, Unreachable
from esi.stacks import Context, Live, Props, Replace, StackResource
from esi.stacks.properties import typed
from esi.stacks.resources.contrail.interfaces import PAIRS, InstanceIp, VirtualMachineInterface
from esi.stacks.resources.contrail.networks import VirtualNetwork, VnSubnet
from esi.stacks.resources.contrail.switches import (
    ExistingResource,
    LogicalInterface,
    PhysicalInterface,
    PhysicalRouter,
)
from esi.testing.clouds import NearContrail
from unit.stacks.bench import CountingDevices, CountingTargets, Crash, Routers

TENANT = "0a" * 16
NET, PORT, SERVER = (f"{digit * 8}-1111-1111-1111-111111111111" for digit in "123")
SYSTEM = "default-global-system-config"


def context(stack: str = "s") -> Context:
    return Context(stack, "r", "op", TENANT, CountingDevices(Routers(), Crash()), CountingTargets())


class LosingWire:
    """Loses one exchange, counted from the first: before it is done, or after."""

    def __init__(self, wire: Any) -> None:
        self._wire = wire
        self.count = 0
        self.lost: tuple[int, str] | None = None

    async def send(self, method: str, path: str, body: Any, *, token: str) -> tuple[int, bytes]:
        self.count += 1
        if self.lost == (self.count, "before"):
            raise Unreachable("contrail cannot be reached")
        answer: tuple[int, bytes] = await self._wire.send(method, path, body, token=token)
        if self.lost == (self.count, "after"):
            raise Unreachable("contrail hung up")
        return answer

    async def close(self) -> None:
        return None


class World:
    """A Contrail with a network, a subnet, an interface and a switch, and a driver that may lose what is said."""

    def __init__(self) -> None:
        self.near = NearContrail(SystemClock(), Random(3))
        self.wire = LosingWire(self.near.wire)
        self.api = HttpContrail(Door("contrail", self.wire, Means(SystemClock())))
        self.near.lab.cable("r1", ["xe-0/0/1"])
        self.near.lab.config.put("virtual-router", (SYSTEM, "tor"))
        self.near.lab.config.put("virtual-router", (SYSTEM, "tsn"))
        self.router = self.near.lab.config.find("physical-router", [SYSTEM, "r1"])
        self.port = self.near.lab.config.find("physical-interface", [SYSTEM, "r1", "xe-0/0/1"])
        self.subnet = ""

    async def furnish(self) -> None:
        await VirtualNetwork(self.api).create(context("net"), filled(VirtualNetwork, uuid=NET, name=NET))
        live = await VnSubnet(self.api).create(context("sub"), subnet())
        self.subnet = live.physical_id
        await VirtualMachineInterface(self.api).create(context("port"), interface(PORT))
        self.wire.count = 0

    def dump(self) -> str:
        """All that stands, without what differs from run to run."""
        config = self.near.lab.config
        rows = []
        for one in config.objects:
            body = {key: value for key, value in one.body.items() if key != "virtual_network_network_id"}
            refs = sorted((config.objects.get(uuid).fq_name, str(attr)) for (_, uuid), attr in one.refs.items())  # type: ignore[union-attr]
            rows.append(f"{one.type} {one.fq_name} {sorted(body.items())} {refs}")
        return "\n".join(sorted(rows))


def filled(type_: type[StackResource], **props: Any) -> Props:
    """Properties as the engine gives them: checked, with defaults."""
    assert set(props) <= set(type_.properties)
    found = {}
    for name, one in type_.properties.items():
        if name in props:
            found[name] = typed(one, props[name], name)
        elif one.default is not None:
            found[name] = one.default
    return found


def subnet(cidr: str = "10.1.0.0/24", **more: Any) -> Props:
    given = {"name": "sub", "network_id": NET, "ip_prefix": cidr, "default_gateway": "10.1.0.1"}
    return filled(VnSubnet, **{**given, "dns_server_address": cidr.replace("0/24", "2"), **more})


def interface(uuid: str = PORT, **more: Any) -> Props:
    return filled(VirtualMachineInterface, **{"uuid": uuid, "name": uuid, "virtual_networks": [NET], **more})


PAIR = {"ip_address": "10.1.0.9", "mac_address": "00:00:5e:00:01:0a"}
OTHER = PORT.replace("2", "4")


@dataclass
class Case:
    """`first` becomes `second` in place."""

    type: type[Any]
    first: Callable[[World], Props]
    second: Callable[[World], Props]


def address(world: World, **more: Any) -> Props:
    given: Props = {"name": f"p_s_{more.get('ip_address', '10.1.0.5')}", "ip_address": "10.1.0.5", "network_id": NET}
    placed = {"subnet_id": world.subnet, "virtual_machine_interfaces": [PORT]}
    return filled(InstanceIp, **{**given, **placed, **more})


def router(**more: Any) -> Props:
    given: Props = {"name": "r2", "virtual_routers": ["tor", "tsn"], "management_ip": "192.0.2.2"}
    given = {**given, "dataplane_ip": "192.0.2.3"}
    return filled(PhysicalRouter, **{**given, "user_credentials": {"username": "u", "password": "p"}, **more})


def logical(world: World, **more: Any) -> Props:
    given = {"name": "xe-0/0/1.100", "physical_interface": world.port, "vlan": 100}
    return filled(LogicalInterface, **{**given, "virtual_machine_interfaces": [PORT], **more})


CASES = [
    Case(
        VirtualNetwork,
        lambda w: filled(VirtualNetwork, uuid=OTHER, name=OTHER),
        lambda w: filled(VirtualNetwork, uuid=OTHER, name=OTHER, admin_state_up=False, route_targets=["64512:1"]),
    ),
    Case(
        VnSubnet,
        lambda w: subnet("10.2.0.0/24", name="other"),
        lambda w: subnet("10.2.0.0/24", name="other", dns_nameservers=["8.8.8.8"]),
    ),
    Case(
        VirtualMachineInterface,
        lambda w: interface(OTHER, virtual_machine_interface_mac_addresses=["fa:16:3e:00:00:01"]),
        lambda w: interface(
            OTHER,
            virtual_machine_interface_mac_addresses=["fa:16:3e:00:00:01"],
            virtual_machine_interface_allowed_address_pairs=[PAIR],
            virtual_machine=SERVER,
            device_owner="compute:nova",
        ),
    ),
    Case(InstanceIp, address, lambda w: address(w, ip_address="10.1.0.6")),
    Case(PhysicalRouter, lambda w: router(), lambda w: router(management_ip="192.0.2.9")),
    Case(
        PhysicalInterface,
        lambda w: filled(PhysicalInterface, name="xe-0/0/7", physical_router=w.router),
        lambda w: filled(PhysicalInterface, name="xe-0/0/8", physical_router=w.router),
    ),
    Case(LogicalInterface, logical, lambda w: logical(w, vlan=101)),
    Case(LogicalInterface, logical, lambda w: logical(w, virtual_machine_interfaces=[])),
    Case(
        ExistingResource,
        lambda w: filled(ExistingResource, resource_type="physical_router", fq_name=[SYSTEM, "r1"]),
        lambda w: filled(ExistingResource, resource_type="physical_interface", fq_name=[SYSTEM, "r1", "xe-0/0/1"]),
    ),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.type.type.removeprefix("OS::Contrail::"))


@every_case
async def test_a_life_in_which_all_is_said_twice(case: Case) -> None:
    world, ctx = World(), context()
    await world.furnish()
    empty, type_ = world.dump(), case.type(world.api)
    first, second = case.first(world), case.second(world)
    type_.check(first)
    made = await type_.create(ctx, first)
    after = world.dump()
    assert await type_.create(ctx, first) == made
    assert world.dump() == after
    changed = await type_.update(ctx, made, second)
    after = world.dump()
    assert await type_.update(ctx, made, second) == changed
    assert world.dump() == after
    assert (changed.props, changed.attempted) == (second, ())
    await type_.delete(ctx, changed)
    assert world.dump() == empty
    await type_.delete(ctx, changed)
    await type_.delete(ctx, Live("", first))
    assert world.dump() == empty


async def lossless(case: Case) -> tuple[list[str], list[int]]:
    """What stands after create, update and delete of an undisturbed life, and how many requests each took."""
    world, ctx = World(), context()
    await world.furnish()
    type_, dumps, counts = case.type(world.api), [], []

    async def step(work: Awaitable[Any]) -> Any:
        world.wire.count = 0
        result = await work
        dumps.append(world.dump())
        counts.append(world.wire.count)
        return result

    live = await step(type_.create(ctx, case.first(world)))
    live = await step(type_.update(ctx, live, case.second(world)))
    await step(type_.delete(ctx, live))
    return dumps, counts


@every_case
@pytest.mark.parametrize("when", ["before", "after"])
async def test_whatever_answer_is_lost_the_same_stands_in_the_end(case: Case, when: str) -> None:
    dumps, counts = await lossless(case)
    for number in range(1, max(counts) + 1):
        world, ctx = World(), context()
        await world.furnish()
        type_ = case.type(world.api)

        async def again(*work: Any, world: World = world, number: int = number) -> Any:
            """A method with its arguments; one of its requests is lost."""
            world.wire.count, world.wire.lost = 0, (number, when)
            for _ in range(2):
                try:
                    return await work[0](*work[1:])
                except TemporaryError:
                    continue
            raise AssertionError("lost twice")

        first, second = case.first(world), case.second(world)
        live = await again(type_.create, ctx, first)
        assert world.dump() == dumps[0]
        live = await again(type_.update, ctx, live, second)
        assert world.dump() == dumps[1]
        await again(type_.delete, ctx, live)
        assert world.dump() == dumps[2]


@every_case
async def test_a_create_and_an_update_that_were_cut_off_leave_nothing_after_a_delete(case: Case) -> None:
    """A delete that knows properties alone: no id, and of the update only that it was tried."""
    world, ctx = World(), context()
    await world.furnish()
    empty, type_ = world.dump(), case.type(world.api)
    first, second = case.first(world), case.second(world)
    made = await type_.create(ctx, first)
    await type_.update(ctx, made, second)
    await type_.delete(ctx, Live("", first, attempted=(second,)))
    assert world.dump() == empty


async def test_subnets_of_one_network_made_at_once_all_stand() -> None:
    world = World()
    await world.furnish()
    type_ = VnSubnet(world.api)
    wanted = [subnet(f"10.{number}.0.0/24", name=f"s{number}") for number in range(2, 12)]
    lives = await asyncio.gather(*(type_.create(context(f"s{one['name']}"), one) for one in wanted))
    (row,) = (await world.api.read("virtual-network", NET)).refs("network-ipam")
    there = {one["subnet_uuid"] for one in row["attr"]["ipam_subnets"]}
    assert there == {world.subnet, *(live.physical_id for live in lives)}
    await asyncio.gather(*(type_.delete(context(f"s{live.props['name']}"), live) for live in lives))
    (row,) = (await world.api.read("virtual-network", NET)).refs("network-ipam")
    assert [one["subnet_uuid"] for one in row["attr"]["ipam_subnets"]] == [world.subnet]


async def test_a_subnet_and_a_network_wait_for_what_is_in_them() -> None:
    world = World()
    await world.furnish()
    ip, sub, net = InstanceIp(world.api), VnSubnet(world.api), VirtualNetwork(world.api)
    live = await ip.create(context(), address(world))
    with pytest.raises(Busy, match="in use"):
        await sub.delete(context("sub"), Live("", subnet()))
    with pytest.raises(Busy, match="still referred"):
        await net.delete(context("net"), Live("", filled(VirtualNetwork, uuid=NET, name=NET)))
    await ip.delete(context(), live)
    await sub.delete(context("sub"), Live("", subnet()))
    await VirtualMachineInterface(world.api).delete(context("port"), Live("", interface()))
    await net.delete(context("net"), Live("", filled(VirtualNetwork, uuid=NET, name=NET)))
    with pytest.raises(NotFound):
        await world.api.read("virtual-network", NET)
    await sub.delete(context("sub"), Live("", subnet()))


async def test_a_subnet_is_written_as_recorded() -> None:
    world = World()
    await world.furnish()
    (ref,) = (await world.api.read("virtual-network", NET)).refs("network-ipam")
    (row,) = ref["attr"]["ipam_subnets"]
    assert row == {
        "subnet": {"ip_prefix": "10.1.0.0", "ip_prefix_len": 24},
        "subnet_uuid": world.subnet,
        "subnet_name": "sub",
        "default_gateway": "0.0.0.0",
        "dns_server_address": "10.1.0.2",
        "enable_dhcp": True,
        "dns_nameservers": [],
        "allocation_pools": [],
        "addr_from_start": True,
        "dhcp_option_list": {
            "dhcp_option": [
                {"dhcp_option_name": "121", "dhcp_option_value": "0.0.0.0/0 10.1.0.1 "},
                {"dhcp_option_name": "3", "dhcp_option_value": "10.1.0.1"},
            ]
        },
        "host_routes": None,
    }


async def test_attributes_have_the_recorded_shapes() -> None:
    world = World()
    await world.furnish()
    net = await VirtualNetwork(world.api).create(context("net"), filled(VirtualNetwork, uuid=NET, name=NET))
    assert net.attributes == {"name": NET, "fq_name": f"default-domain:{TENANT}:{NET}", "route_targets": []}
    port = await VirtualMachineInterface(world.api).create(context("port"), interface())
    assert port.attributes == {
        "name": PORT,
        "fq_name": f"default-domain:{TENANT}:{PORT}",
        "mac_address": ["02:22:22:22:22:11"],
        "allowed_address_pairs": {"allowed_address_pair": []},
        "virtual_network": [["default-domain", TENANT, NET]],
    }
    there = await VnSubnet(world.api).create(context("sub"), subnet())
    ipam = await world.api.find("network-ipam", ["default-domain", "default-project", "default-network-ipam"])
    assert there.attributes == {
        "name": "sub",
        "network_id": NET,
        "ip_prefix": "10.1.0.0/24",
        "default_gateway": "10.1.0.1",
        "ipam": ipam,
    }
    switch = filled(ExistingResource, resource_type="physical_router", fq_name=[SYSTEM, "r1"])
    assert (await ExistingResource(world.api).create(context(), switch)).attributes == {
        "name": "r1",
        "fq_name": [SYSTEM, "r1"],
    }


async def test_an_interface_of_a_port_or_a_gateway_has_no_machine_and_one_without_groups_permits_any() -> None:
    world = World()
    await world.furnish()
    type_ = VirtualMachineInterface(world.api)
    for owner in ("physical_port", "network:gw_interface", ""):
        await type_.create(context(), interface(OTHER, virtual_machine=SERVER, device_owner=owner))
        found = await world.api.read("virtual-machine-interface", OTHER)
        assert found.refs("virtual-machine") == ()
        assert [ref["to"][-1] for ref in found.refs("security-group")] == ["permit-any"]


async def test_a_machine_goes_with_the_last_of_its_interfaces() -> None:
    world = World()
    await world.furnish()
    type_ = VirtualMachineInterface(world.api)
    plugged = {"virtual_machine": SERVER, "device_owner": "compute:nova"}
    one = await type_.create(context("a"), interface(OTHER, **plugged))
    two = await type_.update(context("port"), Live(PORT, interface()), interface(**plugged))
    await type_.update(context("port"), two, interface())
    assert (await world.api.read("virtual-machine", SERVER)).uuid == SERVER
    await type_.delete(context("a"), one)
    with pytest.raises(NotFound):
        await world.api.read("virtual-machine", SERVER)


async def test_what_somebody_else_has_made_is_left_alone() -> None:
    world = World()
    await world.furnish()
    type_ = PhysicalInterface(world.api)
    theirs = filled(PhysicalInterface, name="xe-0/0/1", physical_router=world.router)
    with pytest.raises(Conflict, match="xe-0/0/1 already, which this stack has not made"):
        await type_.create(context(), theirs)
    await type_.delete(context(), Live("", theirs))
    assert (await world.api.read("physical-interface", world.port)).uuid == world.port
    await InstanceIp(world.api).create(context(), address(world))
    with pytest.raises(Conflict, match=r"already in use \(10.1.0.5"):
        await InstanceIp(world.api).create(context("t"), address(world, name="another"))


async def test_another_place_means_another_object() -> None:
    world = World()
    await world.furnish()
    net = filled(VirtualNetwork, uuid=NET, name=NET)
    for type_, live, new in (
        (VnSubnet, Live("", subnet()), subnet("10.3.0.0/24")),
        (VirtualNetwork, Live("", net), {**net, "uuid": OTHER}),
        (VirtualMachineInterface, Live("", interface()), interface(OTHER)),
    ):
        with pytest.raises(Replace):
            await type_(world.api).update(context(), live, new)


async def test_what_is_not_there_yet_is_said() -> None:
    world = World()
    missing = filled(ExistingResource, resource_type="physical_router", fq_name=[SYSTEM, "r9"])
    with pytest.raises(NotFound, match=f"no physical-router of the name {SYSTEM}:r9"):
        await ExistingResource(world.api).create(context(), missing)


@pytest.mark.parametrize(
    ("type_", "props"),
    [
        (VnSubnet, lambda: subnet("10.1.0.1/24")),
        (VnSubnet, lambda: subnet(host_routes=[{"destination": "10.0.0.0/8"}])),
        (VirtualMachineInterface, lambda: interface(PORT, **{PAIRS: ["10.1.0.9"]})),
        (VirtualMachineInterface, lambda: interface(PORT, **{PAIRS: [{"ip_address": "x"}]})),
        (PhysicalRouter, lambda: router(virtual_routers=[])),
    ],
)
async def test_nothing_is_asked_for_what_nothing_could_be_made_of(type_: Any, props: Callable[[], Props]) -> None:
    world = World()
    with pytest.raises(TemplateError):
        type_(world.api).check(props())
    assert world.wire.count == 0
