"""deploy/ and docs/deploy.md are true: files are known to our settings and to systemd, commands of the page are run.

The page's first part is done on a host in small (units.py): the same files with other ports and folders, the same
commands but those that install programs. The three hosts are three such hosts, from the very files of the folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import IO

import click
import pytest
import yaml

from docs.tree import ROOT
from e2e.processes import ENVIRONMENT, PATIENCE_SECONDS, esi, make_chain
from e2e.test_failures import gateway
from e2e.units import Host, parse_environment, parse_unit
from esi.cli.program import program
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.environment import describe, load_settings
from esi.kv.child import EtcdChild, find_etcd
from esi.kv.connection import Tls
from esi.kv.etcd import EtcdKV
from esi.testing import chain
from esi.testing.pki import certificates
from esi.testing.ports import free_ports
from esi.testing.postgresql import PASSWORD, Server
from esi.tether import tethered

pytestmark = pytest.mark.real

DEPLOY = ROOT / "deploy"
PAGE = ROOT / "docs" / "deploy.md"
UNITS = DEPLOY / "systemd"
HOSTS = (1, 2, 3)

NOT_HERE = ("apt-get ", "python3 -m venv /opt/esi", "/opt/esi/bin/pip ", "ln -sf /opt/esi", "systemd-sysusers")
"""Commands of the page that install programs or make users: `make setup` has installed ours, tests make no users."""


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ESI_") and "__" in name]:
        monkeypatch.delenv(name)


# What can be judged without running anything


@pytest.mark.parametrize("name", ["one-host", "three-hosts"])
def test_settings_are_known(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DEPLOY / name / "esi.yaml").read_text().replace("/etc/esi/secrets/trace-token", str(tmp_path / "token"))
    (tmp_path / "token").write_text("x" * 32)
    (tmp_path / "esi.yaml").write_text(text)
    settings = load_settings(tmp_path / "esi.yaml")
    assert settings.trace.on
    for file in (DEPLOY / name).glob("host-*.env"):
        for variable, value in parse_environment(file).items():
            monkeypatch.setenv(variable, value)
        assert load_settings(tmp_path / "esi.yaml").api.host == f"10.0.0.1{file.stem[-1]}"


def known_variables() -> set[str]:
    names = {f"ESI_{name.upper().replace('.', '__')}" for name, *_ in describe(load_settings())}
    return names | {f"{name}_FILE" for name in names if name.endswith(("PASSWORD", "TOKEN"))}


def test_units_name_known_variables_and_commands(tmp_path: Path) -> None:
    files = [*UNITS.glob("*.service"), DEPLOY / "three-hosts" / "credentials.conf"]
    assert len(files) == 5
    for file in files:
        unit = parse_unit(file.read_text())
        assert {pair.partition("=")[0] for pair in unit.get("Environment", [])} <= known_variables(), file
        for line in unit.get("ExecStart", []):
            parsed(line.split()[1:], tmp_path)
    assert set(parse_environment(DEPLOY / "three-hosts" / "secrets.env")) <= known_variables()


def parsed(words: list[str], folder: Path) -> None:
    """The command line is understood; a settings file need not be there for it."""
    (folder / "esi.yaml").write_text("")
    words = [str(folder / "esi.yaml") if word == "/etc/esi/esi.yaml" else word for word in words]
    command = program.get_command(click.Context(program), words[0])
    assert command is not None, words
    command.make_context(words[0], words[1:])


def test_units_are_good_for_systemd(require: Callable[[str], Path], tmp_path: Path) -> None:
    analyze = require("systemd-analyze")
    for file in UNITS.iterdir():
        text = file.read_text().replace("/opt/esi/bin/esi", sys.executable)
        (tmp_path / file.name).write_text(text)
    units = [str(tmp_path / file.name) for file in UNITS.iterdir() if file.suffix != ".sysusers"]
    done = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "esi" in line]
    assert ours == [], done.stderr
    for unit in tmp_path.glob("*.service"):
        judged: list[str | Path] = [analyze, "security", "--offline=true", "--threshold=20", str(unit)]
        done = subprocess.run(judged, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{unit.name} is more exposed than 2.0 of 10: {done.stdout[-200:]}"


@pytest.mark.parametrize("name", ["one-host", "three-hosts"])
def test_containers_are_started_with_known_commands_and_variables(name: str, tmp_path: Path) -> None:
    """No Docker is here to ask: its file is YAML, and what it says to our programs is understood by them."""
    found = yaml.safe_load((DEPLOY / "compose" / f"{name}.yaml").read_text())
    ours = {called: service for called, service in found["services"].items() if service["image"] == "esi"}
    assert len(ours) >= 3
    for service in ours.values():
        parsed(service["command"], tmp_path)
        assert set(service.get("environment", {})) <= known_variables()
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    named = {secret for service in ours.values() for secret in service.get("secrets", [])}
    assert named == set(found.get("secrets", {}))


def test_the_role_of_the_ring_has_every_key_of_the_ring() -> None:
    import reference

    (line,) = re.findall(r"^for keys in (.+); do$", (DEPLOY / "three-hosts/etcd-users.sh").read_text(), re.MULTILINE)
    granted = tuple(line.split())
    assert [key for key, *_ in reference.key_rows() if not key.replace("<path>", "/").startswith(granted)] == []


# The page's first part, done


def blocks() -> list[str]:
    """The commands of the part about one host."""
    part = PAGE.read_text().partition("\n## One host\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)


class Page:
    """Does what the page says, on a host in small. `said` is what commands printed."""

    def __init__(self, host: Host, source: Path, replaced: Callable[[str], str], etcd_port: int) -> None:
        self.host = host
        self.said = ""
        self.done = 0
        self._source = source
        self._replaced = replaced
        self._etcd_port = etcd_port
        self._stack = AsyncExitStack()
        self._environment = {**ENVIRONMENT, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    async def do(self, block: str) -> None:
        """Shell commands by a shell, with one environment; those to systemd by the host in small."""
        waiting: list[str] = []
        for line in block.splitlines():
            if line.startswith(NOT_HERE):
                continue
            if line.startswith("systemctl "):
                await self._shell("\n".join(waiting))
                waiting = []
                await self._systemctl(line.split()[1:])
                self.done += 1
            else:
                waiting.append(line)
        await self._shell("\n".join(waiting))

    async def _shell(self, script: str) -> None:
        if not script.strip():
            return
        script = self._replaced(script.replace("-o root -g esi ", ""))
        kept = self.host.root / "environment"
        words = ["bash", "-euc", f"{script}\nenv -0 > {kept}"]
        done = await asyncio.to_thread(
            subprocess.run, words, cwd=self._source, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        self.said = done.stdout
        self._environment = dict(pair.split("=", 1) for pair in kept.read_text().split("\0") if pair)
        self.done += len(script.splitlines())

    async def _systemctl(self, words: list[str]) -> None:
        verb, *units = [word for word in words if word != "--now"]
        for unit in units:
            if unit == "etcd.service":
                etcd = EtcdChild(self.host.path("/var/lib/etcd"), clock=SystemClock(), port=self._etcd_port)
                await etcd.start()
                self._stack.push_async_callback(etcd.close)
            elif verb == "enable":
                await self.host.enable(unit)
            elif verb == "restart":
                await self.host.restart(unit)
            else:
                raise AssertionError(f"the page says systemctl {words}")
        assert units or verb == "daemon-reload"

    async def close(self) -> None:
        await self.host.close()
        await self._stack.aclose()


async def test_the_page_leads_from_nothing_to_an_interface_that_is_active(
    require: Callable[[str], Path], tmp_path: Path, report: Callable[[str], None]
) -> None:
    require("etcd")
    ports = dict(zip(("9091", "2379", "7070", "9101", "9102", "9103", "9104"), free_ports(7), strict=True))
    root = tmp_path / "root"

    def replaced(text: str) -> str:
        for port, other in ports.items():
            text = re.sub(rf"\b{port}\b", str(other), text)
        return re.sub(r"(?<![\w.])/(?=etc/(?:esi|systemd|sysusers)|var/lib/esi|usr/local)", f"{root}/", text)

    source = tmp_path / "source"
    for file in (one for one in DEPLOY.rglob("*") if one.is_file()):
        copy = source / "deploy" / file.relative_to(DEPLOY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        # units name their files as the host knows them: its paths are put under the root when it starts them
        copy.write_text(replaced(file.read_text()) if file.suffix == ".yaml" else only_ports(file.read_text(), ports))
    for folder in ("etc/systemd/system", "etc/sysusers.d", "usr/local/bin"):
        (root / folder).mkdir(parents=True)
    page = Page(Host(root, lambda text: text), source, replaced, ports["2379"])
    page._environment |= {"GOHAN_ENDPOINT_URL": f"http://127.0.0.1:{ports['9091']}", "GOHAN_CACHE_SCHEMAS": "false"}
    began = time.monotonic()
    try:
        for block in blocks():
            await page.do(block)
        assert "ACTIVE" in page.said
        report(f"docs/deploy.md: {page.done} lines done on one host in {time.monotonic() - began:.0f} s, to ACTIVE")
    finally:
        await page.close()
    modes = {
        file: (root / file).stat().st_mode & 0o777 for file in ("etc/esi/tokens.yaml", "etc/esi/secrets/trace-token")
    }
    assert set(modes.values()) == {0o640}


def only_ports(text: str, ports: dict[str, int]) -> str:
    for port, other in ports.items():
        text = re.sub(rf"\b{port}\b", str(other), text)
    return text


# Three hosts


class Net:
    """Three hosts on one loopback: every address and port of deploy/three-hosts has a port of its own."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        names = [(host, port) for host in HOSTS for port in ("2379", "2380", "9091", "7070", "9101", "9102", "9103")]
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self._database = database
        self.hosts = {number: Host(folder / f"host{number}", self.replacing(number)) for number in HOSTS}

    def replacing(self, number: int) -> Callable[[str], str]:
        """What makes of a file of deploy/ one of host `number`."""

        def replaced(text: str) -> str:
            text = text.replace("postgresql://esi@10.0.0.11:5432/esi", self._database)
            text = re.sub(r"10\.0\.0\.1(\d):(?!9092)(\d+)", lambda m: f"127.0.0.1:{self.ports[int(m[1]), m[2]]}", text)
            text = re.sub(r"10\.0\.0\.1\d", "127.0.0.1", text)
            for port in ("9091", "7070", "9101", "9102", "9103"):
                text = re.sub(rf"(?<=port: ){port}\b|(?<=PORT=){port}\b|(?<=127\.0\.0\.1:){port}\b",
                              str(self.ports[number, port]), text)  # fmt: skip
            root = self.folder / f"host{number}"
            return re.sub(r"(?<=[ =])/(?=etc/esi/(?!secrets)|etc/etcd|var/lib)", f"{root}/", text)

        return replaced


