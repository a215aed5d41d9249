"""Reader, master and workers on the memory KV under a hand-turned clock: config in, jobs done, state out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from esi.bootstrap.services import load_services
from esi.clock import LoopClock
from esi.errors import Rejected, Unreachable
from esi.jobs import JobsRoom, reader
from esi.jobs.inbox import PARK_SECONDS
from esi.kv import Delete, Guard, Put
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.codec import decode_state, dumps, encode_config
from esi.model.job import Job
from esi.model.resource import Body, Ref
from esi.runtime import Leader
from esi.tasks import Tasks
from esi.testing.loop import run
from esi.work import Claim, JobResult
from esi.work.lease import ProcessLease
from esi.work.room import WorkRoom

SERVICES = load_services("2018")


@dataclass
class Diary:
    """A handler that writes down what it was asked to do, and fails or dies when told to."""

    name: str = "heat_worker"
    done: list[str] = field(default_factory=list)
    refuse: str = ""
    hang: bool = False

    async def run(self, job: Job, claim: Claim) -> JobResult:
        if self.hang:
            await asyncio.Event().wait()
        if self.refuse and self.refuse in job.id:
            raise Rejected("mx1", "no such filter")
        self.done.append(f"{job.action} {job.ref} {job.version}")
        return JobResult({"heat_outputs": [], "orchestration_state": "CREATE_COMPLETE"})


@dataclass
class Bench:
    kv: MemoryKV
    diary: Diary
    tasks: Tasks
    lease: ProcessLease

    async def want(self, schema: str, id: str, version: int = 1, *, deleted: bool = False, **body: Any) -> None:
        path = SERVICES.catalogue[schema].path_of(id)
        value = encode_config(dumps({"id": id, **body}), version, marked_for_deletion=deleted)
        await self.kv.commit([Put(keys.config_key(path), value)])

    async def state(self, schema: str, id: str) -> tuple[Body, str]:
        """Wait until the resource has a state, and give it with its error."""
        key = keys.state_key(SERVICES.catalogue[schema].path_of(id))
        while (entry := await self.kv.get(key)) is None:
            await asyncio.sleep(0.01)
        decoded = decode_state(entry.value)
        return {**decoded.state, "version": decoded.version}, decoded.error

    async def quiet(self) -> None:
        """Wait until no job is left."""
        while (await self.kv.list(keys.JOBS)).entries:
            await asyncio.sleep(0.01)


def path_of(ref: Ref) -> str:
    return SERVICES.catalogue[ref.schema].path_of(ref.id)


async def bench(scenario: Callable[[Bench], Awaitable[None]], diary: Diary, kv: MemoryKV | None = None) -> None:
    kv, clock = kv or MemoryKV(), LoopClock()
    for template in SERVICES.templates:
        await kv.commit([Put(keys.HEAT_TEMPLATES + template["id"], encode_config(dumps(template), 1))])
    async with Tasks("bench") as tasks:
        leader = Leader(kv, keys.MASTER, b"m1", clock=clock)
        tasks.start("jobs", JobsRoom(kv, SERVICES.catalogue, leader, clock=clock, rng=random.Random(1)).run())
        lease = ProcessLease(kv)
        tasks.start("work", WorkRoom(kv, lease, [diary], path_of, clock=clock).run())
        await scenario(Bench(kv, diary, tasks, lease))
        await lease.close()


def play(scenario: Callable[[Bench], Awaitable[None]], diary: Diary | None = None) -> None:
    run(bench(scenario, diary or Diary()), limit=600)


ROUTER: dict[str, Any] = {"ip": "192.0.2.1", "login": "u", "password": "p", "ssh_port": 830, "tenant_id": "t"}


def test_a_resource_with_a_template_becomes_a_job_and_a_state() -> None:
    async def scenario(b: Bench) -> None:
        await b.want("edge_router", "r1", **ROUTER)
        state, error = await b.state("edge_router", "r1")
        assert (state["worker_state"], state["orchestration_state"], error) == (
            "CREATE_COMPLETED",
            "CREATE_COMPLETE",
            "",
        )
        assert state["heat_outputs"] == "[]"
        await b.quiet()
        assert b.diary.done == ["create edge_router:r1 1"]
        assert await b.kv.get(keys.job_state_key(path_of(Ref("edge_router", "r1")))) is None
        await b.want("edge_router", "r1", 2, **ROUTER)
        while len(b.diary.done) < 2:
            await asyncio.sleep(0.01)
        assert b.diary.done[-1] == "modify edge_router:r1 2"

    play(scenario)


def test_what_was_done_is_not_done_again_because_it_could_not_be_written() -> None:
    class Flaky(MemoryKV):
        away = 3

        async def commit(self, ops: Sequence[Put | Delete], *, guards: Sequence[Guard] = ()) -> int:
            if self.away and any(isinstance(op, Put) and op.key.startswith(keys.JOBS_FINISHED) for op in ops):
                self.away -= 1
                if self.away:
                    raise Unreachable("etcd is away")
                await super().commit(ops, guards=guards)
                raise Unreachable("etcd is away, and the answer with it")
            return await super().commit(ops, guards=guards)

    async def scenario(b: Bench) -> None:
        await b.want("edge_router", "r1", **ROUTER)
        state, error = await b.state("edge_router", "r1")
        assert (state["worker_state"], error) == ("CREATE_COMPLETED", "")
        await b.quiet()
        assert b.kv.away == 0  # type: ignore[attr-defined]  # the one below
        assert b.diary.done == ["create edge_router:r1 1"]

    run(bench(scenario, Diary(), Flaky()), limit=600)


def test_a_resource_without_a_template_is_read_and_that_is_all() -> None:
    async def scenario(b: Bench) -> None:
        await b.want("ha_router", "h1", primary_router_id="a", secondary_router_id="b")
        state, error = await b.state("ha_router", "h1")
        assert (state["worker_state"], error) == ("READ_COMPLETE", "")
        assert b.diary.done == []

    play(scenario)


def test_a_reference_that_comes_later_is_waited_for() -> None:
    async def scenario(b: Bench) -> None:
        await b.want("er_physical_interface", "e1", name="ge-0/0/1", device_id="r1", tenant_id="t")
        await asyncio.sleep(PARK_SECONDS / 2)
        assert b.diary.done == []
        await b.want("edge_router", "r1", **ROUTER)
        await b.state("er_physical_interface", "e1")
        assert set(b.diary.done) == {"create edge_router:r1 1", "create er_physical_interface:e1 1"}

    play(scenario)


def test_a_reference_that_never_comes_is_an_error_that_names_it() -> None:
    async def scenario(b: Bench) -> None:
        await b.want("er_physical_interface", "e1", name="ge-0/0/1", device_id="nobody", tenant_id="t")
        state, error = await b.state("er_physical_interface", "e1")
        assert state["orchestration_state"] == "CREATE_FAILED"
        assert "edge_router:nobody" in error

    play(scenario)


def test_a_refused_job_fails_its_resource_and_what_needs_it() -> None:
    async def scenario(b: Bench) -> None:
        await b.want("edge_router", "r1", **ROUTER)
        await b.want("er_physical_interface", "e1", name="ge-0/0/1", device_id="r1", tenant_id="t")
        state, error = await b.state("edge_router", "r1")
        assert (state["orchestration_state"], error) == ("CREATE_FAILED", "mx1: no such filter")
        state, error = await b.state("er_physical_interface", "e1")
        assert error == "dependency failed: edge_router:r1: mx1: no such filter"
        await b.quiet()

    play(scenario, Diary(refuse="edge_router"))


def test_a_worker_that_dies_gives_its_job_to_the_next() -> None:
    async def scenario(b: Bench) -> None:
        b.diary.hang = True
        await b.want("edge_router", "r1", **ROUTER)
        while not (await b.kv.list(keys.JOBS_WORKING)).entries:
            await asyncio.sleep(0.01)
        b.diary.hang = False
        await b.lease.close()
        await b.state("edge_router", "r1")
        await b.quiet()
        assert b.diary.done == ["create edge_router:r1 1"]

    play(scenario)


def test_deleting_takes_the_job_the_state_and_then_the_workers_own_records() -> None:
    async def scenario(b: Bench) -> None:
        await b.want("edge_router", "r1", **ROUTER)
        await b.quiet()
        await b.state("edge_router", "r1")
        await b.want("edge_router", "r1", 2, deleted=True, **ROUTER)
        while (await b.state("edge_router", "r1"))[0]["worker_state"] != "DELETE_COMPLETED":
            await asyncio.sleep(0.01)
        path = path_of(Ref("edge_router", "r1"))
        await b.kv.commit([Delete(keys.config_key(path)), Delete(keys.state_key(path))])
        await asyncio.sleep(1)
        await b.quiet()
        left = [entry.key for entry in (await b.kv.list("/")).entries if "r1" in entry.key]
        assert left == []
        assert b.diary.done[-1] == "logical_delete edge_router:r1 2"

    play(scenario)


@pytest.mark.parametrize("moment", range(12))
def test_a_new_master_goes_on_where_the_old_one_was(moment: int) -> None:
    """The master's key is taken away after so many commits; nothing is planned twice and nothing is forgotten."""

    async def scenario(b: Bench) -> None:
        start = b.kv.commits

        def rob(_: object) -> None:
            if b.kv.commits - start == moment:
                asyncio.get_running_loop().call_soon(lambda: b.tasks.start("rob", take()))

        async def take() -> None:
            await b.kv.commit([Delete(keys.MASTER)])

        b.kv.on_commit = rob
        await b.want("edge_router", "r1", **ROUTER)
        await b.want("er_physical_interface", "e1", name="ge-0/0/1", device_id="r1", tenant_id="t")
        await b.want("ha_router", "h1", primary_router_id="r1", secondary_router_id="b")
        await b.state("er_physical_interface", "e1")
        await b.state("ha_router", "h1")
        await b.quiet()
        assert sorted(b.diary.done) == ["create edge_router:r1 1", "create er_physical_interface:e1 1"]

    play(scenario)


