"""A PostgreSQL for tests: Debian's server with a throw-away cluster, as a child of the tests and gone with them.

The server refuses to be root: where we are, it runs as the user `postgres`. Nothing in it survives a power cut.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from esi.telemetry import Secret

READY = "ready to accept connections"
PATIENCE_SECONDS = 30.0
PASSWORD = Secret("a word of the tests")
FAST = ("fsync=off", "full_page_writes=off", "log_checkpoints=off", "log_min_messages=log", "shared_buffers=32MB")


def find_postgresql() -> Path | None:
    """The folder of the newest server's programs."""

    def version(path: Path) -> tuple[int, ...]:
        return tuple(map(int, re.findall(r"\d+", str(path))))

    on_path = shutil.which("postgres")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=version)
    return Path(on_path).resolve().parent if on_path else found[-1].parent if found else None


class Server:
    """A running server; `programs` and its socket's `folder`."""

    def __init__(self, programs: Path, folder: Path, runner: Sequence[str]) -> None:
        self.programs = programs
        self.folder = folder
        self._runner = runner
        self._made = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        flags = [f"--{flag}" for flag in FAST]
        place = ["-D", f"{self.folder}/data", "-k", str(self.folder), "-h", ""]
        command = [*self._runner, f"{self.programs}/postgres", *place, *flags]
        process = subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        said: deque[str] = deque(maxlen=20)
        for line in process.stderr:
            said.append(line)
            if READY in line:
                break
        else:
            raise AssertionError("".join(said))
        Thread(target=deque, args=(process.stderr, 1), daemon=True).start()  # so that it never waits for a reader
        self._process = process

    def stop(self) -> None:
        """Fast: open transactions are rolled back."""
        if self._process is not None:
            self._process.send_signal(2)
            try:
                self._process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()
            self._process = None

    def new_database(self) -> str:
        """The URL of an empty one, without its password."""
        self._made += 1
        name = f"esi{self._made}"
        environment = {"PGPASSWORD": PASSWORD.reveal(), "PATH": "/usr/bin:/bin"}
        command = [f"{self.programs}/createdb", "-h", str(self.folder), "-U", "esi", name]
        subprocess.run(command, check=True, capture_output=True, env=environment, cwd="/")
        return f"postgresql://esi@/{name}?host={self.folder}"


@contextmanager
def running_postgresql(programs: Path) -> Iterator[Server]:
    """A fresh cluster, whose administrator is `esi` with PASSWORD."""
    with tempfile.TemporaryDirectory(prefix="esi-pg-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        runner = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            runner += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        words = folder / "password"
        words.write_text(PASSWORD.reveal())
        words.chmod(0o644)
        place = ["-D", f"{folder}/data", "-U", "esi", "--pwfile", str(words), "-A", "scram-sha-256"]
        command = [*runner, f"{programs}/initdb", *place, "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, cwd="/")
        server = Server(programs, folder, runner)
        server.start()
        try:
            yield server
        finally:
            server.stop()
