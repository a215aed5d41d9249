"""The heat_worker handler over the embedded engine: recorded jobs become the recorded stacks and configuration."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import esi
from esi.drivers import Intent
from esi.errors import Busy, TemplateError
from esi.heat import HeatHandler, OutputMissing, RecordedOutputs, Shelf, StackFailed
from esi.kv import Guard, Put
from esi.model.codec import dumps, encode_config, loads
from esi.model.job import Job
from esi.model.keys import HEAT_STACKS, heat_stack_key
from esi.model.resource import Body, Ref
from esi.render.junos.text import Statement, parse
from esi.render.templates import Templates
from esi.stacks import NOBODY, Caller, Stack, StackBackend, StackSpec
from esi.work import Claim
from unit.stacks.bench import World

CASES = Path(__file__).parents[4] / "shared/spec/cases"
SERVICES = Path(esi.__file__).parent / "services"
recorded = [
    pytest.mark.recorded,
    pytest.mark.skipif(not CASES.exists(), reason="the recorded cases do not stand beside this checkout"),
]


def path_of(ref: Ref) -> str:
    return f"/v2.0/{ref.schema}s/{ref.id}"


def templates(*documents: Mapping[str, Any]) -> Templates:
    shelf = Templates()
    for body in documents:
        shelf.put(body["id"], encode_config(dumps(body), 1))
    return shelf


def flow(year: int) -> Templates:
    return templates(*(yaml.safe_load(p.read_text()) for p in (SERVICES / f"vpn/templates/{year}").glob("*.yaml")))


class SpyingBackend:
    """Passes everything on, and keeps what a stack was asked to be."""

    def __init__(self, backend: StackBackend) -> None:
        self._backend = backend
        self.specs: list[StackSpec] = []

    async def apply(self, spec: StackSpec, *, operation: str) -> None:
        self.specs.append(spec)
        await self._backend.apply(spec, operation=operation)

    async def delete(self, name: str, *, operation: str, fence: Guard | None = None) -> None:
        await self._backend.delete(name, operation=operation, fence=fence)

    async def wait(self, name: str, *, operation: str, caller: Caller = NOBODY) -> Stack:
        return await self._backend.wait(name, operation=operation, caller=caller)

    async def stop(self, name: str, *, operation: str) -> None:
        await self._backend.stop(name, operation=operation)

    async def get(self, name: str) -> Stack | None:
        return await self._backend.get(name)


class Desk:
    """One handler over one world, with a claim."""

    def __init__(self, world: World, engine: StackBackend, shelf: Templates) -> None:
        self.world = world
        self.backend = SpyingBackend(engine)
        outputs = RecordedOutputs(world.kv, path_of)
        self.handler = HeatHandler(Shelf(shelf.get, lambda schema: f"C{schema}", path_of, outputs), self.backend)

    async def run(self, job: Job) -> tuple[Body, list[tuple[str, Body]]]:
        revision = await self.world.kv.commit([Put("/jobs/working/x", b"")])
        entry = await self.world.kv.get("/jobs/working/x")
        assert entry is not None
        assert revision == entry.mod_revision
        claim = Claim(Guard("/jobs/working/x", entry.create_revision, "create"), asyncio.Event())
        result = await self.handler.run(job, claim)
        await self.world.kv.commit(result.ops, guards=[claim.guard])
        told = [op for op in result.ops if isinstance(op, Put) and op.key.startswith(HEAT_STACKS)]
        return result.state, [(op.key, loads(op.value)) for op in told]


def job(action: str = "create", *, params: Iterable[Mapping[str, Any]] = (), version: int = 1) -> Job:
    body = {"id": "1", "tenant_id": "t1"}
    return Job(f"{action}:x:{version}", action, "heat_worker", "thing", "1", version, body, list(params))


def recorded_job(raw: Mapping[str, Any], body: Body) -> Job:
    params = [
        {"param": name, "type": item["type"], "value": item["value"], "resources": []}
        for name, item in raw["params"].items()
    ]
    return Job(
        raw["key_prefix"].removeprefix("/jobs/all/") + ":abcde",
        raw["action"],
        raw["handler"],
        raw["resource"],
        raw["resource_id"],
        raw["version"],
        body,
        params,
    )


def leaves(statements: Iterable[Statement], above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for statement in statements:
        words = above + statement.words
        found |= leaves(statement.children, words) if statement.children else {words}
    return found


def expected_leaves(written: Any, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if isinstance(written, dict):
        return set().union(*(expected_leaves(item, (*above, *key.split())) for key, item in written.items()))
    return {above if written is None else (*above, written)}


def as_expected(intent: Intent) -> list[tuple[list[str], set[tuple[str, ...]]]]:
    return [([f"{s.tag} {s.name}".strip() for s in edit.path], leaves(parse(edit.text))) for edit in intent.edits]


@pytest.mark.parametrize("generation", ["old", "new"])
class TestRecorded:
    pytestmark = recorded

    async def test_gateway_and_interface_become_what_was_recorded(self, generation: str) -> None:
        jobs = [raw for raw in load("jobs.json")[generation] if raw["handler"] == "heat_worker"]
        stacks = load("heat_stacks.json")[generation]
        configs = {
            item["key"].rsplit("/", 1)[1]: item["value"]["body"] for item in load("etcd_config.json")[generation]
        }
        assert [raw["action"] for raw in jobs] == ["create", "create", "modify"]
        world = World()
        async with world.engine() as engine:
            desk = Desk(world, engine, flow(2017 if generation == "old" else 2018))
            for raw, stack in zip(jobs, stacks, strict=True):
                before = len(world.routers.intents)
                state, ((key, record),) = await desk.run(recorded_job(raw, configs[raw["resource_id"]]))
                self._compare_stack(desk.backend.specs[-1], record, stack)
                assert key == heat_stack_key(path_of(Ref(raw["resource"], raw["resource_id"])))
                assert state["orchestration_state"] == stack["stack_status"]
                assert {item["output_key"] for item in state["heat_outputs"]} == set(stack["outputs"])
                intents = world.routers.intents[before:]
                if raw["action"] == "modify":
                    assert intents == []
                else:
                    self._compare_intents(intents, raw["resource"])

    def _compare_stack(self, spec: StackSpec, record: Body, stack: Body) -> None:
        assert (spec.name, spec.tenant) == (stack["stack_name"], stack["tenant"])
        assert spec.timeout == stack["timeout_mins"] * 60
        shown = {name: str(value) for name, value in spec.parameters.items()}
        masked = {name for name, value in stack["parameters"].items() if value == "******"}
        assert {**shown, **dict.fromkeys(masked, "******")} == stack["parameters"]
        assert record == {
            "id": stack["stack_name"].replace("_", ":", 2).replace(":", "_", 1),
            "stack_id": stack["stack_name"],
            "tenant_id": stack["tenant"],
            "stack_status": stack["stack_status"],
            "status_reason": stack["status_reason"],
            "output": record["output"],
        }

    def _compare_intents(self, intents: list[Intent], resource: str) -> None:
        routers = {item["device_ip"]: item for item in load("junos_expected.json")["routers"]}
        assert {intent.address.ip for intent in intents} == set(routers)
        for intent in intents:
            router = routers[intent.address.ip]
            (step,) = [step for step in router["steps"] if step["resource"] == resource]
            assert as_expected(intent) == [(edit["path"], expected_leaves(edit["set"])) for edit in step["edits"]]
            assert (intent.address.port, intent.address.username) == (router["port"], router["login"])
            assert intent.lock_timeout == 3000.0


def load(name: str) -> Any:
    return json.loads((CASES / "vpn" / name).read_text())


THING = {
    "id": "thing",
    "handler": "heat_worker",
    "watch": [],
    "parameter_mappings": {},
    "template_file": """
