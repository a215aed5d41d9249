"""OpenStack's own Keystone and Heat for tests: children of the tests, on loopback, gone with them.

Both run in an environment of their own, which `scripts/setup.py` makes. Keystone's database is made once, which takes
ten seconds, and copied afterwards.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from esi.testing.ports import free_ports

PEERS = Path(__file__).with_name("peers")
SOURCE = Path(__file__).resolve().parents[2]
PLUGIN = SOURCE / "esi" / "heat_engine" / "plugin"
ADMIN = "a word of the tests"
"""Everybody's password."""

PATIENCE_SECONDS = 60.0


class Peer:
    """A server in one process, ready once it has written the word `ready`."""

    ready = "ready"

    def __init__(self, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> None:
        self._command = [str(word) for word in command]
        self._folder = folder
        own = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(SOURCE), "HOME": str(folder)}
        self._environment = own | dict(environment)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        command = ["setpriv", "--pdeathsig", "KILL", *self._command]
        with (self._folder / "stderr.txt").open("a") as errors:
            process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        assert process.stdout is not None
        heard = deque[str](maxlen=30)
        for line in process.stdout:
            heard.append(line)
            if self.ready in line:
                break
        else:
            process.wait(PATIENCE_SECONDS)
            said = (self._folder / "stderr.txt").read_text().splitlines()[-30:]
            raise AssertionError("\n".join([*heard, *said]))
        self._reader = Thread(target=deque, args=(process.stdout, 1), daemon=True)
        self._reader.start()
        self._process = process

    def kill(self) -> None:
        """With all that it has started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._reader.join(PATIENCE_SECONDS)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None


class Keystone(Peer):
    """A Keystone with a project `service`, whose administrators are `admin`, `esi` and `heat`."""

    def __init__(self, python: Path, folder: Path, port: int) -> None:
        environment = {"OS_KEYSTONE_CONFIG_DIR": str(folder), "OS_KEYSTONE_CONFIG_FILES": f"{folder}/keystone.conf"}
        super().__init__([python, PEERS / "serve.py", "keystone.wsgi.api", str(port)], folder, environment)
        self.url = f"http://127.0.0.1:{port}"
        self._token = ""

    def ask(self, method: str, path: str, body: Any = None, *, subject: str = "") -> Any:
        """A request of the administrator's; `subject` is the token that it is about."""
        headers = {"X-Auth-Token": self.token()} | ({"X-Subject-Token": subject} if subject else {})
        answer, _ = self._send(method, path, body, headers)
        return answer

    def token(self) -> str:
        if not self._token:
            _, headers = self._send("POST", "/v3/auth/tokens", login("admin", "service"), {})
            self._token = headers["X-Subject-Token"]
        return self._token

    def id_of(self, kind: str, name: str) -> str:
        """Of a user, project, role, domain or service."""
        return str(self.ask("GET", f"/v3/{kind}s?name={name}")[f"{kind}s"][0]["id"])

    def tell(self, type: str, url: str) -> str:
        """A service into the catalogue; its id there."""
        body = {"service": {"type": type, "name": type}}
        made = self.ask("POST", "/v3/services", body)["service"]["id"]
        for interface in ("public", "internal", "admin"):
            point = {"service_id": made, "interface": interface, "url": url, "region_id": "RegionOne"}
            self.ask("POST", "/v3/endpoints", {"endpoint": point})
        return str(made)

    def forget(self, service: str) -> None:
        """Out of the catalogue, with its endpoints."""
        self.ask("DELETE", f"/v3/services/{service}")

    def tenant(self, name: str) -> str:
        """The id of a new project in which our own users may do everything."""
        made = str(self.ask("POST", "/v3/projects", {"project": {"name": name}})["project"]["id"])
        for user in ("esi", "heat", "admin"):
            self.ask("PUT", f"/v3/projects/{made}/users/{self.id_of('user', user)}/roles/{self.id_of('role', 'admin')}")
        return made

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[Any, Mapping[str, str]]:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, {**headers, "Content-Type": "application/json"})
        request.method = method
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            raw = answer.read()
            return json.loads(raw) if raw else None, answer.headers


def login(user: str, project: str) -> dict[str, Any]:
    domain = {"name": "Default"}
    identity = {"methods": ["password"], "password": {"user": {"name": user, "domain": domain, "password": ADMIN}}}
    return {"auth": {"identity": identity, "scope": {"project": {"name": project, "domain": domain}}}}


KEYSTONE = """[DEFAULT]
log_file = {folder}/keystone.log
[database]
connection = sqlite:///{folder}/keystone.sqlite
[token]
provider = fernet
[fernet_tokens]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credentials
[identity]
password_hash_algorithm = bcrypt
password_hash_rounds = 4
[cache]
enabled = true
backend = oslo_cache.dict
"""


