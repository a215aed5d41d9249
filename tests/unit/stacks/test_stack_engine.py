"""The embedded engine over the memory KV: what it does to devices, what it writes, and how often."""

from __future__ import annotations

import asyncio

import pytest

from esi.errors import Busy, Outrun, Rejected, TemplateError, TemporaryError, Unreachable
from esi.kv import Guard, Put
from esi.model.keys import stack_key
from esi.stacks import Caller
from esi.stacks.records import decode, encode
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.testing.loop import run
from unit.stacks.bench import PARALLEL, SERIAL, World, spec

NOTHING = """
heat_template_version: 2018-08-31
parameters:
  enabled: {type: boolean, default: true}
  value: {type: json, default: {}}
conditions:
  wanted: {get_param: enabled}
resources:
  a: {type: "ESI::None", properties: {value: {get_param: value}}}
  b: {type: "ESI::None", condition: wanted, properties: {value: {get_attr: [a, value]}}}
outputs:
  all: {value: {get_attr: [a, value]}}
  maybe: {value: {get_resource: b}, condition: wanted}
"""

CARRIES = "carries its lines; delete or retry cleans them"


async def test_a_pair_is_configured_and_its_outputs_are_told() -> None:
    world = World()
    async with world.engine() as engine:
        stack = await world.apply(engine, spec(PARALLEL), "op1")
    assert (stack.status, stack.reason, stack.tenant) == (
        "CREATE_COMPLETE",
        "Stack CREATE completed successfully",
        "t1",
    )
    (target,) = world.targets.targets.values()
    assert stack.outputs == (
        {"output_key": "link", "output_value": target["link"], "description": "where"},
        {"output_key": "id", "output_value": target["id"], "description": ""},
    )
    assert sorted(world.routers.times()) == ["op1/one", "op1/two"]
    assert all(intent.ref == ("thing", "1", 1) and intent.tenant == "t1" for intent in world.routers.intents)
    text = world.routers.running["r1"]["interfaces", "unit", "5"]
    assert text == "description \ue000hello\ue001;"


KNOWN_LATER = """
heat_template_version: 2018-08-31
resources:
  a: {type: "ESI::None", properties: {value: 1}}
  b: {type: "ESI::None", properties: {value: {get_attr: [a, value]}}}
  c: {type: "ESI::None", properties: {value: {get_attr: [b, value]}}}
"""


@pytest.mark.parametrize(("template", "commits"), [(PARALLEL, 2), (SERIAL, 2), (KNOWN_LATER, 4)])
async def test_one_write_announces_all_that_is_known_and_one_ends_it(template: str, commits: int) -> None:
    world = World()
    async with world.engine() as engine:
        assert (await world.apply(engine, spec(template), "op1")).status == "CREATE_COMPLETE"
        assert world.kv.commits == commits
        await engine.delete("s", operation="op2")
        await engine.wait("s", operation="op2")
        assert world.kv.commits == commits + 2


async def test_what_was_announced_and_never_started_is_taken_back() -> None:
    world = World()
    world.routers.refusals["r1"] = "no"
    async with world.engine() as engine:
        assert (await world.apply(engine, spec(SERIAL), "op1")).status == "CREATE_FAILED"
        entry = await world.kv.get(stack_key("s"))
        assert entry is not None
        assert set(decode(entry.value, "s").resources) == {"one"}
        world.routers.refusals.clear()
        await world.apply(engine, spec(SERIAL), "op2")
        world.routers.refusals["r1"] = "no"
        assert (await world.apply(engine, spec(SERIAL, vlan="6"), "op3")).status == "UPDATE_FAILED"
        entry = await world.kv.get(stack_key("s"))
        assert entry is not None
        two = decode(entry.value, "s").resources["two"]
        assert (two.status, two.attempted) == ("CREATE_COMPLETE", [])


async def test_two_resources_side_by_side_cost_two_writes() -> None:
    world = World()
    async with world.engine() as engine:
        template = PARALLEL[: PARALLEL.index("  watch:")]
        await world.apply(engine, spec(template), "op1")
        assert world.kv.commits == 2
        await world.apply(engine, spec(template), "op2")
        assert world.kv.commits == 3