heat_template_version: 2013-05-23
parameters:
  name: {type: string}
  ids: {type: comma_delimited_list, default: []}
resources:
  a: {type: "ESI::None", properties: {value: {name: {get_param: name}, ids: {get_param: ids}}}}
{%- if jinja_two %}
  b: {type: "ESI::None"}
{%- endif %}
outputs:
  value: {value: {get_attr: [a, value]}, description: what}
""",
}


def value(name: str, item: Any) -> dict[str, Any]:
    return {"param": name, "type": "value", "value": item, "resources": []}


async def test_outputs_of_other_stacks_are_resolved_in_lists_too() -> None:
    world = World()
    await world.kv.commit(
        [Put(heat_stack_key("/v2.0/ports/p1"), dumps({"output": [{"output_key": "id", "output_value": "x1"}]}))]
    )
    output = {"output_key": "id", "resource_type": "port", "resource_id": "p1"}
    item: dict[str, Any] = {"param": "ids", "type": "output_key", "value": output, "resources": []}
    listed: dict[str, Any] = {"param": "ids", "type": "list", "value": [item, item], "resources": []}
    params = [{**item, "param": "name"}, listed]
    async with world.engine() as engine:
        desk = Desk(world, engine, templates(THING))
        state, _ = await desk.run(job(params=[*params, value("jinja_two", True)]))
        assert state["heat_outputs"] == [
            {"output_key": "value", "output_value": {"name": "x1", "ids": ["x1", "x1"]}, "description": "what"}
        ]
        missing = {**item, "param": "name", "value": {**output, "output_key": "other"}}
        with pytest.raises(OutputMissing, match="the stack of port:p1 has no output 'other'"):
            await desk.run(job(params=[missing, value("jinja_two", False)], version=2))


async def test_a_deleted_stack_is_recorded_as_recorded() -> None:
    world = World()
    async with world.engine() as engine:
        desk = Desk(world, engine, templates(THING))
        await desk.run(job(params=[value("name", "n"), value("jinja_two", False)]))
        state, ((key, record),) = await desk.run(job("logical_delete", version=2))
    assert state == {"heat_outputs": [], "orchestration_state": "DELETE_COMPLETE"}
    assert key == "/esi-worker/heat_stacks/v2.0/things/1"
    assert record == {
        "id": "thing:1",
        "stack_id": "",
        "tenant_id": "t1",
        "stack_status": "DELETE_COMPLETE",
        "status_reason": "",
        "output": [],
    }


async def test_a_failed_stack_fails_the_job_with_its_reason() -> None:
    world = World()
    world.routers.refusals["r1"] = "bad statement"
    body = {**THING, "template_file": ONE_DEVICE}
    async with world.engine() as engine:
        desk = Desk(world, engine, templates(body))
        with pytest.raises(StackFailed, match=r"^a: r1: bad statement$") as caught:
            await desk.run(job())
    assert caught.value.details["orchestration_state"] == "CREATE_FAILED"
    end, put = caught.value.ops
    assert isinstance(end, Put)
    assert isinstance(put, Put)
    assert loads(end.value)["status"] == "CREATE_FAILED"
    assert put.key == "/esi-worker/heat_stacks/v2.0/things/1"
    record = loads(put.value)
    assert (record["stack_status"], record["status_reason"]) == ("CREATE_FAILED", "a: r1: bad statement")


ONE_DEVICE = """
heat_template_version: 2013-05-23
resources:
  a:
    type: OS::Contrail::NetconfNamedConfigs
    properties: {device_ip: r1, configs: [{path: [{tag: system, config_type: tag}], config: "host-name x;"}]}
