"""One suite for every stack backend (the embedded engine on each KV, a real Heat), and one for every resource type.

A backend is judged by what callers and devices see: statuses, outputs, configuration; never by its records.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from conformance.heat_desk import Desk, running_desk
from conftest import Require
from esi.clock import SystemClock
from esi.errors import TemplateError
from esi.kv import KV
from esi.kv.memory import MemoryKV
from esi.stacks import Context, Live, Props, Stack, StackBackend, StackResource, StackSpec
from esi.stacks.engine import EmbeddedEngine, registry_of
from esi.stacks.resources.monitoring import MonitoringTarget
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.stacks.resources.nothing import Nothing
from esi.stacks.wanted import Means
from esi.tasks import Tasks
from esi.testing.etcd import running_etcd
from esi.testing.openstack import Keystone
from unit.stacks.bench import PARALLEL, SERIAL, CountingDevices, CountingTargets, Crash, Routers, spec

TYPES: tuple[StackResource, ...] = (NetconfNamedConfigs(), MonitoringTarget(), Nothing())


class Bench:
    """A backend and the world that it works on."""

    def __init__(self, backend: StackBackend, routers: Routers, targets: CountingTargets, name: str = "s") -> None:
        self.backend = backend
        self.routers = routers
        self.targets = targets
        self.name = name

    async def apply(self, template: str, operation: str, **parameters: Any) -> Stack:
        await self.backend.apply(self.spec(template, **parameters), operation=operation)
        return await self.backend.wait(self.name, operation=operation)

    def spec(self, template: str, **parameters: Any) -> StackSpec:
        return replace(spec(template, **parameters), name=self.name)

    async def delete(self, operation: str) -> Stack:
        await self.backend.delete(self.name, operation=operation)
        return await self.backend.wait(self.name, operation=operation)


@pytest.fixture(scope="module")  # of two Heats in one catalogue nobody knows which is meant
def desk(require: Require, keystone: Keystone) -> Iterator[Desk]:
    with running_desk(require("heat"), keystone) as heat:
        yield heat


@pytest.fixture(
    params=["embedded-memory", *(pytest.param(name, marks=pytest.mark.real) for name in ("embedded-etcd", "heat"))]
)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    routers, targets = Routers(), CountingTargets()

    def engine(kv: KV, tasks: Tasks) -> Bench:
        means = Means(kv, registry_of(*TYPES), CountingDevices(routers, Crash()), targets, SystemClock())
        return Bench(EmbeddedEngine(means, tasks), routers, targets)

    if request.param == "embedded-memory":
        async with Tasks("engine") as tasks:
            yield engine(MemoryKV(), tasks)
        return
    if request.param == "heat":
        desk: Desk = request.getfixturevalue("desk")
        backend, name = desk.backend(), f"s-{uuid4()}"
        async with desk.doors(CountingDevices(routers, Crash()), targets):
            yield Bench(backend, routers, targets, name)
        await backend.close()
        return
    async with running_etcd(tmp_path / "etcd") as (_, kv), Tasks("engine") as tasks:
        yield engine(kv, tasks)


@pytest.mark.parametrize("template", [PARALLEL, SERIAL], ids=["parallel", "serial"])
async def test_the_life_of_a_stack(bench: Bench, template: str) -> None:
    stack = await bench.apply(template, "op1")
    assert (stack.status, stack.reason) == ("CREATE_COMPLETE", "Stack CREATE completed successfully")
    (target,) = bench.targets.targets.values()
    assert {item["output_key"]: item["output_value"] for item in stack.outputs} == {
        "link": target["link"],
        "id": target["id"],
    }
    assert await bench.backend.get(bench.name) == stack
    stack = await bench.apply(template, "op2", vlan="6")
    assert (stack.status, stack.reason) == ("UPDATE_COMPLETE", "Stack successfully updated")
    assert [set(config) for config in bench.routers.running.values()] == [{("interfaces", "unit", "6")}] * 2
    assert [item["properties"] for item in bench.targets.targets.values()] == [{"vlan": "6"}]
    stack = await bench.delete("op3")
    assert stack.status == "DELETE_COMPLETE"
    assert bench.routers.running == {"r1": {}, "r2": {}}
    assert bench.targets.targets == {}
    assert await bench.backend.get(bench.name) is None


async def test_the_same_operation_again_does_nothing_again(bench: Bench) -> None:
    first = await bench.apply(SERIAL, "op1")
    assert await bench.apply(SERIAL, "op1") == first
    assert len(bench.routers.intents) == 2


async def test_an_unchanged_stack_is_updated_without_a_call(bench: Bench) -> None:
    await bench.apply(SERIAL, "op1")
    assert (await bench.apply(SERIAL, "op2")).status == "UPDATE_COMPLETE"
    assert len(bench.routers.intents) == 2


async def test_a_refusal_fails_the_stack_and_the_next_operation_repairs_it(bench: Bench) -> None:
    bench.routers.refusals["r2"] = "commit failed"
    stack = await bench.apply(SERIAL, "op1")
    reason = "two: r2: commit failed; r1 carries its lines; delete or retry cleans them"
    assert (stack.status, stack.reason, stack.outputs) == ("CREATE_FAILED", reason, ())
    assert set(bench.routers.running) == {"r1"}
    bench.routers.refusals.clear()
    assert (await bench.apply(SERIAL, "op2")).status == "UPDATE_COMPLETE"
    assert [intent.address.ip for intent in bench.routers.intents] == ["r1", "r2", "r2"]


async def test_a_failed_stack_can_be_deleted(bench: Bench) -> None:
    bench.routers.refusals["r2"] = "commit failed"
    await bench.apply(SERIAL, "op1")
    stack = await bench.delete("op2")
    assert (stack.status, stack.reason) == ("DELETE_FAILED", "two: r2: commit failed")
    bench.routers.refusals.clear()
    assert (await bench.delete("op3")).status == "DELETE_COMPLETE"
    assert bench.routers.running == {"r1": {}, "r2": {}}


async def test_deleting_what_is_not_there_is_success(bench: Bench) -> None:
    assert (await bench.delete("op1")).status == "DELETE_COMPLETE"


async def test_a_template_with_a_mistake_begins_nothing(bench: Bench) -> None:
    with pytest.raises(TemplateError):
        await bench.backend.apply(bench.spec(SERIAL, unknown="x"), operation="op1")
    with pytest.raises(TemplateError):
        await bench.backend.apply(bench.spec(SERIAL.replace("get_attr", "get_file")), operation="op1")
    assert await bench.backend.get(bench.name) is None
    assert bench.routers.intents == []


def netconf(vlan: str) -> Props:
    path = [{"config_type": "tag", "tag": "vlans"}, {"tag": "vlan", "name": vlan}]
    return {
        "device_ip": "r1",
        "port": 22,
        "username": "",
        "password": "",
        "on_update": "delete-and-create",
        "lock_timeout": 120,
        "configs": [{"path": path, "config": "x;"}],
    }


def monitored(version: int) -> Props:
    return {
        "type": "ping",
        "resource_type": "things",
        "resource_id": "1",
        "tenant_id": "t",
        "version": version,
        "field_name": "status",
        "properties": {},
        "syncer_properties": {},
    }


@pytest.mark.parametrize(
    ("type_", "first", "second"),
    [
        (NetconfNamedConfigs(), netconf("1"), netconf("2")),
        (MonitoringTarget(), monitored(1), monitored(2)),
        (Nothing(), {"value": 1}, {"value": 2}),
    ],
    ids=lambda item: getattr(item, "type", ""),
)
async def test_every_method_of_a_type_may_be_repeated(type_: StackResource, first: Props, second: Props) -> None:
    """Each call twice, as after a kill that lost its answer: the world and the answer are the same."""
    routers, targets = Routers(), CountingTargets()
    context = Context("s", "r", "op", "t", CountingDevices(routers, Crash()), targets)

    def world() -> str:
        return f"{routers.running} {sorted(targets.targets)}"

    empty = world()
    made = await type_.create(context, first)
    after_create = world()
    assert await type_.create(context, first) == made
    assert world() == after_create
    changed = await type_.update(context, made, second)
    after_update = world()
    assert await type_.update(context, made, second) == changed
    assert world() == after_update
    assert (changed.props, changed.attempted) == (second, ())
    await type_.delete(context, changed)
    await type_.delete(context, changed)
    assert world().replace("{'r1': {}}", "{}") == empty
    await type_.delete(context, Live("", first))
    assert world().replace("{'r1': {}}", "{}") == empty
    assert set(first) <= set(type_.properties)
