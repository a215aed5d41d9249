"""The conversation without a network: what bytes do to it."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from lxml import etree

from esi.clock import LoopClock
from esi.drivers.netconf import NetconfSession, without_secrets
from esi.errors import TimedOut, Unreachable
from esi.netconf.framing import frame
from esi.netconf.hello import build_hello
from esi.telemetry import MemoryRecorder
from esi.testing.loop import run

OLD = "urn:ietf:params:xml:ns:netconf:base:1.0"
BASE_1, BASE_11 = "urn:ietf:params:netconf:base:1.0", "urn:ietf:params:netconf:base:1.1"


class Pipe:
    """A wire that keeps what was written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.down = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def hang_up(self) -> None:
        self.down = True

    async def closed(self) -> None:
        assert self.down


def session(pipe: Pipe, recorder: MemoryRecorder | None = None) -> NetconfSession:
    return NetconfSession("r1", pipe, clock=LoopClock(), recorder=recorder or MemoryRecorder(), rpcs=Counter())


async def greeted(pipe: Pipe, *capabilities: str) -> NetconfSession:
    netconf = session(pipe)
    netconf.feed(b"<!-- user esi, class super -->\n" + frame(build_hello(capabilities or (BASE_1,), session_id="77")))
    await netconf.greet()
    return netconf


def reply(number: str, inside: str = "<ok/>") -> bytes:
    return f'<rpc-reply xmlns="{OLD}" message-id="{number}">{inside}</rpc-reply>'.encode()


def test_hello_may_come_in_pieces_and_late() -> None:
    async def work() -> None:
        pipe = Pipe()
        netconf = session(pipe)
        greeting = asyncio.ensure_future(netconf.greet())
        for byte in frame(build_hello((BASE_1, BASE_11), session_id="77")):
            await asyncio.sleep(0.01)
            netconf.feed(bytes([byte]))
        await greeting
        assert netconf.peer.session_id == "77"
        assert netconf._version == "1.1"

    run(work())


def test_replies_find_their_calls_in_any_order_and_without_number() -> None:
    async def work() -> None:
        pipe = Pipe()
        netconf = await greeted(pipe)
        sent = [netconf.send(etree.Element(name)) for name in ("a", "b", "c")]
        netconf.feed(frame(reply("2", "<two/>")))
        netconf.feed(frame(f'<rpc-reply xmlns="{OLD}"><one/></rpc-reply>'.encode()))
        netconf.feed(frame(reply("99")) + frame(reply("3", "<three/>")))
        found = [await netconf.reply(one, timeout=1) for one in sent]
        assert [etree.QName(one.root[0]).localname for one in found] == ["one", "two", "three"]
        assert netconf._rpcs == Counter("abc")

    run(work())


def test_reply_too_late_ends_it_and_all_others() -> None:
    async def work() -> None:
        pipe = Pipe()
        netconf = await greeted(pipe)
        slow = asyncio.ensure_future(netconf.call(etree.Element("commit"), timeout=180))
        other = asyncio.ensure_future(netconf.call(etree.Element("get"), timeout=200))
        with pytest.raises(TimedOut, match="commit was not answered within 180 s"):
            await slow
        with pytest.raises(Unreachable, match="commit was not answered"):
            await other
        assert netconf.over
        assert pipe.down
        with pytest.raises(Unreachable):
            netconf.send(etree.Element("get"))
        await netconf.close()

    run(work())


@pytest.mark.parametrize("garbage", [b"SSH-2.0 nonsense]]>]]>", b"<a/>]]>]]>", b"<!DOCTYPE x []><hello/>]]>]]>"])
def test_what_is_no_hello(garbage: bytes) -> None:
    async def work() -> None:
        pipe = Pipe()
        netconf = session(pipe)
        netconf.feed(garbage)
        with pytest.raises(Unreachable):
            await netconf.greet()
        assert pipe.down

    run(work())


def test_no_hello_at_all() -> None:
    async def work() -> None:
        with pytest.raises(Unreachable, match="no hello came"):
            await session(Pipe()).greet(timeout=5)

    run(work())


def test_reply_that_is_no_xml_is_unreachable() -> None:
    async def work() -> None:
        netconf = await greeted(Pipe())
        sent = netconf.send(etree.Element("get"))
        netconf.feed(frame(b'<rpc-reply message-id="1"><open></rpc-reply>'))
        with pytest.raises(Unreachable, match="not XML"):
            await netconf.reply(sent, timeout=1)

    run(work())


def test_routing_engine_left_open_is_repaired() -> None:
    async def work() -> None:
        netconf = await greeted(Pipe())
        sent = netconf.send(etree.Element("commit-configuration"))
        inside = "<commit-results><routing-engine><name>re0</name><commit-success/></commit-results><ok/>"
        netconf.feed(frame(reply("1", inside)))
        assert (await netconf.reply(sent, timeout=1)).ok

    run(work())


def test_abandoned_call_disturbs_nobody() -> None:
    async def work() -> None:
        netconf = await greeted(Pipe())
        given_up = asyncio.ensure_future(netconf.call(etree.Element("get"), timeout=9))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        sent = netconf.send(etree.Element("lock"))
        netconf.feed(frame(reply("1", "<late/>")) + frame(reply("2")))
        assert (await netconf.reply(sent, timeout=1)).ok

    run(work())


def test_exchanges_are_recorded_without_secrets() -> None:
    async def work() -> None:
        recorder = MemoryRecorder()
        netconf = session(Pipe(), recorder)
        netconf.feed(frame(build_hello((BASE_1,))))
        await netconf.greet()
        request = etree.Element("load-configuration")
        request.text = 'authentication-key "$9$abc.def/"; encrypted-password "$6$salt$hash";'
        sent = netconf.send(request)
        await asyncio.sleep(2)
        netconf.feed(frame(reply("1", "<output>$9$xyz</output>")))
        await netconf.reply(sent, timeout=1)
        (message,) = recorder.of("device")
        assert message.subject == "r1 load-configuration"
        assert message.took == 2
        assert message.at == LoopClock().now() - 2
        assert message.body["request"].endswith(
            'authentication-key "•••"; encrypted-password "•••";</load-configuration>'
        )
        assert "<output>•••</output>" in message.body["reply"]

    run(work())


def test_prices_are_no_secrets() -> None:
    assert without_secrets("costs $9 or $10, $9$") == "costs $9 or $10, $9$"
