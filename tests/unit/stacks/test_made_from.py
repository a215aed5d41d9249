"""What people may see of a stack: kept beside its record, without what is hidden."""

from __future__ import annotations

import asyncio

import pytest

from esi.errors import Broken
from esi.model.codec import dumps
from esi.model.keys import stack_key, stack_made_key
from esi.stacks.records import MadeFrom, StackRecord, decode, decode_made, encode_made
from esi.testing.loop import run
from unit.stacks.bench import World, spec

TEMPLATE = """
heat_template_version: 2018-08-31
description: two values and a secret
parameters:
  key: {type: string, hidden: true, default: defaultkey}
  size: {type: number, default: 3}
  names: {type: comma_delimited_list, default: "a,b"}
resources:
  a: {type: "ESI::None", properties: {value: {key: {get_param: key}, written: hunter22, names: {get_param: names}}}}
"""


async def record_of(world: World) -> StackRecord:
    entry = await world.kv.get(stack_key("s"))
    assert entry is not None
    return decode(entry.value, "s")


async def test_hidden_values_are_out_of_what_is_shown() -> None:
    world = World()
    async with world.engine() as engine:
        await world.apply(engine, spec(TEMPLATE, key="hunter22"), "op1")
        entry = await world.kv.get(stack_made_key("s"))
        assert entry is not None
        made = decode_made(entry.value, "s")
        assert made.description == "two values and a secret"
        assert made.parameters == {"key": "******", "size": 3, "names": ["a", "b"]}
        assert "written: " in made.template
        assert "hunter22" not in str(made)
        assert "defaultkey" not in str(made)
        await engine.delete("s", operation="op2")
        await engine.wait("s", operation="op2")
        assert await world.kv.get(stack_made_key("s")) is None


async def test_what_is_shown_is_written_when_it_is_another_one() -> None:
    world = World()
    async with world.engine() as engine:
        revisions = []
        for operation, size in (("op1", 1), ("op2", 1), ("op3", 2)):
            await world.apply(engine, spec(TEMPLATE, key="hunter22", size=size), operation)
            entry = await world.kv.get(stack_made_key("s"))
            assert entry is not None
            assert decode_made(entry.value, "s").parameters["size"] == size
            revisions.append(entry.mod_revision)
        assert revisions[0] == revisions[1] < revisions[2]


def test_what_an_earlier_version_wrote_is_read() -> None:
    made = MadeFrom("old", {"size": 1}, "text")
    assert decode_made(dumps(made), "s") == decode_made(encode_made(made), "s") == made
    for bad in (b"", b"x", b"{}}", b"[]"):
        with pytest.raises(Broken):
            decode_made(bad, "s")


def test_a_stack_keeps_its_id_until_it_is_made_again() -> None:
    run(made_again())


async def made_again() -> None:
    world = World()
    ids = []
    async with world.engine() as engine:
        for operation, size in (("op1", 1), ("op2", 2)):
            await world.apply(engine, spec(TEMPLATE, key="hunter22", size=size), operation)
            ids.append((await record_of(world)).id)
            await asyncio.sleep(60.0)
        first = await record_of(world)
        await engine.delete("s", operation="op3")
        await engine.wait("s", operation="op3")
        await world.apply(engine, spec(TEMPLATE, key="hunter22"), "op4")
        again = await record_of(world)
    assert ids[0] == ids[1] == first.id != again.id
    assert (first.updated - first.created, again.updated) == (60.0, 0.0)
