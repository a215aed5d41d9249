"""Waiting for a resource of our own: what is there already, what comes, what goes, and what is said of a long wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from esi.clock import LoopClock
from esi.errors import Unreachable
from esi.kv import Delete, Entry, Put
from esi.kv.memory import MemoryKV
from esi.model.codec import encode_config
from esi.stacks.waiting import PATIENCE_SECONDS, Waiting
from esi.tasks import Tasks
from esi.testing.loop import run

KEY = "/config/v2.0/ports/p1"


class Desk:
    """A KV with one port, and what was heard."""

    def __init__(self) -> None:
        self.kv = MemoryKV()
        self.rests: list[str] = []
        self.heard: list[str] = []
        self.until = Waiting(
            self.kv, LoopClock(), lambda ref: f"/v2.0/{ref[0]}s/{ref[1]}", self.rest, self.heard.append
        )

    def rest(self) -> AbstractAsyncContextManager[None]:
        @asynccontextmanager
        async def resting() -> Any:
            self.rests.append("in")
            yield
            self.rests.append("out")

        return resting()

    async def put(self, body: str, version: int = 1, *, marked: bool = False, key: str = KEY) -> None:
        await self.kv.commit([Put(key, encode_config(body.encode(), version, marked_for_deletion=marked))])

    async def attached(self) -> Mapping[str, Any] | None:
        return await self.until(("port", "p1"), lambda port: bool(port and port["attached"]), "p1 is not plugged")

    async def gone(self) -> Mapping[str, Any] | None:
        return await self.until(("port", "p1"), lambda port: port is None, "p1 is still there")


def test_what_holds_already_is_not_waited_for() -> None:
    async def story() -> None:
        desk = Desk()
        await desk.put('{"attached": true}')
        assert await desk.attached() == {"attached": True}
        assert (desk.rests, desk.heard) == ([], [])

    run(story())


def test_what_comes_is_seen_while_nothing_is_held() -> None:
    async def story() -> None:
        desk = Desk()
        await desk.put('{"attached": false}')
        async with Tasks("story") as tasks:
            waiting = tasks.start("wait", desk.attached())
            await asyncio.sleep(1)
            await desk.put('{"attached": true}', key=f"{KEY}2")
            await asyncio.sleep(1)
            assert (waiting.done(), desk.rests, desk.heard) == (False, ["in"], [])
            await desk.put('{"attached": true}', 2)
            assert await waiting == {"attached": True}
        assert desk.rests == ["in", "out"]

    run(story())


@pytest.mark.parametrize("way", ["marked", "deleted"])
def test_what_goes_or_is_to_go_is_gone(way: str) -> None:
    async def story() -> None:
        desk = Desk()
        await desk.put("{}")
        async with Tasks("story") as tasks:
            waiting = tasks.start("wait", desk.gone())
            await asyncio.sleep(1)
            if way == "marked":
                await desk.put("{}", 2, marked=True)
            else:
                await desk.kv.commit([Delete(KEY)])
            assert await waiting is None

    run(story())


def test_a_long_wait_says_for_what() -> None:
    async def story() -> None:
        desk = Desk()
        async with Tasks("story") as tasks:
            waiting = tasks.start("wait", desk.attached())
            await asyncio.sleep(PATIENCE_SECONDS - 1)
            assert desk.heard == []
            await asyncio.sleep(2)
            assert desk.heard == ["p1 is not plugged"]
            await desk.put('{"attached": true}')
            await waiting
            assert desk.heard[-1] == ""

    run(story())


def test_a_store_that_does_not_answer_is_asked_again() -> None:
    class Away(MemoryKV):
        lost = 2

        async def list(self, prefix: str, *, page: int = 1000) -> Any:
            self.lost -= 1
            if self.lost >= 0:
                raise Unreachable("etcd is away")
            return await super().list(prefix, page=page)

        async def get(self, key: str) -> Entry | None:
            return None

    async def story() -> None:
        desk = Desk()
        desk.kv = Away()
        desk.until = Waiting(desk.kv, LoopClock(), lambda ref: "/v2.0/ports/p1", desk.rest, desk.heard.append)
        await desk.put('{"attached": true}')
        assert await desk.attached() == {"attached": True}

    run(story())
