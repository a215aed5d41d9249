"""The loop that ends what waits too long: it sleeps until something is due, and is told of what is due sooner."""

from __future__ import annotations

from typing import Any

from esi.bootstrap.services import load_services
from esi.clock import LoopClock
from esi.identity import Identity
from esi.kv import Put
from esi.kv.memory import MemoryKV
from esi.lifecycle import Deadlines as Limits
from esi.lifecycle import Lifecycle, Ways
from esi.model import keys
from esi.model.codec import encode_config, encode_worker_config
from esi.model.job import Job
from esi.model.resource import Body, Ref
from esi.store.sqlite import MEMORY, SqliteStore
from esi.sync.deadlines import Deadlines
from esi.tasks import Tasks
from esi.testing import chain
from esi.testing.loop import run

ADMIN = Identity("admin", "", ("admin",), is_admin=True)
PENDING, AGE = 100.0, 30.0
ROUTER = chain.prerequisites()[0]
REF = Ref(ROUTER.schema, ROUTER.id)
SERVICES = load_services("2018")


class Desk:
    """A lifecycle that watches devices, and the loop beside it; nobody works."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.kv = MemoryKV()
        self.store = SqliteStore(MEMORY, SERVICES.catalogue, clock=self.clock, inline=True)
        ways = Ways(deadlines=Limits(PENDING, AGE))
        self.life = Lifecycle(SERVICES.catalogue, self.store, SERVICES.hooks, self.clock, ways)
        self.deadlines = Deadlines(self.kv, self.life, self.clock)
        self.path = SERVICES.catalogue[REF.schema].path_of(REF.id)

    async def shown(self) -> Body:
        return await self.life.show(ADMIN, REF)


def play(scenario: Any) -> None:
    async def whole() -> None:
        desk = Desk()
        async with Tasks("desk") as tasks:
            tasks.start("deadlines", desk.deadlines.run())
            await desk.clock.sleep(1.0)
            await scenario(desk)
        await desk.store.close()

    run(whole())


def test_what_nobody_takes_up_fails_at_its_time_and_says_where_it_is() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.life.put(ADMIN, REF, ROUTER.body)
        await desk.clock.sleep(PENDING - 1)
        assert (await desk.shown())["status"] == "PENDING_CREATE"
        await desk.clock.sleep(PENDING)
        body = await desk.shown()
        assert (body["status"], body["orchestration_state"]) == ("ERROR", "CREATE_FAILED")
        assert body["status_reason"] == f"not done within {PENDING:g} s: it could not yet be put into etcd"

    play(scenario)


def job(handler: str, version: int = 1, dependency: tuple[str, ...] = ()) -> Job:
    id = f"create:{handler}:{REF.schema}:{REF.id}:{version}:abcde"
    return Job(id, "create", handler, REF.schema, REF.id, version, {}, [], dependency)


def test_the_reason_follows_the_change_through_etcd() -> None:
    async def scenario(desk: Desk) -> None:
        needed = "create:heat_worker:vpn_service:s1:1:zzzzz"
        first, second = job("heat_worker", dependency=(needed, "gone")), job("monitoring_worker", dependency=("gone",))
        stages: list[tuple[str, list[Put]]] = [
            ("no job manager has taken it up", [Put(keys.config_key(desk.path), encode_config(b"{}", 1))]),
            (
                "its jobs are over, but no report has come",
                [Put(keys.worker_config_key(desk.path), encode_worker_config("{}", 1, deleted=False))],
            ),
            (
                "create by heat_worker waits for create of vpn_service:s1",
                [Put(keys.job_all_key(first.id), first.encode()), Put(keys.job_all_key(needed), b"")],
            ),
            ("create by heat_worker is at work", [Put(keys.job_working_key(first.id), b"")]),
            (
                "create by heat_worker is at work; create by monitoring_worker waits for a worker",
                [Put(keys.job_all_key(second.id), second.encode()), Put(keys.job_ready_key(second.id), b"")],
            ),
        ]
        for words, puts in stages:
            await desk.kv.commit(puts)
            row, _ = await desk.life.put(ADMIN, REF, ROUTER.body)
            if row.config_version > 1:  # each try is a version of its own
                await desk.kv.commit([Put(keys.config_key(desk.path), encode_config(b"{}", row.config_version))])
                await _renumber(desk, row.config_version)
            await desk.clock.sleep(2 * PENDING)
            assert (await desk.shown())["status_reason"] == f"not done within {PENDING:g} s: {words}"

    play(scenario)


async def _renumber(desk: Desk, version: int) -> None:
    """Let what stands in etcd answer to this version."""
    path = keys.worker_config_key(desk.path)
    if await desk.kv.get(path) is not None:
        await desk.kv.commit([Put(path, encode_worker_config("{}", version, deleted=False))])
    for entry in (await desk.kv.list(keys.JOBS)).entries:
        tree, old = entry.key.rsplit("/", 1)
        head, _, nonce = old.rpartition(":")
        stem = head.rpartition(":")[0]
        if REF.id in stem:
            id = f"{stem}:{version}:{nonce}"
            found = Job.decode(entry.value) if tree.endswith("all") else None
            handler = old.split(":")[1]
            value = job(handler, version, found.dependency).encode() if found else b""
            await desk.kv.commit([Put(f"{tree}/{id}", value)])


def test_a_look_grows_old_and_another_makes_it_young() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.life.put(ADMIN, REF, ROUTER.body)
        await desk.life.apply_state(REF, {"state": {"orchestration_state": "CREATE_COMPLETE"}, "version": 1})
        seen = desk.clock.now()
        await desk.life.apply_monitoring(REF, {"it": "UP", "version": 1, "seen": seen})
        desk.deadlines.expect(seen + AGE)
        await desk.clock.sleep(AGE - 1)
        assert (await desk.shown())["status"] == "ACTIVE"
        await desk.life.apply_monitoring(REF, {"it": "UP", "version": 1, "seen": seen + AGE - 2})
        await desk.clock.sleep(AGE - 2)
        assert (await desk.shown())["status"] == "ACTIVE"
        await desk.clock.sleep(2.0)
        body = await desk.shown()
        assert (body["status"], body["operational_state"]) == ("MONITORING_UNAVAILABLE", "UNKNOWN")
        await desk.life.apply_monitoring(REF, {"it": "UP", "version": 1, "seen": desk.clock.now()})
        assert (await desk.shown())["status"] == "ACTIVE"

    play(scenario)


def test_nothing_is_looked_at_before_it_can_be_due() -> None:
    async def scenario(desk: Desk) -> None:
        spoken = desk.store.statements
        await desk.clock.sleep(10 * PENDING)
        assert desk.store.statements - spoken == 10

    play(scenario)
