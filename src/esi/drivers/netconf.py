"""One NETCONF conversation from the client's side, over any byte stream: hello, then requests and their replies.

Requests may be sent without waiting for each other: they go out in the order of the calls, and a device answers them in
that order; each call returns with its own reply, found by message-id. When the stream ends, or a reply does not come
in time, the conversation is over: everything that waits ends as Unreachable, and what was under way has an unknown
outcome.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from itertools import count
from typing import NamedTuple, Protocol

from esi.clock import Clock
from esi.errors import EsiError, TimedOut, Unreachable
from esi.netconf.framing import Framer, Version, frame
from esi.netconf.hello import Hello, build_hello, choose_version, parse_hello
from esi.netconf.reply import Reply, parse_reply
from esi.netconf.rpc import build_rpc
from esi.netconf.xml import Element, local, serialise
from esi.telemetry import MASK, Message, Recorder

CAPABILITIES = (
    "urn:ietf:params:netconf:base:1.0",
    "urn:ietf:params:netconf:base:1.1",
    "urn:ietf:params:netconf:capability:candidate:1.0",
    "urn:ietf:params:netconf:capability:confirmed-commit:1.0",
)

_SECRET = re.compile(r"\$[1-9]\$[^\s\"';<&]+")
_HELLO_SECONDS = 10.0


def without_secrets(text: str) -> str:
    """A text with every secret in one of the device's stored forms (`$9$…`, `$6$…`) masked."""
    return _SECRET.sub(MASK, text) if "$" in text else text


class Wire(Protocol):
    """Where the bytes go. `hang_up` ends it, `closed` waits until nothing of it is left."""

    def write(self, data: bytes) -> None: ...

    def hang_up(self) -> None: ...

    async def closed(self) -> None: ...


class Sent(NamedTuple):
    """A request that is on its way. `at` is monotonic time."""

    name: str
    body: bytes
    number: str
    at: float
    answer: asyncio.Future[bytes]


class NetconfSession:
    """A conversation with `who` over a wire, which calls `feed` and `lost`."""

    def __init__(
        self,
        who: str,
        wire: Wire,
        *,
        clock: Clock,
        recorder: Recorder,
        rpcs: Counter[str],
    ) -> None:
        self.who = who
        self.peer = Hello(frozenset())
        self._wire = wire
        self._clock = clock
        self._recorder = recorder
        self._rpcs = rpcs
        self._framer = Framer(who=who)
        self._version: Version = "1.0"
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._greeting: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self._over = ""

    @property
    def over(self) -> bool:
        """Whether the conversation has ended."""
        return bool(self._over)

    async def greet(self, *, timeout: float = _HELLO_SECONDS) -> None:
        """Exchange hellos and choose the version. Raises Unreachable when the peer does not greet in time."""
        ours = Hello(frozenset(CAPABILITIES))
        self._wire.write(frame(build_hello(CAPABILITIES)))
        try:
            async with asyncio.timeout(timeout):
                self.peer = await self._greeting
        except TimeoutError as error:
            self.lost("no hello came")
            raise self._unreachable() from error
        self._version = choose_version(ours, self.peer)
        self._take(self._framer.use(self._version))

    def send(self, operation: Element) -> Sent:
        """Send one request now, in the order of these calls. Its reply is awaited with `reply`."""
        return self.send_written(local(operation), serialise(operation))

    def send_written(self, name: str, body: bytes) -> Sent:
        """The same, of an operation called `name` that is serialised already."""
        if self._over:
            raise self._unreachable()
        number = str(next(self._numbers))
        sent = Sent(name, body, number, self._clock.monotonic(), asyncio.get_running_loop().create_future())
        self._waiting[number] = sent.answer
        self._rpcs[sent.name] += 1
        self._wire.write(frame(build_rpc(number, body), self._version))
        return sent

    async def reply(self, sent: Sent, *, timeout: float) -> Reply:
        """The reply to a request, whatever it says. TimedOut: none within `timeout` seconds, and all is over."""
        document = b""
        try:
            async with asyncio.timeout(timeout):
                document = await sent.answer
        except TimeoutError as error:
            self.lost(f"{sent.name} was not answered")
            raise TimedOut(f"{self.who}: {sent.name} was not answered within {timeout:.0f} s", who=self.who) from error
        finally:
            self._waiting.pop(sent.number, None)
            self._record(sent, document)
        return parse_reply(document, who=self.who)

    async def call(self, operation: Element, *, timeout: float) -> Reply:
        """Send one request, return its reply."""
        return await self.reply(self.send(operation), timeout=timeout)

    def _record(self, sent: Sent, reply: bytes) -> None:
        if self._recorder.skips():
            return
        took = self._clock.monotonic() - sent.at
        request = without_secrets(sent.body.decode())
        body = {"request": request, "reply": without_secrets(reply.decode(errors="replace"))}
        at = self._clock.now() - took
        self._recorder.message(Message("device", "devices", self.who, f"{self.who} {sent.name}", body, at, took))

    def feed(self, data: bytes) -> None:
        """Bytes from the peer."""
        try:
            self._take(self._framer.feed(data))
        except EsiError as error:
            self.lost(error.message)

    def _take(self, documents: list[bytes]) -> None:
        for document in documents:
            if not self._greeting.done():
                self._greeting.set_result(parse_hello(document, who=self.who))
            else:
                self._answer(document)

    def _answer(self, document: bytes) -> None:
        """Give a reply to the call it belongs to: by its message-id, else to the oldest."""
        found = _MESSAGE_ID.search(document[:2000])
        number = found[1].decode() if found else next(iter(self._waiting), "")
        waiting = self._waiting.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(document)

    def lost(self, why: str) -> None:
        """The conversation is over: all that wait are told."""
        if self._over:
            return
        self._over = why
        if not self._greeting.done():
            self._greeting.set_exception(self._unreachable())
            self._greeting.exception()  # whoever greets hears it; without one nobody has to
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self._unreachable())
                waiting.exception()  # it is heard by whoever still waits; nobody has to
        self._wire.hang_up()

    async def close(self) -> None:
        """Hang up, and wait until the wire is closed."""
        self.lost("closed")
        await self._wire.closed()

    def _unreachable(self) -> Unreachable:
        return Unreachable(f"{self.who}: the conversation has ended: {self._over}", who=self.who)


_MESSAGE_ID = re.compile(rb"rpc-reply\b[^>]*?\bmessage-id\s*=\s*[\"']([^\"']*)[\"']")
