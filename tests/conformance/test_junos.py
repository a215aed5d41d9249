"""The JUNOS driver on real SSH connections: locks, refusals, secrets, keys, lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from conformance.lab_router import BGP, GROUP, MX2, add_unit, cycle, driver_of, lab, opened, unit
from esi.clock import SystemClock
from esi.drivers import Address, Edit
from esi.drivers.junos import Endpoint, JunosDriver, Timeouts
from esi.drivers.ssh import CIPHERS, PACKET_BYTES, _Stream
from esi.errors import Busy, Rejected, TimedOut, Unreachable, Unsupported
from esi.lab import Served
from esi.telemetry import MemoryRecorder


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with lab() as served:
        yield served


async def test_secrets_are_stable_on_the_router_and_masked_everywhere_else(served: Served) -> None:
    driver = driver_of(served)
    recorder = driver._ways.recorder
    assert isinstance(recorder, MemoryRecorder)
    edits = [*BGP, Edit(GROUP, text='neighbor 192.168.8.1 { peer-as 9598; authentication-key "so secret"; }')]
    async with opened(driver) as session:
        diff = await cycle(session, edits, "one")
        assert "$9$" in diff
        await session.lock()
        await session.load(edits)
        assert await session.diff() == ""
    said = "".join(str(message) for message in recorder.messages)
    assert "so secret" not in said
    assert "$9$" not in said
    assert "•••" in said
    assert [m.subject for m in recorder.of("device")][:2] == [f"{MX2.ip} lock", f"{MX2.ip} discard-changes"]
    assert all(message.took >= 0 for message in recorder.messages)


async def test_a_batch_goes_in_few_packets_with_a_cipher_that_costs_little(served: Served) -> None:
    driver = driver_of(served)
    async with opened(driver) as session:
        stream = session.netconf._wire
        assert isinstance(stream, _Stream)
        assert stream._connection.get_extra_info("send_cipher") == "aes256-gcm@openssh.com"
        assert stream._connection.get_extra_info("recv_cipher") == "aes256-gcm@openssh.com"
        sizes: list[int] = []
        write = stream.channel.write

        def listening(data: bytes) -> None:
            sizes.append(len(data))
            write(data)

        stream.channel.write = listening  # type: ignore[assignment,method-assign]
        await session.lock()
        loads = [session.load([add_unit(number, number)]) for number in range(1, 101)]
        sizes.clear()
        await asyncio.gather(session.discard(), *loads, session.diff())
        assert sum(sizes) > 2 * PACKET_BYTES
        assert len(sizes) <= sum(sizes) // PACKET_BYTES + 1, "what is not much waits for the rest"
        assert max(sizes) < PACKET_BYTES + 1_000, "the first loads go while the others are made"
        await session.commit(comment="a hundred")
        await session.unlock()
    assert served.router.running_text().count("vlan-id") >= 100


def test_devices_that_know_other_ciphers_only_are_offered_those_too() -> None:
    ours = [name.decode() for name in asyncssh.SSHClientConnectionOptions(encryption_algs=CIPHERS).encryption_algs]
    assert ours[:2] == ["aes256-gcm@openssh.com", "aes128-gcm@openssh.com"]
    assert set(ours) == {name.decode() for name in asyncssh.SSHClientConnectionOptions().encryption_algs}
    assert len(ours) == len(set(ours))


async def test_budget_of_one_cycle(served: Served) -> None:
    driver = driver_of(served)
    async with opened(driver) as session:
        await session.lock()
        loads = [session.load([add_unit(number, number)]) for number in range(1, 11)]
        await asyncio.gather(session.discard(), *loads, session.diff())
        await session.commit(comment="ten")
        await session.unlock()
    assert dict(driver.rpcs) == {
        "lock": 1, "discard-changes": 1, "load-configuration": 10, "get-configuration": 1,
        "commit-configuration": 1, "unlock": 1, "close-session": 1,
    }  # fmt: skip
    assert served.router.running_text().count("vlan-id") >= 10


async def test_delete_and_create_is_two_requests(served: Served) -> None:
    driver = driver_of(served)
    async with opened(driver) as session:
        await cycle(session, [add_unit(5, 5)], "1")
        driver.rpcs.clear()
        await session.lock()
        await session.load([Edit(unit(5), "remove"), Edit(unit(5), text="vlan-id 6;")])
        assert (driver.rpcs["edit-config"], driver.rpcs["load-configuration"]) == (1, 1)
        diff = await session.diff()
        assert [line.split() for line in diff.splitlines()[1:]] == [
            ["-", "description", "test;"],
            ["-", "vlan-id", "5;"],
            ["+", "vlan-id", "6;"],
        ]


async def test_lock_names_its_holder(served: Served) -> None:
    driver = driver_of(served)
    async with opened(driver, replace(MX2, username="other")) as holder, opened(driver) as session:
        await holder.lock()
        with pytest.raises(Busy, match="locked by other") as caught:
            await session.lock()
        assert caught.value.details["user"] == "other"
        assert caught.value.details["pid"] == holder.netconf.peer.session_id
        assert caught.value.details["since"]


async def test_killed_session_loses_lock_and_edits(served: Served) -> None:
    driver = driver_of(served)
    async with opened(driver) as old, opened(driver) as new:
        await old.lock()
        await old.load(BGP)
        await new.kill(old.session_id)
        await new.lock()
        assert await new.diff() == ""
        with pytest.raises(Unreachable):
            await old.commit(comment="too late")
        with pytest.raises(Rejected):
            await new.kill("999999")


async def test_foreign_edits_in_the_candidate_are_busy(served: Served) -> None:
    foreign = served.router.open("somebody")
    foreign.load_text("merge", "system { host-name elsewhere; }")
    async with opened(driver_of(served)) as session:
        with pytest.raises(Busy, match="uncommitted changes"):
            await session.lock()


async def test_refused_commit_tells_words_and_path(served: Served) -> None:
    async with opened(driver_of(served)) as session:
        await session.lock()
        bad = Edit(GROUP, text="apply-groups NOWHERE; neighbor 192.168.8.1;")
        await session.load([*BGP, bad])
        for verb in (session.check(), session.commit(comment="x")):
            with pytest.raises(Rejected) as caught:
                await verb
            assert caught.value.who == MX2.ip
            assert caught.value.details["path"].startswith("[edit routing-instances vrf_a protocols bgp group CloudGW1")
        await session.discard()
        assert await session.diff() == ""


async def test_confirmed_commit_is_undone_unless_confirmed(served: Served) -> None:
    async with opened(driver_of(served)) as session:
        await session.lock()
        await session.load([add_unit(5, 5)])
        await session.commit(comment="maybe", confirm_within=61.0)
        await session.unlock()
    pending = served.router.history.pending
    assert pending is not None
    async with opened(driver_of(served)) as session:
        await session.lock()
        await session.commit(comment="sure")
        assert served.router.history.pending is None
        assert [record.comment for record in await session.history()][:2] == ["sure", "maybe"]


async def test_the_inventory_says_whether_commits_are_confirmed_ones(served: Served) -> None:
    driver = driver_of(served)
    driver._inventory[MX2.ip] = replace(driver._inventory[MX2.ip], confirm_within=60)
    async with opened(driver) as session:
        assert session.confirm_within == 60
    async with opened(driver_of(served)) as session:
        assert session.confirm_within is None


@pytest.mark.parametrize("chunks", [False, True])
async def test_both_framings_and_a_large_intent(*, chunks: bool) -> None:
    async with lab(chunks=chunks) as served, opened(driver_of(served)) as session:
        await session.lock()
        await session.load([add_unit(number, number) for number in range(1, 2001)])
        assert (await session.diff()).count("vlan-id") == 2000


async def test_login_by_key_and_without_any_right(served: Served, tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "key").write_bytes(key.export_private_key())
    (tmp_path / "key").chmod(0o600)
    async with lab(keys=[key.export_public_key().decode()]) as keyed:
        endpoint = Endpoint(keyed.host, keyed.port, keyed.host_key_public, (tmp_path / "key",))
        driver = JunosDriver({MX2.ip: endpoint}, clock=SystemClock(), recorder=MemoryRecorder())
        async with opened(driver, replace(MX2, password="")) as session:
            await session.lock()
    driver = driver_of(served)
    for address in (replace(MX2, password="wrong"), replace(MX2, password=""), replace(MX2, username="nobody")):
        with pytest.raises(Rejected, match="login refused"):
            await driver.open(address)


async def test_who_is_not_dialled_and_who_is_not_trusted(served: Served, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with pytest.raises(Rejected, match="host key is not the pinned one"):
        await driver_of(served, host_key=other).open(MX2)
    with pytest.raises(Unsupported, match=r"10\.79\.5\.184 is not in the inventory"):
        await driver_of(served).open(replace(MX2, ip="10.79.5.184"))
    unpinned = {MX2.ip: Endpoint(served.host, served.port)}
    with pytest.raises(Rejected, match="no host key is pinned"):
        await JunosDriver(unpinned, clock=SystemClock(), recorder=MemoryRecorder()).open(MX2)
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{served.port} {served.host_key_public}\n")
    driver = JunosDriver({}, clock=SystemClock(), recorder=MemoryRecorder(), known_hosts=known)
    async with opened(driver, Address("127.0.0.1", served.port, "esi", "geheim")) as session:
        await session.lock()
    known.write_text(f"[127.0.0.1]:{served.port} {other}\n")
    with pytest.raises(Rejected, match="host key"):
        await driver.open(Address("127.0.0.1", served.port, "esi", "geheim"))


async def test_nobody_listens(served: Served) -> None:
    with pytest.raises(Unreachable, match=r"10\.79\.5\.185"):
        await driver_of(served, port=1).open(MX2)


async def test_peer_that_never_speaks_and_peer_that_hangs_up() -> None:
    silent: list[asyncio.StreamWriter] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.append(writer)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    for behaviour in (keep, hang_up):
        async with await asyncio.start_server(behaviour, "127.0.0.1", 0) as server:
            endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1], key)
            timeouts = Timeouts(connect=0.3)
            driver = JunosDriver({MX2.ip: endpoint}, clock=SystemClock(), recorder=MemoryRecorder(), timeouts=timeouts)
            with pytest.raises(Unreachable):
                await driver.open(MX2)
            for writer in silent:
                writer.close()


@asynccontextmanager
async def wire_cutter(served: Served) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """A port in front of the router, and how to cut everything that goes through it."""
    writers: list[asyncio.StreamWriter] = []

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(served.host, served.port)
        writers.extend((writer, back))

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)

    def cut() -> None:
        for writer in writers:
            writer.transport.abort()

    async with await asyncio.start_server(join, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], cut
        cut()


async def test_connection_that_is_cut_before_the_reply_of_a_commit() -> None:
    async with lab(commit_seconds=0.3) as served, wire_cutter(served) as (port, cut):
        driver = driver_of(served, port=port)
        session = await driver.open(MX2)
        await session.lock()
        await session.load([add_unit(5, 5)])
        waiting = [asyncio.create_task(session.commit(comment="esi lost 1")), asyncio.create_task(session.diff())]
        async with asyncio.timeout(5):
            while not served.router.counts["commit"]:
                await asyncio.sleep(0.01)
            cut()
            ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(end) for end in ends] == [Unreachable, Unreachable]
        with pytest.raises(Unreachable):
            await session.diff()
        await session.close()
        async with opened(driver_of(served)) as again:  # the log tells whether it happened
            async with asyncio.timeout(5):
                while "esi lost 1" not in [record.comment for record in await again.history()]:
                    await asyncio.sleep(0.05)


async def test_reply_that_does_not_come_in_time_ends_the_conversation() -> None:
    async with lab(commit_seconds=1.0) as served:
        session = await driver_of(served, timeouts=Timeouts(commit=0.1)).open(MX2)
        await session.lock()
        await session.load([add_unit(5, 5)])
        with pytest.raises(TimedOut, match="commit-configuration"):
            await session.commit(comment="slow")
        with pytest.raises(Unreachable):
            await session.diff()
        await session.close()


async def test_what_cannot_be_written_is_rejected_and_nothing_is_sent(served: Served) -> None:
    driver = driver_of(served)
    async with opened(driver) as session:
        await session.lock()
        with pytest.raises(Rejected, match="cannot be written"):
            await session.load([add_unit(5, 5), Edit(unit(6), text="vlan-id 6; } system { host-name x;")])
        assert driver.rpcs["load-configuration"] == 0
        assert await session.diff() == ""


async def test_close_does_not_wait_for_a_peer_that_reads_no_more(served: Served) -> None:
    stalled = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(served.host, served.port)
        writers.extend((writer, back))

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while not stalled.is_set() and (data := await source.read(65536)):
                sink.write(data)

        await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)

    async with await asyncio.start_server(join, "127.0.0.1", 0) as server:
        driver = driver_of(served, port=server.sockets[0].getsockname()[1], timeouts=Timeouts(rpc=0.2))
        session = await driver.open(MX2)
        await session.lock()
        stalled.set()
        with pytest.raises(TimedOut):
            await session.load([add_unit(number, number) for number in range(1, 60_000)])
        async with asyncio.timeout(8):
            await session.close()
        for writer in writers:
            writer.transport.abort()