@contextmanager
def running_keystone(python: Path, snapshot: Path) -> Iterator[Keystone]:
    """`snapshot` is made when it is not there, by one of those who want it at the same time."""
    with snapshot.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (snapshot / "complete").exists():
            _make_snapshot(python, snapshot)
    with tempfile.TemporaryDirectory(prefix="esi-keystone-", ignore_cleanup_errors=True) as made:
        folder = Path(made, "keystone")
        shutil.copytree(snapshot, folder)
        (folder / "keystone.conf").write_text(KEYSTONE.format(folder=folder))
        keystone = Keystone(python, folder, free_ports()[0])
        keystone.start()
        try:
            keystone.tell("identity", f"{keystone.url}/v3")
            yield keystone
        finally:
            keystone.kill()


def _make_snapshot(python: Path, snapshot: Path) -> None:
    """A database with an administrator, and what Heat needs: users, a domain for its own, its roles."""
    shutil.rmtree(snapshot, ignore_errors=True)
    snapshot.mkdir(parents=True)
    (snapshot / "keystone.conf").write_text(KEYSTONE.format(folder=snapshot))
    who = ("--keystone-user", str(os.geteuid()), "--keystone-group", str(os.getegid()))
    started = [
        _manage(python, snapshot, *words)
        for words in (("db_sync",), ("fernet_setup", *who), ("credential_setup", *who))
    ]
    _finish(started)
    words = ("--bootstrap-password", ADMIN, "--bootstrap-project-name", "service", "--bootstrap-region-id", "RegionOne")
    _finish([_manage(python, snapshot, "bootstrap", *words)])
    keystone = Keystone(python, snapshot, free_ports()[0])
    keystone.start()
    try:
        _people(keystone)
    finally:
        keystone.kill()
    (snapshot / "complete").touch()


def _manage(python: Path, folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [str(python.with_name("keystone-manage")), "--config-file", str(folder / "keystone.conf"), *words]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _finish(started: Sequence[subprocess.Popen[str]]) -> None:
    for process in started:
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        if process.returncode:
            raise AssertionError(said[-2000:])


def _people(keystone: Keystone) -> None:
    project, admin = keystone.id_of("project", "service"), keystone.id_of("role", "admin")
    for name in ("esi", "heat"):
        user = keystone.ask("POST", "/v3/users", {"user": {"name": name, "password": ADMIN}})["user"]["id"]
        keystone.ask("PUT", f"/v3/projects/{project}/users/{user}/roles/{admin}")
    domain = keystone.ask("POST", "/v3/domains", {"domain": {"name": "heat"}})["domain"]["id"]
    own = {"user": {"name": "heat_domain_admin", "password": ADMIN, "domain_id": domain}}
    user = keystone.ask("POST", "/v3/users", own)["user"]["id"]
    keystone.ask("PUT", f"/v3/domains/{domain}/users/{user}/roles/{admin}")
    for name in ("heat_stack_owner", "heat_stack_user"):
        keystone.ask("POST", "/v3/roles", {"role": {"name": name}})


HEAT = """[DEFAULT]
transport_url = fake://
host = heat
plugin_dirs = {plugin}
log_file = {folder}/heat.log
auth_encryption_key = 0123456789abcdef0123456789abcdef
environment_dir = {folder}/environment.d
template_dir = {folder}/templates
num_engine_workers = 1
executor_thread_pool_size = 500
max_stacks_per_tenant = 10000
deferred_auth_method = trusts
stack_user_domain_name = heat
stack_domain_admin = heat_domain_admin
stack_domain_admin_password = {password}
[clients_keystone]
auth_uri = {keystone}/v3
[keystone_authtoken]
www_authenticate_uri = {keystone}/v3
{account}
service_token_roles_required = false
[trustee]
{account}
[oslo_policy]
enforce_scope = false
enforce_new_defaults = false
[database]
connection = sqlite:///{folder}/heat.sqlite
[paste_deploy]
api_paste_config = {paste}
"""
ACCOUNT = """auth_type = password
auth_url = {keystone}/v3
username = heat
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default"""


@contextmanager
def running_heat(python: Path, keystone: Keystone, settings: Mapping[str, str]) -> Iterator[Peer]:
    """API and engine with our resource types, told by the catalogue. `settings`: ESI_… as the types read them."""
    with tempfile.TemporaryDirectory(prefix="esi-heat-", ignore_cleanup_errors=True) as made:
        folder, port = Path(made), free_ports()[0]
        account = ACCOUNT.format(keystone=keystone.url, password=ADMIN)
        facts = {"folder": folder, "plugin": PLUGIN, "keystone": keystone.url, "password": ADMIN, "account": account}
        paste = python.parent.parent / "etc" / "heat" / "api-paste.ini"
        (folder / "heat.conf").write_text(HEAT.format(**facts, paste=paste))
        told = keystone.tell("orchestration", f"http://127.0.0.1:{port}/v1/%(tenant_id)s")
        heat = Peer([python, "-P", PEERS / "heat.py", folder / "heat.conf", str(port)], folder, settings)
        heat.start()
        try:
            yield heat
        finally:
            heat.kill()
            keystone.forget(told)
