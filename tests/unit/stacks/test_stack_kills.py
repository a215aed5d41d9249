"""A process is killed at every await of an operation; the next one is given the same operation and goes on."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import Any

import pytest

from esi.model.keys import stack_key
from unit.stacks.bench import PARALLEL, SERIAL, Crash, World, spec


async def run_until_crash(world: World, crash: Crash, work: Any) -> bool:
    """Whether the crash came; the process is gone afterwards either way."""
    async with world.engine(crash) as engine:
        tasks = [asyncio.ensure_future(work(engine)), asyncio.ensure_future(crash.hit.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return crash.hit.is_set()


@pytest.mark.parametrize("template", [PARALLEL, SERIAL], ids=["parallel", "serial"])
@pytest.mark.parametrize(
    ("change", "gone"),
    [({"vlan": "6", "text": "new"}, False), ({"ip1": "r9"}, False), ({}, True)],
    ids=["update", "replace", "delete"],
)
async def test_a_kill_at_any_await_is_gone_on_from(template: str, change: dict[str, Any], gone: bool) -> None:
    """Create and then change or delete, killed once at every point of either; then the same operation again."""
    expected = World()
    await _both(expected, template, change, gone)
    kills, at = 0, 0
    while True:
        at += 1
        world, crash = World(), Crash(at)
        killed = await run_until_crash(
            world, crash, partial(_steps, world, template=template, change=change, gone=gone)
        )
        if not killed:
            break
        kills += 1
        await _both(world, template, change, gone)
        assert world.routers.running == expected.routers.running, at
        assert world.targets.targets == expected.targets.targets, at
        assert max(world.routers.times().values()) <= 2, at
        assert {ip: count for ip, count in world.routers.changes.items() if count} == {
            ip: count for ip, count in expected.routers.changes.items() if count
        }, at
        assert (await world.kv.get(stack_key("s")) is None) is gone, at
    assert kills >= 20


async def _both(world: World, template: str, change: dict[str, Any], gone: bool) -> None:
    async with world.engine() as engine:
        await _steps(world, engine, template, change, gone)


async def _steps(world: World, engine: Any, template: str, change: dict[str, Any], gone: bool) -> None:
    """Both operations, as workers do their jobs: an operation that was seen to end is not asked for again."""
    if "op1" not in world.done:
        await engine.apply(spec(template), operation="op1")
        assert (await engine.wait("s", operation="op1")).status == "CREATE_COMPLETE"
        world.done.add("op1")
    if gone:
        await engine.delete("s", operation="op2")
        assert (await engine.wait("s", operation="op2")).status == "DELETE_COMPLETE"
    else:
        await engine.apply(spec(template, **change), operation="op2")
        assert (await engine.wait("s", operation="op2")).status == "UPDATE_COMPLETE"


@pytest.mark.parametrize("seed", range(60))
async def test_whatever_went_wrong_before_the_next_good_operation_makes_it_right(seed: int) -> None:
    """Random operations on one stack, with kills, refusals and lost answers; then one that nothing disturbs."""
    dice = random.Random(seed)
    world = World()
    for number in range(dice.randint(2, 6)):
        world.routers.refusals = {ip: "no" for ip in ("r1", "r2", "r9") if dice.random() < 0.15}
        world.routers.lost = {ip for ip in ("r1", "r2", "r9") if dice.random() < 0.15}
        template, change = random_change(dice)
        operation = f"op{number}"
        for _ in range(dice.choice([0, 0, 1, 1, 2, 3])):
            crash = Crash(dice.randint(1, 24))
            await run_until_crash(world, crash, partial(_one, template=template, change=change, operation=operation))
        if dice.random() < 0.6:
            async with world.engine() as engine:
                await _one(engine, template=template, change=change, operation=operation)
    world.routers.refusals, world.routers.lost = {}, set()
    template, change = random_change(dice)
    async with world.engine() as engine:
        await _one(engine, template=template, change=change, operation="last")
    fresh = World()
    async with fresh.engine() as engine:
        await _one(engine, template=template, change=change, operation="only")
    assert clean(world) == clean(fresh)
    assert len(world.targets.targets) == len(fresh.targets.targets)
    async with world.engine() as engine:
        await _one(engine, template=template, change=None, operation="gone")
    assert clean(world) == {}
    assert world.targets.targets == {}
    assert (await world.kv.list("")).entries == []


def clean(world: World) -> dict[str, Any]:
    return {ip: config for ip, config in world.routers.running.items() if config}


def random_change(dice: random.Random) -> tuple[str, dict[str, Any] | None]:
    other = PARALLEL.replace("  two:", "  three:").replace("two]", "three]").replace("device_ip: r2", "device_ip: r3")
    renamed = PARALLEL.replace("  two:", "  second:").replace("two]", "second]")
    template = dice.choice([PARALLEL, SERIAL, other, renamed])
    if dice.random() < 0.2:
        return template, None
    return template, {
        "vlan": dice.choice("567"),
        "text": dice.choice(["a", "b"]),
        "ip1": dice.choice(["r1", "r1", "r9"]),
        "timeout": 600.0,
    }


async def _one(engine: Any, *, template: str, change: dict[str, Any] | None, operation: str) -> None:
    """One operation until it has ended, well or not; None is a delete."""
    if change is None:
        await engine.delete("s", operation=operation)
    else:
        await engine.apply(spec(template, **change), operation=operation)
    await engine.wait("s", operation=operation)