def test_what_is_deleted_by_force_is_dropped_with_its_jobs() -> None:
    """A job hangs, another needs it, a third only comes after it; nothing is taken down."""

    async def scenario(b: Bench) -> None:
        await b.want("edge_router", "r1", **ROUTER)
        while not (await b.kv.list(keys.JOBS_WORKING)).entries:
            await asyncio.sleep(0.01)
        await b.want("er_physical_interface", "e1", name="ge-0/0/1", device_id="r1", tenant_id="t")
        while not (await b.kv.list(keys.JOBS_WAITING)).entries:
            await asyncio.sleep(0.01)
        b.diary.hang = False
        path = path_of(Ref("edge_router", "r1"))
        await b.kv.commit([Put(keys.dropped_key(path), dumps({"version": 2})), Delete(keys.config_key(path))])
        state, error = await b.state("er_physical_interface", "e1")
        assert state["orchestration_state"] == "CREATE_FAILED"
        assert error == "dependency failed: edge_router:r1: it was deleted by force"
        await b.quiet()
        assert b.diary.done == []
        assert [entry.key for entry in (await b.kv.list("/")).entries if "r1" in entry.key] == []
        await b.want("edge_router", "r1", **ROUTER)
        await b.state("edge_router", "r1")
        assert b.diary.done == ["create edge_router:r1 1"]

    diary = Diary(hang=True)
    play(scenario, diary)


