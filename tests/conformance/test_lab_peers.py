"""A foreign client against the lab router: ncclient as it speaks to JUNOS, over real SSH on this machine.

ncclient blocks, so each conversation runs in a thread while the lab serves from the test's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncssh
import pytest
from lxml import etree
from ncclient import manager
from ncclient.operations import RPCError
from ncclient.transport import NetconfBase
from ncclient.transport.errors import AuthenticationError, SessionCloseError, TransportError

from esi.errors import ConfigError
from esi.lab import LabDevice, Served, day0, serve
from esi.tasks import Tasks
from esi.testing.clocks import HandClock

T = TypeVar("T")

USER, PASSWORD = "esi", "secret"
LINES = ["set interfaces ge-0/0/1 unit 5 vlan-id 5", "set interfaces ge-0/0/1 unit 5 description peer"]
HUNK = "\n[edit interfaces ge-0/0/1]\n+    unit 5 {\n+        description peer;\n+        vlan-id 5;\n+    }\n"
TEXT = "interfaces { ge-0/0/1 { unit 5 { vlan-id 5; description peer; } } }"
XML = (
    "<configuration><interfaces><interface><name>ge-0/0/1</name><unit><name>5</name>"
    "<description>peer</description><vlan-id>5</vlan-id></unit></interface></interfaces></configuration>"
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def lab(clock: HandClock) -> AsyncIterator[Served]:
    device = LabDevice("mx1", day0("mx1"), {USER: PASSWORD})
    async with Tasks("lab") as tasks, serve([device], clock=clock, tasks=tasks) as served:
        yield served["mx1"]


@contextmanager
def connected(served: Served, **more: Any) -> Iterator[Any]:
    wanted = {"username": USER, "password": PASSWORD, "allow_agent": False, "look_for_keys": False, **more}
    with manager.connect(
        host=served.host, port=served.port, hostkey_verify=False, timeout=20, device_params={"name": "junos"}, **wanted
    ) as session:
        yield session


async def talk(work: Callable[..., T], *args: Any) -> T:
    return await asyncio.to_thread(work, *args)


def heard(session: Any) -> None:
    """Wait until ncclient knows that `session` is over: what it sends while it is finding out, it waits for in vain."""
    session._session.join(20)
    assert not session.connected


def diff(session: Any) -> str:
    found = session.compare_configuration().xpath("//configuration-output")
    return str(found[0].text)


async def test_lock_load_compare_commit_unlock(lab: Served) -> None:
    def conversation() -> None:
        with connected(lab) as session:
            session.lock("candidate")
            session.load_configuration(action="set", config=LINES)
            assert diff(session) == HUNK
            session.validate("candidate")
            session.commit(comment="esi 1")
            assert diff(session) == "\n"
            session.unlock("candidate")

    await talk(conversation)
    assert "unit 5 {\n            description peer;" in lab.router.running_text()
    assert lab.router.history.entries[0].log == "esi 1"
    assert lab.router.sessions == {}


LOADS: dict[str, Callable[[Any], Any]] = {
    "set": lambda session: session.load_configuration(action="set", config=LINES),
    "text": lambda session: session.load_configuration(format="text", config=TEXT),
    "xml": lambda session: session.load_configuration(format="xml", config=etree.fromstring(XML)[0]),
    "edit-config": lambda session: session.edit_config(target="candidate", config=f"<config>{XML}</config>"),
    "edit-config text": lambda session: session.edit_config(target="candidate", format="text", config=TEXT),
}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
async def test_every_way_to_load_comes_to_the_same(lab: Served, load: Callable[[Any], Any]) -> None:
    def conversation() -> None:
        with connected(lab) as session:
            load(session)
            assert diff(session) == HUNK
            session.discard_changes()
            assert diff(session) == "\n"

    await talk(conversation)


async def test_an_unconfirmed_commit_is_rolled_back_by_itself(lab: Served, clock: HandClock) -> None:
    before = lab.router.running_text()

    def change() -> None:
        with connected(lab) as session:
            session.load_configuration(action="set", config=LINES)
            session.commit(confirmed=True, timeout="90")  # ncclient sends minutes, rounded up

    def look() -> str:
        with connected(lab) as session:
            return str(session.get_config("running").data_xml)

    await talk(change)
    clock.time += 119
    assert "peer" in await talk(look)
    clock.time += 1
    assert "peer" not in await talk(look)
    assert lab.router.running_text() == before


async def test_a_new_session_confirms(lab: Served, clock: HandClock) -> None:
    def change() -> None:
        with connected(lab) as session:
            session.load_configuration(action="set", config=LINES)
            session.commit(confirmed=True, timeout="60")

    def confirm() -> None:
        with connected(lab) as session:
            assert session.rpc("<get-commit-information/>").xpath("//commit-confirmed")
            session.commit(comment="seen working")

    await talk(change)
    await talk(confirm)
    clock.time += 1000
    assert "description peer" in lab.router.running_text()


async def test_discard_and_rollback(lab: Served) -> None:
    def conversation() -> None:
        with connected(lab) as session:
            session.load_configuration(action="set", config=LINES)
            session.commit()
            session.rollback(1)
            assert diff(session) == HUNK.replace("+", "-")
            session.discard_changes()
            assert diff(session) == "\n"
            session.rollback(1)
            session.commit()

    before = lab.router.running_text()
    await talk(conversation)
    assert lab.router.running_text() == before
    assert len(lab.router.history.entries) == 3


async def test_a_second_session_is_denied_the_lock(lab: Served) -> None:
    def conversation() -> None:
        with connected(lab) as one, connected(lab) as other:
            one.lock("candidate")
            for refused in (
                lambda: other.lock("candidate"),
                lambda: other.load_configuration(action="set", config=LINES),
                other.commit,
                other.discard_changes,
            ):
                with pytest.raises(RPCError, match="configuration database locked by:\n  esi ") as denied:
                    refused()
                assert denied.value.tag == "lock-denied"
                assert one.session_id in denied.value.info
            one.unlock("candidate")
            other.lock("candidate")

    await talk(conversation)
    assert lab.router.holder is None


async def test_a_lost_connection_frees_the_lock_and_drops_its_edits(lab: Served) -> None:
    ended = asyncio.Event()

    def cut() -> None:
        with connected(lab) as one:
            one.lock("candidate")
            one.load_configuration(action="set", config=LINES)
            (held,) = lab.router.sessions.values()
            held.ended.append(ended.set)  # type: ignore[attr-defined]
            one._session._transport.sock.shutdown(2)
            heard(one)

    with pytest.raises((SessionCloseError, TransportError)):
        await talk(cut)
    async with asyncio.timeout(10):
        await ended.wait()

    def lock() -> str:
        with connected(lab) as other:
            other.lock("candidate")
            return diff(other)

    assert await talk(lock) == "\n"


async def test_a_killed_session_hears_it(lab: Served) -> None:
    def conversation() -> None:
        with connected(lab) as one, connected(lab) as other:
            one.lock("candidate")
            other.kill_session(one.session_id)
            other.lock("candidate")
            heard(one)
            with pytest.raises((SessionCloseError, TransportError)):
                one.lock("candidate")
            one._session.close()

    try:
        await talk(conversation)
    except (SessionCloseError, TransportError):
        pass  # leaving the block of the killed session tries to close it once more
    assert lab.router.counts["rpc:kill-session"] == 1


async def test_errors_of_load_and_commit_are_heard(lab: Served) -> None:
    def conversation() -> None:
        with connected(lab) as session:
            with pytest.raises(RPCError, match="syntax error"):
                session.load_configuration(action="set", config=["set nonsense"])
            session.load_configuration(action="set", config=["set interfaces ge-0/0/1 unit 6 description x"])
            with pytest.raises(RPCError, match="VLAN-ID must be specified") as refused:
                session.commit()
            assert refused.value.errors[0].path.strip() == "[edit interfaces ge-0/0/1]"
            session.discard_changes()
            with pytest.raises(RPCError, match="syntax error"):
                session.rpc("<get-nonsense/>")

    await talk(conversation)


async def test_a_warning_beside_ok_is_no_error(lab: Served) -> None:
    removal = XML.replace("<unit>", '<unit operation="delete">')

    def conversation() -> None:
        with connected(lab) as session:
            reply = session.edit_config(target="candidate", config=f"<config>{removal}</config>")
            assert "statement not found" in str(reply)

    await talk(conversation)


async def test_get_config_and_get_configuration(lab: Served) -> None:
    wanted = "<configuration><interfaces><interface><name>ge-0/0/1</name></interface></interfaces></configuration>"

    def conversation() -> tuple[list[str], str]:
        with connected(lab) as session:
            found = session.get_config("running", filter=("subtree", wanted))
            names = [one.text for one in found.xpath("//interface/name")]
            text = session.get_configuration(format="text").xpath("//configuration-text")[0].text
            return names, str(text)

    names, text = await talk(conversation)
    assert names == ["ge-0/0/1"]
    assert text.endswith(lab.router.running_text())


async def test_only_the_right_password_or_key_opens(clock: HandClock, tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    path = tmp_path / "key"
    path.write_bytes(key.export_private_key())
    path.chmod(0o600)
    host_key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    device = LabDevice("mx2", day0("mx2"), {USER: PASSWORD}, keys=[key.export_public_key().decode()], host_key=host_key)

    def by(**how: Any) -> str:
        with connected(served["mx2"], **how) as session:
            return str(session.session_id)

    async with Tasks("lab") as tasks, serve([device], clock=clock, tasks=tasks) as served:
        expected = asyncssh.import_private_key(host_key).export_public_key().decode().strip()
        assert served["mx2"].host_key_public == expected
        assert await asyncio.to_thread(by, password=None, key_filename=str(path)) == "4001"
        for how in ({"password": "wrong"}, {"username": "other"}):
            with pytest.raises(AuthenticationError):
                await asyncio.to_thread(by, **how)
        other = asyncssh.generate_private_key("ssh-ed25519")
        path.write_bytes(other.export_private_key())
        with pytest.raises(AuthenticationError):
            await asyncio.to_thread(by, password=None, key_filename=str(path))


async def test_the_command_that_clients_fall_back_to(lab: Served) -> None:
    async with (
        asyncssh.connect(
            lab.host, lab.port, username=USER, password=PASSWORD, known_hosts=None, config=None
        ) as connection,
        connection.create_process("xml-mode netconf need-trailer", encoding=None) as process,
    ):
        assert b"<session-id>" in await process.stdout.readuntil(b"]]>]]>\n")
        # A router does not insist on the client's hello.
        process.stdin.write(b"<rpc message-id='1'><lock-configuration/></rpc>]]>]]><rpc><nonsense/></rpc>]]>]]>")
        assert b'message-id="1"/>' in await process.stdout.readuntil(b"]]>]]>\n")
        assert b"syntax error" in await process.stdout.readuntil(b"]]>]]>\n")
        process.stdin.write(b"no xml]]>]]>")
        assert b"malformed-message" in await process.stdout.readuntil(b"]]>]]>\n")
        assert b"session end" in await process.stdout.read()
    assert lab.router.holder is None
    assert lab.router.sessions == {}


async def test_chunks_are_spoken_by_a_newer_release(clock: HandClock) -> None:
    device = LabDevice("new", day0("mx1"), {USER: PASSWORD}, chunks=True)

    def conversation(served: Served) -> None:
        with connected(served) as session:
            assert session._session._base == NetconfBase.BASE_11
            session.load_configuration(action="set", config=LINES)
            assert diff(session) == HUNK

    async with Tasks("lab") as tasks, serve([device], clock=clock, tasks=tasks) as served:
        await talk(conversation, served["new"])


async def test_a_lab_that_cannot_start_says_why(clock: HandClock, lab: Served) -> None:
    for device in (
        LabDevice("taken", day0("mx1"), {USER: PASSWORD}, port=lab.port),
        LabDevice("bad", "nonsense;", {USER: PASSWORD}),
        LabDevice("key", day0("mx1"), {USER: PASSWORD}, host_key="no key"),
    ):
        async with Tasks("lab") as tasks:
            with pytest.raises(ConfigError):
                async with serve([device], clock=clock, tasks=tasks):
                    raise AssertionError("must not start")
