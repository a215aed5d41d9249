"""How a process is, by HTTP, for whoever supervises it: /livez, /readyz and /metrics. Nothing else is answered.

Written by hand on a stream: a GET has one line that counts, and a process of one room shall not load a web server to
say that it is well. Every connection has one answer. What is told holds no secret, but names of rooms and addresses of
what is below them, so it listens on loopback unless a setting says otherwise.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path

from esi.clock import Clock
from esi.errors import EsiError
from esi.runtime.service.sockets import listening
from esi.runtime.service.vitals import Report, Vitals
from esi.tasks import Tasks

LONGEST_HEAD = 8 * 1024
PATIENCE_SECONDS = 5.0
TICK_SECONDS = 1.0
"""How often the loop is asked whether it is late."""

TICKS_KEPT = 15
JSON, TEXT = "application/json", "text/plain; version=0.0.4; charset=utf-8"

Answer = tuple[HTTPStatus, str, str]


class HealthRoom:
    """Serves until cancelled. `port` 0 takes a free one: `url` is right once `ready` is set."""

    name = "health"

    def __init__(self, vitals: Vitals, *, host: str, port: int, clock: Clock) -> None:
        self.ready = asyncio.Event()
        self.inherited: socket.socket | None = None
        self._vitals = vitals
        self._host = host
        self._port = port
        self._clock = clock
        self._late: list[float] = []

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def run(self) -> None:
        listener = listening(self._host, self._port, self.inherited)
        self._port = listener.getsockname()[1]
        async with Tasks(self.name) as tasks:

            def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                tasks.start("answer", self._serve(reader, writer))

            server = await asyncio.start_server(connected, sock=listener, limit=LONGEST_HEAD)
            try:
                self.ready.set()
                await self._tick()
            finally:
                self.ready.clear()
                server.close()

    async def _tick(self) -> None:
        """How late the loop is: what a sleep took beyond its time."""
        while True:
            asked = self._clock.monotonic()
            await self._clock.sleep(TICK_SECONDS)
            self._late = [*self._late[1 - TICKS_KEPT :], max(0.0, self._clock.monotonic() - asked - TICK_SECONDS)]
            self._vitals.lag = max(self._late)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, kind, text = await self._answer(head.split(b"\r\n", 1)[0].decode("latin-1").split())
                body = text.encode()
                lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Type: {kind}"]
                lines += [f"Content-Length: {len(body)}", "Cache-Control: no-store", "Connection: close"]
                writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if head.startswith(b"HEAD ") else body))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # who asks badly gets no answer, and keeps nothing from us
        finally:
            writer.close()

    async def _answer(self, words: list[str]) -> Answer:
        if len(words) != 3 or words[0] not in ("GET", "HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, JSON, '{"error": "only GET is answered"}\n'
        path = words[1].partition("?")[0]
        if path == "/livez":
            return HTTPStatus.OK, JSON, '{"alive": true}\n'
        if path == "/readyz":
            report = await self._vitals.look()
            status = HTTPStatus.OK if report.ready else HTTPStatus.SERVICE_UNAVAILABLE
            return status, JSON, json.dumps(as_document(report, self._clock.now()), indent=2) + "\n"
        if path == "/metrics":
            return HTTPStatus.OK, TEXT, await metrics(self._vitals)
        return HTTPStatus.NOT_FOUND, JSON, '{"error": "here are /livez, /readyz and /metrics"}\n'


def as_document(report: Report, now: float) -> Mapping[str, object]:
    """`why` of what is not ready; `now` tells whose clock is wrong."""

    def told(why: str) -> Mapping[str, object]:
        return {"ready": not why, "why": why} if why else {"ready": True}

    rooms = {name: {**told(why), "restarts": report.restarts[name]} for name, why in report.rooms.items()}
    checks = {name: told(why) for name, why in report.checks.items()}
    return {"ready": report.ready, "now": round(now, 3), "rooms": rooms, "stands_on": checks}


async def metrics(vitals: Vitals) -> str:
    """The text format 0.0.4."""
    report = await vitals.look()
    lines: dict[str, list[str]] = {"esi_ready": [f"esi_ready {int(report.ready)}"]}
    for name, why in report.rooms.items():
        lines.setdefault("esi_room_ready", []).append(f'esi_room_ready{{room="{name}"}} {int(not why)}')
        restarts = f'esi_room_restarts_total{{room="{name}"}} {report.restarts[name]}'
        lines.setdefault("esi_room_restarts_total", []).append(restarts)
    for name, why in report.checks.items():
        lines.setdefault("esi_stands_on", []).append(f'esi_stands_on{{what="{name}"}} {int(not why)}')
    for labelled in vitals.labelled:
        for (metric, label, text), value in labelled().items():
            lines.setdefault(metric, []).append(f'{metric}{{{label}="{text}"}} {value:.10g}')
    plain = {"esi_loop_lag_seconds": vitals.lag, **own_numbers()}
    for numbers in vitals.numbers:
        try:
            plain |= await numbers()
        except EsiError:
            continue  # what it stands on is away: esi_stands_on says so
    lines |= {name: [f"{name} {value:.10g}"] for name, value in plain.items()}
    return "".join(f"# TYPE {name} {kind(name)}\n" + _joined(lines[name]) for name in sorted(lines))


def kind(name: str) -> str:
    return "counter" if name.endswith("_total") else "gauge"


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def own_numbers() -> dict[str, float]:
    """Under the names that everybody's dashboards know. Linux."""
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    ticks, page = 100.0, 4096
    return {
        "process_cpu_seconds_total": (int(stat[11]) + int(stat[12])) / ticks,
        "process_resident_memory_bytes": int(stat[21]) * page,
        "process_open_fds": len(list(Path("/proc/self/fd").iterdir())) - 1,
    }
