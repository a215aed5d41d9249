"""Points of metrics: what a look becomes, and what happens to it while the database is away, full or cross."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from aiohttp import web

from esi.agent.metrics import build_points
from esi.agent.seen import Value
from esi.agent.tsdb import BATCH_BYTES, OpenTsdb
from esi.bootstrap.watching import open_tsdb
from esi.clock import SystemClock
from esi.errors import SettingsError
from esi.kv.memory import MemoryKV
from esi.model.target import Observation, Target
from esi.runtime.door import HttpDoor
from esi.settings import Metrics
from esi.tasks import Tasks
from esi.testing.loop import run
from unit.agent.doubles import ProbeDouble, agent, request

NOW = 1519017781.6
PORTS = [{"port_id": "one", "direction": "in"}, {"port_id": "two", "direction": "in"}]


def target(tsdb: dict[str, Any]) -> Target:
    return Target("t", "tenant", 1, "9999", "ports", "vmi", "snmp_ports", {}, {"tsdb": tsdb})


def points(tsdb: dict[str, Any], **values: Any) -> list[dict[str, Any]]:
    seen = {key.replace("_", "."): Value(value, NOW, NOW) for key, value in values.items()}
    return list(build_points(target(tsdb), seen, NOW))


def test_a_look_becomes_one_point_per_set_of_tags() -> None:
    tsdb = {"traffic.in": {"metric": "traffic.bytes", "tags": PORTS}, "traffic.out": {"metric": "traffic.bytes"}}
    common = {"metric": "traffic.bytes", "timestamp": 1519017781}
    assert points(tsdb, traffic_in=2**63, traffic_out=0.5, status="UP") == [
        {**common, "value": 2**63, "tags": PORTS[0]},
        {**common, "value": 2**63, "tags": PORTS[1]},
        {**common, "value": 0.5, "tags": {"resource_id": "9999"}},
    ]


def test_only_what_this_look_has_seen_and_a_number_is_a_point() -> None:
    tsdb = {key: {"metric": "m", "tags": {"a": "b"}} for key in ("old", "nan", "none", "word")}
    seen = {"old": Value(7, NOW - 60, NOW - 60), "nan": Value(float("nan"), NOW, NOW), "none": Value(None, NOW, NOW)}
    assert list(build_points(target(tsdb), seen, NOW)) == []
    assert [one["value"] for one in points(tsdb, word="DOWN")] == [0.0]


def test_words_hold_only_what_an_opentsdb_takes() -> None:
    tsdb = {"x": {"metric": "traffic bytes{}", "tags": {"if name": "ge-0/0/1.122", "q": 'ä"\n', "empty": ""}}}
    (point,) = points(tsdb, x=1)
    assert point["metric"] == "traffic_bytes__"
    assert point["tags"] == {"if_name": "ge-0/0/1.122", "q": "ä__"}


class Impatient(SystemClock):
    """Pauses are over at once, and counted."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


class Database:
    """A door for /api/put: answers the `statuses` one after the other, then 204; `kept` is what it took, in order."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.kept: list[int] = []
        self.bodies: list[bytes] = []
        self.until: Callable[[], bool] = lambda: True
        self.done = asyncio.Event()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/put", self._put)
        return app

    async def _put(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        status = self.statuses.pop(0) if self.statuses else 204
        if status == 204:
            self.kept += [point["value"] for point in json.loads(body)]
        if self.until():
            self.done.set()
        return web.Response(status=status, text="" if status == 204 else "no such name for 'metrics'")


@asynccontextmanager
async def sending(database: Database, clock: Impatient, most: int = 1000) -> AsyncIterator[OpenTsdb]:
    door = HttpDoor("tsdb", database.app, host="127.0.0.1", port=0)
    async with Tasks("test") as tasks:
        tasks.start("door", door.run())
        await door.ready.wait()
        syncer = OpenTsdb(door.url, clock=clock, rng=Random(1), most=most)
        tasks.start("syncer", syncer.run())
        async with asyncio.timeout(10):
            yield syncer


def offer(syncer: OpenTsdb, *values: int) -> None:
    watched = target({"x": {"metric": "m", "tags": {"a": "b"}}})
    for value in values:
        syncer.offer(watched, {"x": Value(value, NOW, NOW)}, NOW)


async def test_a_database_that_was_away_gets_everything_in_order_after_growing_pauses() -> None:
    database, clock = Database(503, 429, 500, 502), Impatient()
    async with sending(database, clock) as syncer:
        database.until = lambda: len(database.kept) == 300
        offer(syncer, *range(300))
        await database.done.wait()
        assert database.kept == list(range(300))
        assert all(len(body) <= BATCH_BYTES + 2 for body in database.bodies)
        assert len(database.bodies) < 10
        tries = clock.pauses[1:5]
        assert tries == sorted(tries)
        assert 0.5 <= tries[0] <= 1 < tries[3] <= 8
        database.done.clear()
        offer(syncer, 300)  # it goes on: the counters of the first round stand when the second arrives
        database.until = lambda: True
        await database.done.wait()
        assert syncer.sent >= 300  # the answer to the last one may be on its way
        assert (syncer.refused, syncer.dropped) == (0, 0)


async def test_refused_points_are_counted_told_once_and_not_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    database = Database(400, 404, 301)
    with caplog.at_level(logging.WARNING):
        async with sending(database, Impatient()) as syncer:
            for value in range(5):
                database.done.clear()
                offer(syncer, value)
                await database.done.wait()
            assert database.kept == [3, 4]
            assert syncer.refused == 3
    (told,) = [one.getMessage() for one in caplog.records]
    assert told.endswith("400: no such name for 'metrics'")


async def test_when_too_many_wait_the_oldest_go_and_are_counted() -> None:
    database = Database()
    async with sending(database, Impatient(), most=10) as syncer:
        offer(syncer, *range(25))
        assert (syncer.waiting, syncer.dropped) == (10, 15)
        await database.done.wait()
        assert database.kept == list(range(15, 25))


def test_looks_do_not_wait_for_a_database_that_does_not_answer() -> None:
    """Nobody sends here at all: a look only hands over, each look's numbers once."""

    async def work() -> None:
        seen = Observation({"status": "UP", "traffic.in": 7, "traffic.out": 9})
        probe = ProbeDouble({"port": seen})
        async with agent(MemoryKV(), probe=probe) as desk:
            syncer = desk.collector.tsdb = OpenTsdb("http://127.0.0.1:1", clock=desk.clock, rng=Random(1), most=5)
            tsdb = {"traffic.in": {"metric": "traffic.bytes", "tags": {"direction": "in"}}}
            await desk.shelf.create(request("port", syncer_properties={"tsdb": tsdb}), key="k")
            await desk.clock.sleep(600)
            assert syncer.waiting + syncer.dropped == len(probe.looks) > 10
            assert syncer.waiting == 5

    run(work())


@pytest.mark.parametrize("url", ["localhost:4242", "tcp://h:4242", "http://", "http://[", "/api/put"])
def test_a_url_that_is_none_is_a_fault_of_the_settings(url: str) -> None:
    with pytest.raises(SettingsError, match=r"metrics\.url"):
        open_tsdb(Metrics(url=url), clock=SystemClock(), rng=Random(1))
    assert open_tsdb(Metrics(), clock=SystemClock(), rng=Random(1)) is None
