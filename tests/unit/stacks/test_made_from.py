"""What people may see of a stack: kept beside its record, without what is hidden."""

from __future__ import annotations

import asyncio

from esi.model.keys import stack_key, stack_made_key
from esi.stacks.records import StackRecord, decode, decode_made
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
        assert b"hunter22" not in entry.value
        assert b"defaultkey" not in entry.value
        await engine.delete("s", operation="op2")
        await engine.wait("s", operation="op2")
        assert await world.kv.get(stack_made_key("s")) is None


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
