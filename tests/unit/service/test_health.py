"""A process tells how it is: real HTTP, real rooms under a real supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import aiohttp

from esi.clock import SystemClock
from esi.errors import Unreachable
from esi.runtime import Pace, Supervisor
from esi.runtime.service.door import HealthRoom, metrics
from esi.runtime.service.vitals import Vitals
from esi.tasks import Tasks

CLOCK = SystemClock()


class Standing:
    """A room that runs, or fails as often as it is started."""

    def __init__(self, name: str, trouble: str = "") -> None:
        self.name = name
        self.trouble = trouble

    async def run(self) -> None:
        if self.trouble:
            raise Unreachable(self.trouble)
        await asyncio.Event().wait()


class Below:
    """Something that rooms stand on."""

    def __init__(self) -> None:
        self.trouble = ""

    async def ask(self) -> str:
        if self.trouble == "silent":
            await asyncio.Event().wait()
        if self.trouble:
            raise Unreachable(self.trouble)
        return ""


@asynccontextmanager
async def process(*rooms: Standing, below: Below | None = None) -> AsyncIterator[tuple[str, Vitals]]:
    """The address of the health door of these rooms."""
    vitals = Vitals(CLOCK)
    vitals.needs = lambda name: () if name == "health" else ("etcd",)
    if below is not None:
        vitals.checks["etcd"] = below.ask
    health = HealthRoom(vitals, host="127.0.0.1", port=0, clock=CLOCK)
    supervisor = Supervisor([health, *rooms], clock=CLOCK, rng=Random(1), pace=Pace(first=60.0))
    vitals.states = supervisor.health
    async with Tasks("test") as tasks:
        tasks.start("rooms", supervisor.run())
        await health.ready.wait()
        yield health.url, vitals


async def asked(url: str, path: str, method: str = "GET") -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.request(method, url + path) as answer:
        if answer.content_type == "application/json" and method == "GET":
            return answer.status, await answer.json()
        return answer.status, await answer.text()


async def test_rooms_that_run_are_ready() -> None:
    async with process(Standing("sync"), below=Below()) as (url, _):
        assert await asked(url, "/livez") == (200, {"alive": True})
        status, told = await asked(url, "/readyz")
        assert (status, told["ready"]) == (200, True)
        assert told["rooms"]["sync"] == {"ready": True, "restarts": 0}
        assert told["stands_on"] == {"etcd": {"ready": True}}


async def test_what_a_room_stands_on_is_away_and_comes_back() -> None:
    below = Below()
    below.trouble = "etcd does not answer at 127.0.0.1:1"
    async with process(Standing("sync"), below=below) as (url, vitals):
        status, told = await asked(url, "/readyz")
        assert (status, told["ready"]) == (503, False)
        assert told["rooms"]["sync"]["why"] == "etcd: etcd does not answer at 127.0.0.1:1"
        assert told["rooms"]["health"] == {"ready": True, "restarts": 0}
        assert (await asked(url, "/livez"))[0] == 200, "it need not be started again: it only waits"
        assert 'esi_room_ready{room="sync"} 0' in (await asked(url, "/metrics"))[1]
        below.trouble = ""
        async with asyncio.timeout(10):  # an answer is kept for a second
            while not (await vitals.look()).ready:
                await asyncio.sleep(0.05)


async def test_what_does_not_answer_counts_as_away() -> None:
    below = Below()
    below.trouble = "silent"
    async with process(Standing("sync"), below=below) as (url, _):
        _, told = await asked(url, "/readyz")
        assert told["rooms"]["sync"]["why"] == "etcd: no answer within 2 s"


async def test_a_room_that_failed_says_why() -> None:
    async with process(Standing("api", "cannot listen on 127.0.0.1:80: Permission denied")) as (url, _):
        status, told = await asked(url, "/readyz")
        assert status == 503
        assert (
            told["rooms"]["api"]["why"]
            == "it has failed: Unreachable: cannot listen on 127.0.0.1:80: Permission denied"
        )


async def test_a_process_that_ends_is_not_ready() -> None:
    async with process(Standing("sync")) as (url, vitals):
        vitals.ending = True
        assert (await asked(url, "/readyz"))[1]["rooms"]["sync"]["why"] == "it is told to end"


async def test_metrics_are_prometheus_text_and_hold_what_was_given() -> None:
    async def numbers() -> dict[str, float]:
        return {"esi_etcd_commits_total": 7.0}

    async def away() -> dict[str, float]:
        raise Unreachable("the database is away")

    async with process(Standing("sync"), below=Below()) as (url, vitals):
        vitals.numbers += [away, numbers]
        vitals.labelled.append(lambda: {("esi_leads", "key", "/gohan/cluster/sync"): 1.0})
        status, text = await asked(url, "/metrics")
        assert status == 200
        assert text == await metrics(vitals) or "esi_etcd_commits_total 7\n" in text
        lines = text.splitlines()
        for line in ("esi_ready 1", 'esi_stands_on{what="etcd"} 1', 'esi_leads{key="/gohan/cluster/sync"} 1'):
            assert line in lines
        assert "# TYPE esi_etcd_commits_total counter" in lines
        assert "# TYPE process_resident_memory_bytes gauge" in lines
        series = [line for line in lines if not line.startswith("#")]
        assert all(len(line.rsplit(" ", 1)) == 2 and float(line.rsplit(" ", 1)[1]) >= 0 for line in series)


async def test_who_asks_badly_gets_no_room() -> None:
    async with process(Standing("sync")) as (url, _):
        assert (await asked(url, "/"))[0] == 404
        assert (await asked(url, "/livez", "POST"))[0] == 405
        assert await asked(url, "/livez", "HEAD") == (200, "")
        host, port = url.removeprefix("http://").split(":")
        for words in (b"x" * 100_000, b"\r\n\r\n", b"GET\r\n\r\n"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(words)
            async with asyncio.timeout(20):
                try:
                    assert b" 200 " not in await reader.read()
                except ConnectionResetError:
                    pass
            writer.close()
        assert (await asked(url, "/livez"))[0] == 200