async def test_independent_steps_run_side_by_side_and_dependent_ones_wait() -> None:
    for template, at_once in ((PARALLEL, {"r1", "r2"}), (SERIAL, {"r1"})):
        world = World()
        gate = asyncio.Event()
        async with world.engine() as engine:
            world.routers.held = {"r1": gate, "r2": asyncio.Event()}
            world.routers.held["r2"].set()
            await engine.apply(spec(template), operation="op1")
            await asyncio.wait_for(world.routers.asked.wait(), 5)
            for _ in range(20):
                await asyncio.sleep(0)
            assert {intent.address.ip for intent in world.routers.intents} == at_once - {"r1"}
            gate.set()
            assert (await engine.wait("s", operation="op1")).status == "CREATE_COMPLETE"


async def test_unchanged_properties_call_nobody() -> None:
    world = World()
    async with world.engine() as engine:
        await world.apply(engine, spec(PARALLEL), "op1")
        before = len(world.routers.intents)
        stack = await world.apply(engine, spec(PARALLEL), "op2")
    assert (stack.status, stack.reason) == ("UPDATE_COMPLETE", "Stack successfully updated")
    assert len(world.routers.intents) == before


async def test_what_stands_as_it_is_wanted_is_neither_checked_nor_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    world, template = World(), PARALLEL.replace("{get_param: key}", "swordfish")
    async with world.engine() as engine:
        made = await world.apply(engine, spec(template), "op1")
        with monkeypatch.context() as patch:
            patch.setattr(NetconfNamedConfigs, "check", None)
            again = await world.apply(engine, spec(template), "op2")
            with pytest.raises(TypeError):
                await world.apply(engine, spec(template, text="else"), "op3")
    assert again.outputs == made.outputs != ()
    assert [message.subject for message in world.recorder.messages][-1] == "UPDATE s"
    assert "swordfish" not in repr([message.body for message in world.recorder.messages])


async def test_what_has_failed_since_is_made_again_from_the_same() -> None:
    world = World()
    async with world.engine() as engine:
        await world.apply(engine, spec(PARALLEL), "op1")
        before = dict(world.routers.running)
        world.routers.refusals["r2"] = "no"
        assert (await world.apply(engine, spec(PARALLEL, text="else"), "op2")).status == "UPDATE_FAILED"
        del world.routers.refusals["r2"]
        assert (await world.apply(engine, spec(PARALLEL), "op3")).status == "UPDATE_COMPLETE"
    assert world.routers.running == before


async def test_changed_text_replaces_and_a_changed_path_removes_the_old_one() -> None:
    world = World()
    async with world.engine() as engine:
        await world.apply(engine, spec(SERIAL), "op1")
        await world.apply(engine, spec(SERIAL, text="again"), "op2")
        assert world.routers.edits()[2:] == [[("replace", "5")]] * 2
        await world.apply(engine, spec(SERIAL, text="again", vlan="6"), "op3")
        assert world.routers.edits()[4:] == [[("remove", "5"), ("merge", "6")]] * 2
    assert set(world.routers.running["r1"]) == {("interfaces", "unit", "6")}
    assert [target["properties"] for target in world.targets.targets.values()] == [{"vlan": "6"}]


async def test_another_device_gets_a_new_resource_and_the_old_one_is_cleaned() -> None:
    world = World()
    async with world.engine() as engine:
        await world.apply(engine, spec(SERIAL), "op1")
        stack = await world.apply(engine, spec(SERIAL, ip1="r9"), "op2")
    assert stack.status == "UPDATE_COMPLETE"
    assert world.routers.running["r1"] == {}
    assert world.routers.running["r9"] == world.routers.running["r2"]


async def test_delete_goes_backwards_and_leaves_nothing() -> None:
    world = World()
    async with world.engine() as engine:
        await world.apply(engine, spec(SERIAL), "op1")
        await engine.delete("s", operation="op2")
        stack = await engine.wait("s", operation="op2")
        assert stack.status == "DELETE_COMPLETE"
        assert [intent.address.ip for intent in world.routers.intents[2:]] == ["r2", "r1"]
        assert world.routers.running == {"r1": {}, "r2": {}}
        assert world.targets.targets == {}
        assert (await world.kv.list("")).entries == []
        await engine.delete("s", operation="op3")
        assert (await engine.wait("s", operation="op3")).status == "DELETE_COMPLETE"
        assert await engine.get("s") is None


