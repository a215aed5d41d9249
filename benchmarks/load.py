"""The load generator: POSTs the bodies of a file, one per line, over some connections that stay open.

    python -m benchmarks.load HOST:PORT PATH BODIES CONNECTIONS SECONDS [TOKEN]

Its last line: {"count", "seconds", "p50", "p99", "wrong"}; milliseconds per request. It begins to count after a tenth
of the time, so that nobody is measured while waking up. It reads answers by their length alone, to cost little.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.rows import percentile
from esi.clock import SystemClock

CLOCK = SystemClock()


class Poster(asyncio.Protocol):
    """One connection: the next request goes when the answer is complete."""

    def __init__(self, requests: Iterator[bytes], took: list[tuple[float, float]], wrong: list[bytes]) -> None:
        self._requests = requests
        self._took = took
        self._wrong = wrong
        self._buffer = b""
        self._sent = 0.0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._requests, b"")
        if not request:
            self._transport.close()
            return
        self._sent = CLOCK.monotonic()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._buffer.lower().find(b"content-length:", 0, head)
        length = int(self._buffer[at + 15 : self._buffer.find(b"\r\n", at)])
        if len(self._buffer) < head + 4 + length:
            return
        now = CLOCK.monotonic()
        if self._buffer.startswith(b"HTTP/1.1 201"):
            self._took.append((now, now - self._sent))
        else:
            self._wrong.append(self._buffer[:500])
        self._buffer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


def requests(bodies: list[bytes], host: str, path: str, token: str, until: float) -> Iterator[bytes]:
    """One request after the other, until the time is over."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nX-Auth-Token: {token}\r\n"
    for body in bodies:
        if CLOCK.monotonic() > until:
            return
        yield f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def run(
    where: str, path: str, bodies: list[bytes], connections: int, seconds: float, token: str = ""
) -> dict[str, object]:
    """What happened, as the head of this file says."""
    host, _, port = where.removeprefix("http://").rpartition(":")
    begun = CLOCK.monotonic()
    took: list[tuple[float, float]] = []
    wrong: list[bytes] = []
    source = requests(bodies, where, path, token, begun + seconds)
    loop = asyncio.get_running_loop()
    posters = [
        (await loop.create_connection(lambda: Poster(source, took, wrong), host, int(port)))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(poster.over for poster in posters))
    begin = begun + seconds / 10
    counted = [(at, one) for at, one in took if at >= begin] or took
    lasted = max(counted)[0] - begin if counted and max(counted)[0] > begin else CLOCK.monotonic() - begun
    times = [one * 1000 for _, one in counted] or [0.0]
    return {
        "count": len(counted),
        "seconds": lasted,
        "p50": percentile(times, 0.5),
        "p99": percentile(times, 0.99),
        "wrong": [text.decode(errors="replace") for text in wrong[:3]],
    }


if __name__ == "__main__":
    host, path, file, connections, seconds, *token = sys.argv[1:]
    lines = Path(file).read_bytes().splitlines()
    print(json.dumps(asyncio.run(run(host, path, lines, int(connections), float(seconds), *token))))
