"""Our NETCONF client against a server that is not ours: Debian's netconfd (yuma123) behind a real sshd.

It speaks the base verbs with a YANG module of our own (`esi-peer.yang`): lock, edit-config, commit, discard, unlock.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
import pytest
from lxml import etree

from esi.clock import SystemClock
from esi.drivers import Address
from esi.drivers.junos import Endpoint, JunosDriver
from esi.drivers.netconf import NetconfSession
from esi.errors import Rejected
from esi.netconf.reply import Reply
from esi.netconf.xml import BASE
from esi.telemetry import MemoryRecorder
from esi.testing.etcd import required
from esi.testing.ports import free_ports

pytestmark = pytest.mark.real

PEER = "urn:example:esi-peer"
PROGRAMS = ("stdbuf", "netconfd", "netconf-subsystem", "sshd", "ssh-keygen")
HERE = Path(__file__).parent


@dataclass
class Peer:
    endpoint: Endpoint
    user: str
    log: Path

    def heard(self) -> int:
        """How many hellos netconfd has read, by its own words."""
        return self.log.read_text(errors="replace").count(" now active ")


def programs() -> dict[str, str]:
    """Where the programs are; skips, or fails where netconfd is required."""
    path = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
    found = {name: shutil.which(name, path=path) for name in PROGRAMS}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        words = f"not installed: {', '.join(missing)} (Debian: apt-get install netconfd openssh-server)"
        (pytest.fail if required("netconfd") else pytest.skip)(words)
    return {name: place for name, place in found.items() if place is not None}


def start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """With a place of its own: else netconfd counts its transactions in ~/.yuma, which two at once leave unreadable."""
    (log.parent / "data").mkdir(exist_ok=True)
    env = os.environ | {"HOME": str(log.parent), "YUMA_HOME": str(log.parent)}
    with log.open("wb") as words:
        return subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def until(ready: Path | int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a socket (path or TCP port) accepts; fail with the program's words when it ends first."""
    family, where = (socket.AF_UNIX, str(ready)) if isinstance(ready, Path) else (socket.AF_INET, ("127.0.0.1", ready))
    for _ in range(200):
        with closing(socket.socket(family)) as probe:
            if probe.connect_ex(where) == 0:
                return
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"{process.args!r} did not come up: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    at = programs()
    folder = tmp_path_factory.mktemp("netconfd")
    folder.chmod(0o700)
    user, port, sock = getpass.getuser(), free_ports()[0], folder / "ncx.sock"
    host, ours = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    for name, key in (("host", host), ("ours", ours)):
        (folder / name).write_bytes(key.export_private_key("openssh"))
        (folder / name).chmod(0o600)
    (folder / "authorized").write_bytes(ours.export_public_key())
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin yes\n"
        f"Subsystem netconf {at['netconf-subsystem']} --ncxserver-sockname={port}@{sock}\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)  # where sshd of root locks itself in
    modules = f"--modpath={HERE}:/usr/share/yuma/modules"
    server = [at["stdbuf"], "-oL", at["netconfd"], "--target=candidate", modules, "--module=esi-peer"]
    server += [
        f"--superuser={user}",
        "--no-startup",
        "--log-level=info",
        f"--port={port}",
        f"--ncxserver-sockname={sock}",
    ]
    running: list[subprocess.Popen[bytes]] = []
    try:
        running.append(start(server, folder / "netconfd.log"))
        until(sock, running[-1], folder / "netconfd.log")
        running.append(start([at["sshd"], "-D", "-f", f"{folder}/sshd_config", "-e"], folder / "sshd.log"))
        until(port, running[-1], folder / "sshd.log")
        public = host.export_public_key().decode().strip()
        yield Peer(Endpoint("127.0.0.1", port, public, (folder / "ours",)), user, folder / "netconfd.log")
    finally:
        for process in reversed(running):
            stop(process)


@asynccontextmanager
async def session(peer: Peer) -> AsyncIterator[NetconfSession]:
    """A conversation whose hello netconfd has read, or has before it with the connection.

    RFC 6242 lets a client ask as soon as it has the server's hello, and routers and our lab answer that. netconfd 2.13
    answers nothing more when one read gives it a hello and the request behind it, framed in chunks. It tells a hello
    when it reads it by itself; one that came with the connection it keeps for the next read, which does no harm.
    """
    before = peer.heard()
    driver = JunosDriver({"peer": peer.endpoint}, clock=SystemClock(), recorder=MemoryRecorder())
    netconf = await driver.dial(Address("peer", username=peer.user))
    try:
        for _ in range(30):
            if peer.heard() > before:
                break
            await asyncio.sleep(0.01)
        yield netconf
    finally:
        await netconf.close()


async def ask(netconf: NetconfSession, text: str) -> Reply:
    name, _, inside = text.partition(" ")
    return await netconf.call(etree.fromstring(f'<{name} xmlns="{BASE}">{inside}</{name}>'), timeout=10.0)