async def test_the_same_operation_again_returns_what_it_has_done() -> None:
    world = World()
    async with world.engine() as engine:
        first = await world.apply(engine, spec(PARALLEL), "op1")
        commits = world.kv.commits
        assert await world.apply(engine, spec(PARALLEL), "op1") == first
    assert (world.kv.commits, len(world.routers.intents)) == (commits, 2)


async def test_a_refusal_is_told_in_the_devices_words_and_siblings_finish() -> None:
    world = World()
    world.routers.refusals["r1"] = "statement not found: secret-word"
    async with world.engine() as engine:
        stack = await world.apply(engine, spec(PARALLEL, key="secret-word"), "op1")
        assert (stack.status, stack.reason) == ("CREATE_FAILED", f"one: r1: statement not found: •••; r2 {CARRIES}")
        assert stack.outputs == ()
        assert set(world.routers.running) == {"r2"}
        assert world.targets.targets == {}
        world.routers.refusals.clear()
        stack = await world.apply(engine, spec(PARALLEL, key="secret-word"), "op2")
        assert stack.status == "UPDATE_COMPLETE"
    assert world.routers.times() == {"op1/one": 1, "op1/two": 1, "op2/one": 1}
    assert "secret-word" not in str(world.recorder.messages)
    assert {message.body["fault"] for message in world.recorder.messages if "fault" in message.body} == {
        "",
        "r1: statement not found: •••",
    }


async def test_a_failed_secondary_leaves_the_primary_and_a_delete_cleans_both() -> None:
    world = World()
    world.routers.refusals["r2"] = "no"
    async with world.engine() as engine:
        stack = await world.apply(engine, spec(SERIAL), "op1")
        assert (stack.status, stack.reason) == ("CREATE_FAILED", f"two: r2: no; r1 {CARRIES}")
        assert world.routers.running["r1"] != {}
        world.routers.refusals.clear()
        await engine.delete("s", operation="op2")
        assert (await engine.wait("s", operation="op2")).status == "DELETE_COMPLETE"
    assert world.routers.running == {"r1": {}, "r2": {}}


async def test_a_failed_create_is_repaired_with_other_properties() -> None:
    world = World()
    world.routers.refusals["r1"] = "no"
    async with world.engine() as engine:
        await world.apply(engine, spec(SERIAL), "op1")
        world.routers.refusals.clear()
        stack = await world.apply(engine, spec(SERIAL, vlan="7"), "op2")
    assert stack.status == "UPDATE_COMPLETE"
    assert set(world.routers.running["r1"]) == {("interfaces", "unit", "7")}
    assert world.routers.edits()[1:3] == [[("remove", "5")], [("merge", "7")]]


async def test_an_update_that_failed_is_repaired_by_going_back() -> None:
    world = World()
    async with world.engine() as engine:
        await world.apply(engine, spec(SERIAL), "op1")
        world.routers.refusals["r2"] = "no"
        stack = await world.apply(engine, spec(SERIAL, vlan="6"), "op2")
        assert (stack.status, stack.reason) == ("UPDATE_FAILED", "two: r2: no")
        world.routers.refusals.clear()
        stack = await world.apply(engine, spec(SERIAL), "op3")
    assert stack.status == "UPDATE_COMPLETE"
    assert [set(config) for config in world.routers.running.values()] == [{("interfaces", "unit", "5")}] * 2
    assert world.routers.edits()[-1] == [("remove", "6"), ("replace", "5")]


def test_temporary_errors_are_tried_again_until_the_timeout() -> None:
    async def work() -> None:
        world = World()
        world.routers.troubles["r1"] = [Unreachable("r1: no route")] * 5
        async with world.engine() as engine:
            assert (await world.apply(engine, spec(SERIAL), "op1")).status == "CREATE_COMPLETE"
            world.routers.troubles["r2"] = [Unreachable("r2: no route")] * 1000
            began = asyncio.get_running_loop().time()
            stack = await world.apply(engine, spec(SERIAL, text="x", timeout=100.0), "op2")
            assert (stack.status, stack.reason) == ("UPDATE_FAILED", "two: timed out: r2: no route")
            assert asyncio.get_running_loop().time() - began == pytest.approx(100.0)

    run(work())