@asynccontextmanager
async def three_hosts(
    folder: Path, database: str
) -> AsyncIterator[tuple[Net, dict[int, subprocess.Popen[bytes]], str]]:
    """etcd's three members, then units on each host as the page says; the lab stands for the devices."""
    net = Net(folder, database)
    files = await asyncio.to_thread(certificates, folder / "pki")
    secrets = {name: f"the-{name}-of-the-tests" for name in ("etcd-root-password", "etcd-password", "agent-token")}
    secrets |= {"database-password": PASSWORD.reveal(), "trace-token": "the-trace-token-of-the-tests"}
    etcds: dict[int, subprocess.Popen[bytes]] = {}
    source = DEPLOY / "three-hosts"
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(esi("lab", "--folder", str(folder / "lab")))
        for number, host in net.hosts.items():
            stack.push_async_callback(host.close)
            install(host, number, files, secrets, Path(lab[1]["inventory"]))
            environment = parse_environment(host.install(source / f"etcd-{number}.env", "/etc/default/etcd"))
            log = (folder / f"etcd{number}.log").open("wb")
            stack.callback(log.close)
            etcds[number] = begun(environment, log)
            stack.callback(etcds[number].wait)
            stack.callback(etcds[number].kill)
        endpoints = ",".join(f"https://127.0.0.1:{net.ports[number, '2379']}" for number in HOSTS)
        await make_users(net, endpoints, files)
        for number, units in {2: ("worker", "agent"), 3: ("worker", "agent"), 1: ("api",)}.items():
            if number == 1:
                net.hosts[1].listen("esi-api.socket")
            for unit in units:
                await net.hosts[number].start(f"esi-{unit}.service")
        yield net, etcds, f"http://127.0.0.1:{net.ports[1, '9091']}"


