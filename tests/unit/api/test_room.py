"""The room itself: a real socket, a real client."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from esi.api import ApiRoom
from esi.errors import Unreachable
from esi.identity import Identity
from esi.schema import Catalogue
from esi.tasks import Tasks
from unit.api.serving import People
from unit.lifecycle.ring import Ring

HEADERS = {"X-Auth-Token": "root", "Content-Type": "application/json"}


async def test_a_served_room_answers_and_ends(known: Catalogue) -> None:
    ring = Ring(known)
    room = ApiRoom(ring.lifecycle, People(), port=0)
    async with Tasks("test") as tasks, aiohttp.ClientSession(headers=HEADERS) as http:
        tasks.start("api", room.run())
        await room.ready.wait()
        assert room.bound_port != 0
        notes = f"{room.url}/v2.0/notes"

        async def put(number: int) -> int:
            async with http.put(f"{notes}/n{number}", json={"text": str(number)}) as answer:
                return answer.status

        assert set(await asyncio.gather(*(put(number) for number in range(50)))) == {201}
        async with http.get(notes, params={"limit": "1"}) as answer:
            assert answer.headers["X-Total-Count"] == "50"
        async with http.head(f"{notes}/n1") as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        async with http.delete(f"{notes}/n1") as answer:
            assert (answer.status, await answer.read()) == (204, b"")
        for data in (_slices(), io.BytesIO(json.dumps({"text": "x" * 1_100_000}).encode())):
            assert await _refused(http, notes, data) == 413
        other = ApiRoom(ring.lifecycle, People(), port=room.bound_port)
        with pytest.raises(Unreachable, match="cannot listen"):
            await other.run()
    assert not room.ready.is_set()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", room.bound_port), timeout=1)
    await ring.store.close()


async def test_answers_do_not_wait_for_acknowledgements(known: Catalogue) -> None:
    """Each of them would take 40 ms; together they must take less than half of that."""
    ring = Ring(known)
    room = ApiRoom(ring.lifecycle, People(), port=0)
    async with Tasks("test") as tasks:
        tasks.start("api", room.run())
        await room.ready.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", room.bound_port)
        async with asyncio.timeout(50 * 0.02):
            for _request in range(50):
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: esi\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
        writer.close()
    await ring.store.close()


async def test_who_sends_no_whole_request_is_not_waited_for(known: Catalogue) -> None:
    """A dribbled body is answered, a dribbled head and a silent connection are hung up on; long answers are not."""
    ring = Ring(known)
    room = ApiRoom(ring.lifecycle, SlowPeople(), port=0)
    room.patience = 0.3
    async with Tasks("test") as tasks, aiohttp.ClientSession(headers=HEADERS) as http:
        tasks.start("api", room.run())
        await room.ready.wait()
        async with asyncio.timeout(10):
            head = b"POST /v2.0/notes HTTP/1.1\r\nHost: esi\r\nX-Auth-Token: root\r\nContent-Length: 40\r\n\r\n"
            said = await _all_of(room, head + b'{"text": ')
            assert said.startswith(b"HTTP/1.1 408 ")
            assert b"connection: close" in said.lower()
            assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "too_slow"
            assert await _all_of(room, b"GET /healthz HTTP/1.1\r\nHost") == b""
            assert await _all_of(room, b"") == b""
        async with http.get(f"{room.url}/v2.0/notes", timeout=aiohttp.ClientTimeout(10)) as answer:
            assert (await answer.json())["notes"] == []
    await ring.store.close()


class SlowPeople(People):
    """It takes longer to know them than a request may take to come."""

    async def identify(self, token: str | None) -> Identity:
        await asyncio.sleep(1)
        return await super().identify(token)


async def _all_of(room: ApiRoom, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", room.bound_port)
    writer.write(data)
    found = await reader.read()
    writer.close()
    return found


async def _slices() -> AsyncIterator[bytes]:
    yield b'{"text": "'
    for _slice in range(20):
        yield b"x" * 65536
    yield b'"}'


async def _refused(http: aiohttp.ClientSession, url: str, data: Any) -> int:
    async with http.post(url, data=data) as answer:
        document = await answer.json()
        assert document["code"] == "too_large"
        return answer.status