CANDIDATE = "<target><candidate/></target>"


def edit(unit: int, vlan: int, operation: str = "merge") -> str:
    default = "none" if operation == "remove" else "merge"
    return (
        f"edit-config {CANDIDATE}<default-operation>{default}</default-operation><config>"
        f'<configuration xmlns="{PEER}"><interface><name>ge-0/0/1</name><unit xmlns:nc="{BASE}"'
        f' nc:operation="{operation}"><name>{unit}</name><vlan-id>{vlan}</vlan-id></unit></interface></configuration>'
        "</config>"
    )


async def running(netconf: NetconfSession) -> list[str]:
    reply = await ask(
        netconf,
        f'get-config <source><running/></source><filter type="subtree"><configuration xmlns="{PEER}"/></filter>',
    )
    assert reply.ok
    return [one.text or "" for one in reply.root.iter(f"{{{PEER}}}vlan-id")]


async def test_hello_and_chunks(peer: Peer) -> None:
    async with session(peer) as netconf:
        assert netconf.peer.can("base:1.1")
        assert netconf.peer.can("candidate")
        assert netconf.peer.session_id
        assert netconf._version == "1.1"


async def test_edits_in_flight_together_then_commit_and_removal(peer: Peer) -> None:
    async with session(peer) as netconf:
        assert (await ask(netconf, f"lock {CANDIDATE}")).ok
        replies = await asyncio.gather(*(ask(netconf, edit(unit, unit)) for unit in range(1, 51)))
        assert [reply.ok for reply in replies] == [True] * 50
        assert [reply.message_id for reply in replies] == [str(number) for number in range(2, 52)]
        assert (await ask(netconf, "commit ")).ok
        assert await running(netconf) == [str(unit) for unit in range(1, 51)]
        for unit in range(1, 51):
            assert (await ask(netconf, edit(unit, unit, "remove"))).ok
        assert (await ask(netconf, edit(60, 60, "remove"))).ok  # absent: no error
        assert (await ask(netconf, "commit ")).ok
        assert await running(netconf) == []
        assert (await ask(netconf, f"unlock {CANDIDATE}")).ok


async def test_discard_drops_edits_and_so_does_a_closed_session(peer: Peer) -> None:
    async with session(peer) as netconf:
        assert (await ask(netconf, f"lock {CANDIDATE}")).ok
        assert (await ask(netconf, edit(5, 5))).ok
        assert (await ask(netconf, "discard-changes ")).ok
        assert (await ask(netconf, "commit ")).ok
        assert await running(netconf) == []
        assert (await ask(netconf, edit(6, 6))).ok
    async with session(peer) as netconf:
        assert (await ask(netconf, f"lock {CANDIDATE}")).ok
        assert (await ask(netconf, "commit ")).ok
        assert await running(netconf) == []


async def test_refused_value_has_its_words_and_path(peer: Peer) -> None:
    async with session(peer) as netconf:
        assert (await ask(netconf, f"lock {CANDIDATE}")).ok
        reply = await ask(netconf, edit(5, 4095))
        assert not reply.ok
        assert reply.errors[0].severity == "error"
        assert "vlan-id" in reply.errors[0].path
        assert (await ask(netconf, "discard-changes ")).ok


async def test_lock_held_by_another_names_its_session(peer: Peer) -> None:
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(session(peer)) for _ in range(2)]
        assert (await ask(first, f"lock {CANDIDATE}")).ok
        reply = await ask(second, f"lock {CANDIDATE}")
        assert reply.errors[0].tag == "lock-denied"
        assert reply.errors[0].session_id == first.peer.session_id
        assert (await ask(first, f"unlock {CANDIDATE}")).ok
        assert (await ask(second, f"lock {CANDIDATE}")).ok


async def test_real_sshd_refuses_a_stranger_and_is_refused_with_another_key(peer: Peer, tmp_path: Path) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "key").write_bytes(stranger.export_private_key("openssh"))
    (tmp_path / "key").chmod(0o600)
    endpoint = Endpoint(peer.endpoint.host, peer.endpoint.port, peer.endpoint.host_key, (tmp_path / "key",))
    with pytest.raises(Rejected, match="login refused"):
        async with session(replace(peer, endpoint=endpoint)):
            pass
    wrong = Endpoint(
        peer.endpoint.host, peer.endpoint.port, stranger.export_public_key().decode(), peer.endpoint.client_keys
    )
    with pytest.raises(Rejected, match="host key"):
        async with session(replace(peer, endpoint=wrong)):
            pass


async def test_requests_are_counted(peer: Peer) -> None:
    async with session(peer) as netconf:
        await ask(netconf, f"lock {CANDIDATE}")
        await ask(netconf, "discard-changes ")
        assert netconf._rpcs == Counter({"lock": 1, "discard-changes": 1})