def test_a_device_that_never_answers_ends_the_stack_at_its_timeout() -> None:
    async def work() -> None:
        world = World()
        world.routers.held["r1"] = asyncio.Event()
        async with world.engine() as engine:
            stack = await world.apply(engine, spec(PARALLEL, timeout=60.0), "op1")
            assert (stack.status, stack.reason) == ("CREATE_FAILED", f"one: timed out; r2 {CARRIES}")
            assert asyncio.get_running_loop().time() == pytest.approx(60.0)

    run(work())


async def test_a_second_operation_is_told_to_come_again() -> None:
    world = World()
    world.routers.held["r1"] = asyncio.Event()
    async with world.engine() as engine:
        await engine.apply(spec(SERIAL), operation="op1")
        with pytest.raises(Busy):
            await engine.apply(spec(SERIAL), operation="op2")
        with pytest.raises(Busy):
            await engine.wait("s", operation="op2")
        world.routers.held["r1"].set()
        await engine.wait("s", operation="op1")
        assert (await world.apply(engine, spec(SERIAL), "op2")).status == "UPDATE_COMPLETE"


async def test_who_has_lost_his_fence_writes_nothing_and_is_told() -> None:
    world = World()
    revision = await world.kv.commit([Put("claim", b"1")])
    fence = Guard("claim", revision, "create")
    world.routers.held["r1"] = asyncio.Event()
    async with world.engine() as engine:
        await engine.apply(spec(SERIAL, fence=fence), operation="op1")
        await asyncio.wait_for(world.routers.asked.wait(), 5)
        await world.kv.commit([Put("claim", b"2")], guards=[fence])
        world.routers.held["r1"].set()
        assert (await engine.wait("s", operation="op1")).status == "CREATE_COMPLETE"
        lost = Guard("claim", 1, "create")
        with pytest.raises(TemporaryError) as caught:
            await world.apply(engine, spec(SERIAL, fence=lost, text="x"), "op2")
        assert isinstance(caught.value, Outrun)
        assert len(world.routers.intents) == 2
        stack = await engine.get("s")
        assert stack is not None
        assert stack.status == "CREATE_COMPLETE"


async def test_a_new_claim_on_the_same_operation_takes_it_over() -> None:
    world = World()
    first = await world.kv.commit([Put("claim1", b"")])
    second = await world.kv.commit([Put("claim2", b"")])
    world.routers.held["r1"] = asyncio.Event()
    async with world.engine() as engine:
        await engine.apply(spec(SERIAL, fence=Guard("claim1", first, "create")), operation="op1")
        await asyncio.wait_for(world.routers.asked.wait(), 5)
        await engine.apply(spec(SERIAL, fence=Guard("claim2", second, "create")), operation="op1")
        world.routers.held["r1"].set()
        assert (await engine.wait("s", operation="op1")).status == "CREATE_COMPLETE"


async def test_what_nothing_can_come_of_begins_nothing() -> None:
    world = World()
    async with world.engine() as engine:
        for parameters, place in (
            ({"vlan": "5;"}, r"resources\.one\.properties: configs\[0\]\.path\[1\]\.name"),
            ({"text": "a\nb"}, r"resources\.one\.properties\.configs\[0\]\.config\.str_replace"),
            ({"nothing": "x"}, r"parameters\.nothing"),
        ):
            with pytest.raises(TemplateError, match=place):
                await engine.apply(spec(SERIAL, **parameters), operation="op1")
        with pytest.raises(TemplateError, match=r"resources\.one\.type: unknown type 'X'"):
            await engine.apply(spec(SERIAL.replace("OS::Contrail::NetconfNamedConfigs", "X")), operation="op1")
        with pytest.raises(TemplateError, match=r"resources\.one\.properties\.devise_ip"):
            await engine.apply(spec(SERIAL.replace("device_ip: {get", "devise_ip: {get")), operation="op1")
    assert (world.kv.commits, world.routers.intents) == (0, [])