"""


async def test_what_a_job_cannot_be_done_with_is_told() -> None:
    world = World()
    async with world.engine() as engine:
        with pytest.raises(Busy, match="template 'thing' is not known here yet"):
            await Desk(world, engine, templates()).run(job())
        desk = Desk(world, engine, templates(THING))
        with pytest.raises(TemplateError, match="jinja_two"):
            await desk.run(job(params=[value("name", "n")]))
        with pytest.raises(TemplateError, match=r"parameters\.other"):
            await desk.run(job(params=[value("name", "n"), value("jinja_two", 0), value("other", 1)]))
        with pytest.raises(TemplateError, match="heat_timeout"):
            await desk.run(job(params=[value("heat_timeout", "soon")]))
        desk = Desk(world, engine, templates({**THING, "template_file": "{% if %}"}))
        with pytest.raises(TemplateError, match=r"heat_templates\.thing: template_file line 1"):
            await desk.run(job())


def unrelated(schema: str, name: str) -> str | None:
    return None


def test_templates_are_compiled_once_and_follow_their_entries() -> None:
    shelf = templates({**THING, "parameter_mappings": {"name": "Pname"}})
    first = shelf.mapping("heat_worker", "thing", "thing", unrelated)
    assert first is shelf.mapping("heat_worker", "thing", "thing", unrelated)
    assert shelf.get("monitoring_worker", "thing") is None
    shelf.put("thing", None)
    assert shelf.get("heat_worker", "thing") is None
    assert shelf.mapping("heat_worker", "thing", "thing", unrelated) is None
