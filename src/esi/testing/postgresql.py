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
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from esi.telemetry import Secret

READY = "ready to accept connections"
PATIENCE_SECONDS = 30.0
PORT = 5432
PASSWORD = Secret("a word of the tests")
FAST = ("fsync=off", "full_page_writes=off", "log_checkpoints=off", "log_min_messages=log", "shared_buffers=32MB")


def find_postgresql() -> Path | None:
    """The folder of the newest server's programs."""

    def version(path: Path) -> tuple[int, ...]:
        return tuple(map(int, re.findall(r"\d+", str(path))))

    on_path = shutil.which("postgres")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=version)
    return Path(on_path).resolve().parent if on_path else found[-1].parent if found else None


@dataclass(frozen=True)
class Tls:
    """A port on 127.0.0.1 where nothing is spoken but TLS, with this certificate and key (PEM texts). `judged`: the
    authority that must have signed what a client shows.
    """

    port: int
    certificate: str
    key: str
    judged: str = ""


class Server:
    """A running server; `programs` and its socket's `folder`."""

    def __init__(
        self, programs: Path, folder: Path, runner: Sequence[str], flags: Sequence[str], tls: Tls | None
    ) -> None:
        self.programs = programs
        self.folder = folder
        self.port = tls.port if tls is not None else PORT
        self._runner = runner
        self._flags = [*flags, *(_with_tls(folder, tls) if tls is not None else ())]
        self._made = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        place = ["-D", f"{self.folder}/data", "-k", str(self.folder), "--listen_addresses="]
        command = [*self._runner, f"{self.programs}/postgres", *place, *(f"--{flag}" for flag in self._flags)]
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
        command = [f"{self.programs}/createdb", "-h", str(self.folder), "-p", str(self.port), "-U", "esi", name]
        subprocess.run(command, check=True, capture_output=True, env=environment, cwd="/")
        return f"postgresql://esi@/{name}?host={self.folder}" + (f"&port={self.port}" if self.port != PORT else "")


@contextmanager
def running_postgresql(programs: Path, *, flags: Sequence[str] = FAST, tls: Tls | None = None) -> Iterator[Server]:
    """A fresh cluster, whose administrator is `esi` with PASSWORD (SCRAM)."""
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
        server = Server(programs, folder, runner, flags, tls)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _with_tls(folder: Path, tls: Tls) -> list[str]:
    """What the server is told beside its usual flags."""
    texts = {"server.pem": tls.certificate, "server.key": tls.key, "judged.pem": tls.judged}
    for name, text in texts.items():
        file = folder / name
        file.write_text(text)
        os.chown(file, (folder / "data").stat().st_uid, -1)
        file.chmod(0o600)
    shown = " clientcert=verify-ca" if tls.judged else ""
    rules = f"local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256{shown}\n"
    (folder / "data" / "pg_hba.conf").write_text(rules)
    flags = ["listen_addresses=127.0.0.1", f"port={tls.port}", "ssl=on"]
    flags += [f"ssl_cert_file={folder}/server.pem", f"ssl_key_file={folder}/server.key"]
    return [*flags, f"ssl_ca_file={folder}/judged.pem"] if tls.judged else flags