async def test_conditions_make_and_unmake_resources() -> None:
    world = World()
    async with world.engine() as engine:
        stack = await world.apply(engine, spec(NOTHING, value={"a": 1}), "op1")
        assert [output["output_key"] for output in stack.outputs] == ["all", "maybe"]
        stack = await world.apply(engine, spec(NOTHING, enabled=False), "op2")
        assert [output["output_key"] for output in stack.outputs] == ["all"]
    entry = await world.kv.get(stack_key("s"))
    assert entry is not None
    assert b'"b":' not in entry.value


async def test_the_name_of_a_fault_in_an_output_fails_the_stack() -> None:
    world = World()
    async with world.engine() as engine:
        template = NOTHING.replace("all: {value: {get_attr: [a, value]}}", "all: {value: {get_attr: [a, other]}}")
        stack = await world.apply(engine, spec(template), "op1")
    assert stack.status == "CREATE_FAILED"
    assert stack.reason == "outputs.all.value.get_attr: a has no attribute 'other'; known: value"


async def test_dependencies_that_turned_round_halfway_do_not_stop_a_delete() -> None:
    world = World()
    template = NOTHING[: NOTHING.index("resources:")] + "resources:\n"
    first = template + "  a: {type: 'ESI::None', depends_on: b}\n  b: {type: 'ESI::None'}\n"
    async with world.engine() as engine:
        await world.apply(engine, spec(first), "op1")
        entry = await world.kv.get(stack_key("s"))
        assert entry is not None
        record = decode(entry.value, "s")
        record.resources["b"].depends = ["a"]
        await world.kv.commit([Put(stack_key("s"), encode(record))])
        await engine.delete("s", operation="op2")
        assert (await engine.wait("s", operation="op2")).status == "DELETE_COMPLETE"
        assert await engine.get("s") is None


async def test_who_waits_when_the_engine_closes_is_told_to_come_again() -> None:
    world = World()
    world.routers.held["r1"] = asyncio.Event()
    async with world.engine() as engine:
        await engine.apply(spec(SERIAL), operation="op1")
        waiting = asyncio.ensure_future(engine.wait("s", operation="op1"))
        await asyncio.wait_for(world.routers.asked.wait(), 5)
    with pytest.raises(Busy):
        await waiting


async def test_no_secret_shows_in_what_is_printed() -> None:
    world = World()
    made = spec(PARALLEL, key="secret-word")
    async with world.engine() as engine:
        await world.apply(engine, made, "op1")
        entry = await world.kv.get(stack_key("s"))
        assert entry is not None
        record = decode(entry.value, "s")
        assert record.resources["one"].props["password"] == "secret-word"
        shown = repr((made, record, record.resources["one"].live(), world.routers.intents, await engine.get("s")))
    assert "secret-word" not in shown + str(world.recorder.messages)


async def test_a_rejection_is_not_a_temporary_error() -> None:
    world = World()
    world.routers.troubles["r1"] = [Rejected("r1", "no")]
    async with world.engine() as engine:
        stack = await world.apply(engine, spec(SERIAL), "op1")
    assert (stack.status, len(world.routers.intents)) == ("CREATE_FAILED", 1)


async def test_the_end_is_left_to_whoever_writes_it() -> None:
    world = World()
    async with world.engine() as engine:
        for operation, status in (("op1", "CREATE_COMPLETE"), ("op2", "DELETE_COMPLETE")):
            if operation == "op1":
                await engine.apply(spec(NOTHING), operation=operation)
            else:
                await engine.delete("s", operation=operation)
            stack = await engine.wait("s", operation=operation, caller=Caller(writes_end=True))
            before = await engine.get("s")
            assert (stack.status, before and before.status) == (status, status.replace("COMPLETE", "IN_PROGRESS"))
            await world.kv.commit(stack.end)
        assert await world.kv.get(stack_key("s")) is None


async def test_an_end_that_nobody_wrote_is_reached_again() -> None:
    world = World()
    async with world.engine() as engine:
        await engine.apply(spec(NOTHING), operation="op1")
        await engine.wait("s", operation="op1", caller=Caller(writes_end=True))
    async with world.engine() as engine:
        assert (await world.apply(engine, spec(NOTHING), "op1")).status == "CREATE_COMPLETE"
        found = await engine.get("s")
        assert found is not None
        assert found.status == "CREATE_COMPLETE"