def begun(environment: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """An etcd as Debian's unit starts it."""
    return subprocess.Popen(tethered([find_etcd()[0]]), env=environment, stdout=log, stderr=log)


def install(host: Host, number: int, files: dict[str, Path], secrets: dict[str, str], inventory: Path) -> None:
    """Points 3 to 5 of the page."""
    source = DEPLOY / "three-hosts"
    host.install(source / "esi.yaml", "/etc/esi/esi.yaml")
    host.install(source / f"host-{number}.env", "/etc/esi/host.env")
    for target, names in {"/etc/esi/pki": ("ca", "client"), "/etc/etcd/pki": ("ca", "server")}.items():
        host.path(target).mkdir(parents=True)
        for name in names:
            for kind in ("pem", "key"):
                shutil.copy(files[f"{name}.{kind}"], host.path(target))
    shutil.copy(inventory, host.path("/etc/esi/inventory.yaml"))
    tokens = [{"token": "the-admin-token", "user": "operator", "roles": ["admin"]}]
    tokens += [{"token": secrets["trace-token"], "user": "workers", "roles": ["worker"]}]
    host.path("/etc/esi/tokens.yaml").write_text(yaml.safe_dump(tokens))
    host.path("/etc/esi/tokens.yaml").chmod(0o640)
    host.path("/etc/esi/secrets").mkdir()
    for name, secret in secrets.items():
        file = host.path(f"/etc/esi/secrets/{name}")
        file.touch(mode=0o600)
        file.write_text(secret)
    for unit in ("esi-api", "esi-worker", "esi-agent"):
        host.install(UNITS / f"{unit}.service", f"/etc/systemd/system/{unit}.service")
        host.install(source / "credentials.conf", f"/etc/systemd/system/{unit}.service.d/credentials.conf")
    host.install(UNITS / "esi-api.socket", "/etc/systemd/system/esi-api.socket")


async def make_users(net: Net, endpoints: str, files: dict[str, Path]) -> None:
    """Once the cluster stands, by the script of the folder."""
    tls = Tls.load(files["ca.pem"], files["client.pem"], files["client.key"])
    kv = EtcdKV(endpoints.replace("https://", "").split(","), clock=SystemClock(), tls=tls, deadline=PATIENCE_SECONDS)
    await kv.get("/")
    await kv.close()
    secrets = net.hosts[1].path("/etc/esi/secrets")
    script = [
        "sh",
        str(DEPLOY / "three-hosts/etcd-users.sh"),
        f"{secrets}/etcd-root-password",
        f"{secrets}/etcd-password",
    ]
    environment = {"PATH": os.environ["PATH"], "ETCDCTL_ENDPOINTS": endpoints, "ETCDCTL_CACERT": str(files["ca.pem"])}
    environment |= {"ETCDCTL_CERT": str(files["client.pem"]), "ETCDCTL_KEY": str(files["client.key"])}
    done = await asyncio.to_thread(subprocess.run, script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def doctor(net: Net) -> list[dict[str, str]]:
    """What is wrong, from host 1 with root's secrets."""
    host = net.hosts[1]
    environment = {**ENVIRONMENT, **parse_environment(host.path("/etc/esi/host.env"))}
    for name, file in parse_environment(DEPLOY / "three-hosts/secrets.env").items():
        environment[name] = str(host.path(file))
    words = [sys.executable, "-m", "esi", "doctor", "--config", str(host.path("/etc/esi/esi.yaml")), "--json"]
    done = await asyncio.to_thread(subprocess.run, words, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return [one for one in json.loads(done.stdout)["findings"] if one["level"] == "wrong"]


async def test_three_hosts_from_the_files_of_the_folder_and_one_of_them_is_lost(
    require: Callable[[str], Path], postgresql: Server, tmp_path: Path, report: Callable[[str], None]
) -> None:
    require("etcd")
    async with three_hosts(tmp_path, postgresql.new_database()) as (net, etcds, url):  # noqa: SIM117 - at that url
        async with Client(url, token="the-admin-token", clock=SystemClock()) as client:
            await make_chain(client, [*chain.prerequisites(), chain.gateway(), chain.interface()])
            assert await doctor(net) == []

            lost, began = net.hosts[3], time.monotonic()
            wish = gateway(1)
            await client.put(wish.schema, wish.id, wish.body)
            etcds[3].kill()
            for unit in lost.running.values():
                os.kill(unit.pid, 9)
            body = await client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
            assert body["status"] == "ACTIVE"
            took = time.monotonic() - began
            found = [one["words"] for one in await doctor(net)]
            for port in ("9102", "9103"):
                assert any(f":{net.ports[3, port]} is dead or hangs" in words for words in found), found
            assert any(f":{net.ports[3, '2379']} cannot be reached" in words for words in found), found
            gone = [f":{port}" for (host, _), port in net.ports.items() if host == 3]
            assert all(any(port in words for port in gone) for words in found), found
            report(f"three hosts, one lost inside a change: ACTIVE {took:.1f} s after the request")