def test_bodies_that_are_not_kept_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next master has loaded versions alone, and keeps no body longer than it must."""
    monkeypatch.setattr(reader, "KEPT_BYTES", 0)

    async def scenario(b: Bench) -> None:
        await b.want("edge_router", "r1", **ROUTER)
        await b.state("edge_router", "r1")
        await b.quiet()
        await b.kv.commit([Delete(keys.MASTER)])
        for number in range(3):
            await b.want("er_physical_interface", f"e{number}", name=f"ge-0/0/{number}", device_id="r1", tenant_id="t")
        for number in range(3):
            _, error = await b.state("er_physical_interface", f"e{number}")
            assert error == ""
        await b.quiet()
        await b.want("edge_router", "r1", 2, **ROUTER)
        while "modify edge_router:r1 2" not in b.diary.done:
            await asyncio.sleep(0.01)
        assert len(b.diary.done) == 5

    play(scenario)


@pytest.mark.parametrize("known", [False, True])
def test_a_drop_that_nobody_led_at_is_made_good(*, known: bool) -> None:
    """The marker stands when a master begins: whether it knew the resource or not, no last rites are held."""

    async def scenario(b: Bench) -> None:
        path = path_of(Ref("edge_router", "r1"))
        if known:
            await b.want("edge_router", "r1", **ROUTER)
            await b.state("edge_router", "r1")
            await b.quiet()
        await b.kv.commit(
            [
                Delete(keys.MASTER),
                Delete(keys.config_key(path)),
                Delete(keys.state_key(path)),
                Put(keys.dropped_key(path), dumps({"version": 2})),
            ]
        )
        while (await b.kv.list(keys.DROPPED)).entries:
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.0)
        assert [entry.key for entry in (await b.kv.list("/")).entries if "r1" in entry.key] == []
        assert b.diary.done == (["create edge_router:r1 1"] if known else [])

    play(scenario)
