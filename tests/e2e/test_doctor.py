"""`esi doctor` at deployments that are broken for real: each fault is named in a sentence, and nothing else is blamed.

The program itself is run, with the settings of the processes; what it says is its JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from e2e.processes import ENVIRONMENT, PATIENCE_SECONDS, esi, make_chain
from e2e.test_etcd_failures import fill
from e2e.test_failures import gateway
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.kv.child import EtcdChild
from esi.runtime import Supervisor
from esi.runtime.service.door import HealthRoom
from esi.runtime.service.vitals import Vitals
from esi.tasks import Tasks
from esi.testing import chain
from esi.testing.cluster import ANYTHING, USER, Cluster, running_cluster
from esi.testing.etcd import running_etcd
from esi.testing.ports import free_ports
from esi.testing.postgresql import PASSWORD, Server

pytestmark = pytest.mark.real

SMALL_BYTES = 8 << 20
Examined = dict[str, dict[str, str]]
"""The words of what is wrong, and of what is warned of, by "about which"."""


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path]) -> None:
    require("etcd")


async def doctor(settings: dict[str, Any], folder: Path) -> tuple[int, Examined]:
    """Exit code, and what is found, by level."""
    file = folder / "doctor.yaml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "esi", "doctor", "--config", str(file), "--json", "--patience", "2"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, cwd=folder
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        out, errors = await process.communicate()
    assert out, errors.decode()
    said = [line for line in errors.decode().splitlines() if not re.match(r"[IEW]\d{4} ", line)]  # gRPC's own words
    assert said == [], "what is wrong is said once, by the doctor"
    found: Examined = {"wrong": {}, "warn": {}, "ok": {}}
    for one in json.loads(out)["findings"]:
        key = f"{one['about']} {one['which']}"
        found[one["level"]][key] = " | ".join(filter(None, (found[one["level"]].get(key, ""), one["words"])))
        assert one["level"] == "ok" or one["todo"], f"nothing to do about {one}"
    assert process.returncode is not None
    return process.returncode, found


class Deployment:
    """api, worker, agent, lab and etcd as processes; `settings` are what all of them were given."""

    def __init__(self, folder: Path, etcd: EtcdChild) -> None:
        self.folder = folder
        self.etcd = etcd
        self.processes: dict[str, Process] = {}
        self.settings: dict[str, Any] = {
            "ring": {"folder": str(folder), "flow": "2018"},
            "api": {"port": 0},
            "agent": {"port": free_ports()[0]},
            "etcd": {"endpoints": etcd.endpoint},
        }

    async def ask(self, **more: Any) -> Examined:
        """What is wrong beyond what any deployment of this test has."""
        settings = {name: {**self.settings.get(name, {}), **more.get(name, {})} for name in {*self.settings, *more}}
        code, found = await doctor(settings, self.folder)
        assert code == (1 if found["wrong"] else 0)
        return found

    async def kill(self, name: str) -> None:
        self.processes[name].kill()
        await self.processes[name].wait()

    async def client(self, stack: AsyncExitStack) -> Client:
        url = (self.folder / "trace" / "api.url").read_text()
        return await stack.enter_async_context(Client(url, clock=SystemClock()))


@asynccontextmanager
async def deployed(folder: Path, names: Sequence[str] = ("api", "agent", "worker")) -> AsyncIterator[Deployment]:
    async with AsyncExitStack() as stack:
        child, _ = await stack.enter_async_context(running_etcd(folder / "etcd"))
        one = Deployment(folder, child)
        file = folder / "esi.yaml"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(one.settings))
        await stack.enter_async_context(esi("lab", "--folder", str(folder)))
        for name in names:
            one.processes[name], _ = await stack.enter_async_context(esi(*name.split(), "--config", str(file)))
        yield one


async def test_a_deployment_that_is_well_and_one_after_the_other_of_its_parts_dies(tmp_path: Path) -> None:
    async with deployed(tmp_path) as one, AsyncExitStack() as stack:
        found = await one.ask()
        assert found["wrong"] == {}, "it is well"
        assert {"rooms sync", "rooms jobs", "rooms agent", "doors API"} <= found["ok"].keys()
        assert "everybody who reaches" in found["warn"]["settings api.token_file"]

        client = await one.client(stack)
        await make_chain(client, chain.prerequisites())
        await one.kill("worker")
        wish = gateway(0)
        found = await one.ask()
        (worker,) = [words for key, words in found["wrong"].items() if key.startswith("doors devices+heat+jobs")]
        assert "is dead or hangs" in worker
        await client.put(wish.schema, wish.id, wish.body)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "rooms work" not in (found := await one.ask())["wrong"]:
                continue
        assert "1 jobs are ready and nobody takes them" in found["wrong"]["rooms work"]
        assert "rooms jobs" not in found["wrong"]
        heat = await stack.enter_async_context(
            esi("room", "heat", "--config", str(tmp_path / "esi.yaml"), "--monitoring", "none")
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "rooms devices" not in (found := await one.ask())["wrong"]:
                continue
        assert f"changes wait for {chain.PRIMARY_IP}, and no process owns it" in found["wrong"]["rooms devices"]
        heat[0].terminate()
        await heat[0].wait()

        await one.kill("agent")
        await one.kill("api")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not {"rooms agent", "rooms sync", "rooms jobs"} <= (found := await one.ask())["wrong"].keys():
                continue
        assert "no collector agent is there" in found["wrong"]["rooms agent"]
        assert "nobody leads sync" in found["wrong"]["rooms sync"]
        assert "nobody leads jobs" in found["wrong"]["rooms jobs"]
        assert "the API does not answer" in found["wrong"]["doors API"]
        dead = [key for key in found["wrong"] if key.startswith("doors ") and "+" in key]
        assert len(dead) == 2, "of api+jobs+sync and of the worker that was killed"


async def test_an_etcd_that_is_gone_is_named_and_so_are_the_rooms_that_stand_on_it(tmp_path: Path) -> None:
    async with deployed(tmp_path, ["api"]) as one:
        await one.etcd.kill()

        def says_so(found: Examined) -> bool:
            return any("room sync is not ready: etcd" in words for words in found["wrong"].values())

        async with asyncio.timeout(PATIENCE_SECONDS):
            while not says_so(found := await one.ask()):
                continue
        assert "cannot be reached: Connection refused" in found["wrong"][f"etcd {one.etcd.endpoint}"]
        assert "doors API" in found["ok"], "it answers: it stands on the database"
        await one.etcd.restart()


async def test_what_is_wrong_with_a_secured_cluster_is_said_at_the_step_where_it_fails(tmp_path: Path) -> None:
    async with running_cluster(tmp_path, ranges=ANYTHING) as members:
        good = secured(members)
        await nothing_wrong(good, tmp_path)

        _, found = await doctor(good | {"etcd": good["etcd"] | {"password": "not the word"}}, tmp_path)
        assert "etcd does not let esi in: authentication failed" in found["wrong"]["etcd login"]
        _, found = await doctor(good | {"etcd": good["etcd"] | {"user": "", "password": ""}}, tmp_path)
        assert "etcd does not let us in" in found["wrong"]["etcd login"]

        first = members.endpoints[0]
        foreign = str(members.files["foreign.pem"])
        _, found = await doctor(good | {"etcd": good["etcd"] | {"ca_file": foreign}}, tmp_path)
        assert f"TLS with {first} fails: " in found["wrong"][f"etcd {first}"]
        assert "certificate" in found["wrong"][f"etcd {first}"]
        _, found = await doctor(good | {"etcd": good["etcd"] | {"cert_file": "", "key_file": ""}}, tmp_path)
        assert "certificate" in found["wrong"][f"etcd {first}"].lower()
        _, found = await doctor(
            good | {"etcd": good["etcd"] | {"ca_file": "", "cert_file": "", "key_file": ""}}, tmp_path
        )
        assert "it may want TLS" in found["wrong"][f"etcd {first}"]

        dies = (await members.leader() + 1) % 3
        await members.kill(dies)
        _, found = await doctor(good, tmp_path)
        assert "cannot be reached" in found["wrong"][f"etcd {members.endpoints[dies]}"]
        assert f"1 of 3 members are not among etcd.endpoints, or silent: m{dies}" in found["warn"]["etcd members"]
        other = (dies + 1) % 3
        await members.kill(other)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "etcd cluster" not in (found := (await doctor(good, tmp_path))[1])["wrong"]:
                continue
        assert "does not answer a read that needs its leader" in found["wrong"]["etcd cluster"]


def secured(cluster: Cluster) -> dict[str, Any]:
    files = {name: str(cluster.files[file]) for name, file in CLIENT_FILES.items()}
    etcd = {"endpoints": ",".join(cluster.endpoints), "user": USER.user, "password": USER.password.reveal(), **files}
    return {"etcd": etcd, "ring": {"monitoring": "none"}}


CLIENT_FILES = {"ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "client.key"}


async def nothing_wrong(settings: dict[str, Any], folder: Path) -> None:
    """Of etcd: nothing else of this ring runs."""
    _, found = await doctor(settings, folder)
    assert [key for key in found["wrong"] if key.startswith("etcd")] == []


async def test_an_etcd_that_has_used_up_its_quota(tmp_path: Path) -> None:
    async with running_etcd(tmp_path / "etcd", quota_bytes=SMALL_BYTES) as (child, kv):
        await fill(kv)
        _, found = await doctor({"etcd": {"endpoints": child.endpoint}}, tmp_path)
        assert "NOSPACE" in found["wrong"][f"etcd {child.endpoint}"]


async def test_what_is_wrong_with_a_database_in_a_file(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"ring": {"folder": str(tmp_path), "monitoring": "none"}}
    file = tmp_path / "esi.db"
    which = f"database {file}"
    _, found = await doctor(settings, tmp_path)
    assert "there is no database" in found["warn"][which]
    async with esi("room", "api", "--folder", str(tmp_path), "--port", "0") as (_, facts):
        async with Client(facts["api"], clock=SystemClock()) as client:
            wish = chain.prerequisites()[0]
            await client.put(wish.schema, wish.id, wish.body)
        _, found = await doctor(settings, tmp_path)
        assert which in found["ok"]
        assert "database outbox" not in found["wrong"], "it waits for a moment only"
    with closing(sqlite3.connect(file, isolation_level=None)) as rows:
        rows.execute("UPDATE esi_outbox SET at = at - 1000")
        rows.execute("ALTER TABLE edge_router DROP COLUMN description")
        rows.execute("INSERT INTO esi_outbox_parked SELECT *, 'too large' FROM esi_outbox LIMIT 1")
        rows.execute("BEGIN IMMEDIATE")
        _, found = await doctor(settings, tmp_path)
        rows.execute("ROLLBACK")
    assert "another process holds its lock" in found["wrong"][which]
    assert "behind the schemas by 1 things, first edge_router: column description" in found["wrong"][which]
    assert "could not be told to the workers and were set aside" in found["wrong"]["database outbox"]
    assert "changes wait to be told to the workers, the oldest for" in found["wrong"]["database outbox"]
    file.write_bytes(b"not a database" * 1000)
    _, found = await doctor(settings, tmp_path)
    assert "cannot be read" in found["wrong"][which]


async def test_what_is_wrong_with_postgresql(
    postgresql: Server, require: Callable[[str], Path], tmp_path: Path
) -> None:
    url = postgresql.new_database()
    name = url.partition("?")[0].rpartition("/")[2]
    which = f"database localhost/{name}"
    settings: dict[str, Any] = {"ring": {"folder": str(tmp_path)}}
    settings["database"] = {"url": url, "password": PASSWORD.reveal()}
    _, found = await doctor(settings, tmp_path)
    assert "the database is behind the schemas by" in found["wrong"][which], "nothing has opened it yet"
    assert "fsync is off" in found["warn"][which], "as it is for tests"
    _, found = await doctor(settings | {"database": {"url": url, "password": "another word"}}, tmp_path)
    assert "cannot be read" in found["wrong"][which]
    assert "authentication failed" in found["wrong"][which]
    psql = [f"{postgresql.programs}/psql", "-h", str(postgresql.folder), "-U", "esi", name]
    words = f"ALTER DATABASE {name} SET default_transaction_read_only = on"
    environment = {"PGPASSWORD": PASSWORD.reveal(), "PATH": "/usr/bin:/bin"}
    await asyncio.to_thread(subprocess.run, [*psql, "-c", words], check=True, capture_output=True, env=environment)
    _, found = await doctor(settings, tmp_path)
    assert "takes no writes: default_transaction_read_only is on" in found["wrong"][which]


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, of a few megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,nr_inodes=200", "tmpfs", folder], check=False)
    if done.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


async def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as folder:
        settings: dict[str, Any] = {"ring": {"folder": str(folder), "monitoring": "none"}}
        async with esi("room", "api", "--folder", str(folder), "--port", "0"):
            _, found = await doctor(settings, tmp_path)
            assert "MiB left: the database will soon take no writes" in found["wrong"]["machine disk"]
            assert f"database {folder / 'esi.db'}" in found["ok"]
            for number in range(200):
                try:
                    (folder / f"inode{number}").touch()
                except OSError:
                    break
            _, found = await doctor(settings, tmp_path)
            assert "0% of its inodes left" in found["wrong"]["machine inodes"]
            for file in folder.glob("inode*"):
                file.unlink()
        room = os.statvfs(folder)
        (folder / "junk").write_bytes(bytes(room.f_bavail * room.f_frsize))
        _, found = await doctor(settings, tmp_path)
        assert f"{folder} has 0 MiB left" in found["wrong"]["machine disk"]
        assert "cannot be read" in found["wrong"][f"database {folder / 'esi.db'}"], "SQLite finds no room for its log"


async def test_settings_that_contradict_and_secrets_that_others_can_read(tmp_path: Path) -> None:
    file, tokens, word = tmp_path / "doctor.yaml", tmp_path / "tokens.yaml", tmp_path / "word"
    tokens.write_text("- {token: 0123456789, user: operator, roles: [admin]}\n")
    word.write_text("a long and random word\n")
    for one in (tokens, word):
        one.chmod(0o644)
    settings: dict[str, Any] = {
        "ring": {"folder": str(tmp_path), "inventory": str(tmp_path / "none.yaml")},
        "api": {"host": "0.0.0.0", "token_file": str(tokens)},
        "agent": {"host": "0.0.0.0", "interval_seconds": 200},
        "etcd": {"endpoints": "192.0.2.1:2379", "user": "esi", "cert_file": str(word)},
        "database": {"password": "postgres"},
        "heat": {"password_file": str(word)},
    }
    code, found = await doctor(settings, tmp_path)
    wrong = {
        key.removeprefix("settings "): words for key, words in found["wrong"].items() if key.startswith("settings")
    }
    assert code == 1
    assert "etcd.password is empty" in wrong["etcd.user"]
    assert "belong together" in wrong["etcd.cert_file"]
    assert "TLS is off" in wrong["etcd.ca_file"]
    assert "without TLS" in wrong["etcd.ca_file"]
    assert "everybody tries first" in wrong["database.password"]
    assert "SQLite has no password" in wrong["database.password"]
    assert "everybody on this machine can read it" in wrong["api.token_file"]
    assert f"{word} holds the secret of heat.password" in wrong["heat.password"]
    assert "asks for no token" in wrong["agent.token"]
    assert "none.yaml" in wrong["ring.inventory"]
    assert "more than a fifth" in found["warn"]["settings agent.interval_seconds"]
    assert not [words for words in [*found["wrong"].values(), *found["warn"].values()] if "random word" in words]
    file.write_text("api: {prot: 1}\nring: {flow: '2019'}\n")
    command = [sys.executable, "-m", "esi", "doctor", "--config", str(file)]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, env=ENVIRONMENT, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "unknown setting api.prot" in done.stdout
    assert "'2019' is not one of 2017, 2018" in done.stdout
    assert "2 wrong, 0 warn, 0 ok" in done.stdout


class Ahead(SystemClock):
    """A machine whose clock is wrong."""

    def now(self) -> float:
        return super().now() + 90


async def test_clocks_that_differ_and_doors_of_others(tmp_path: Path) -> None:
    """A process of another machine, Kafka, and clouds."""
    clock = Ahead()
    vitals = Vitals(clock)
    health = HealthRoom(vitals, host="127.0.0.1", port=0, clock=clock)
    supervisor = Supervisor([health], clock=clock, rng=Random(1))
    vitals.states = supervisor.health
    async with Tasks("test") as tasks, esi("dev", "--folder", str(tmp_path), *ANY_PORTS) as (_, facts):
        tasks.start("rooms", supervisor.run())
        await health.ready.wait()
        who = {"user": "admin", "project": "admin"}
        settings: dict[str, Any] = {
            "ring": {"folder": str(tmp_path)},
            "api": {"port": 0},
            "agent": {"port": 0},
            "health": {"doors": f"{health.url}, http://127.0.0.1:1, {facts['api']}"},
            "bus": {"kind": "kafka", "servers": "127.0.0.1:1"},
            "keystone": {"url": f"{facts['keystone']}/v3", "password": "admin", **who},
            "heat": {"auth_url": facts["keystone"], "password": "wrong", **who},
            "compute": {"auth_url": "http://127.0.0.1:1", **who},
        }
        _, found = await doctor(settings, tmp_path)
        assert f"the clock of {health.url} is 90 s away" in found["warn"][f"doors {health.url}"]
        assert "gives Connection refused" in found["wrong"]["doors http://127.0.0.1:1"]
        assert "is no process of a ring" in found["wrong"][f"doors {facts['api']}"]
        assert "cannot be reached" in found["wrong"]["doors kafka 127.0.0.1:1"]
        assert "clouds keystone" in found["ok"]
        assert "does not accept 'admin'" in found["wrong"]["clouds heat"]
        assert "cannot be reached" in found["wrong"]["clouds compute"]


ANY_PORTS = ("--port", "0", "--agent-port", "0", "--heat-port", "0")
