"""Two workers and one device, small enough to be played thousands of times: jobs with claims, versions, faults.

Each resource is wanted in several versions, one after the other. A worker claims the job of a version (a key under its
lease), submits its intent with the claim as fence, and writes that it is done in a commit that the claim guards, as the
real workers do. A worker that dies is started again; its jobs are claimed anew. What the device takes is looked at in
the moment in which it takes it: no commit is empty, no place ever goes back to an older version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from esi.clock import LoopClock
from esi.devices import DeviceRoom
from esi.drivers import Address, Edit, Intent, Step
from esi.errors import LeaseLost, Outrun, Rejected, TemporaryError
from esi.kv import Delete, Guard, Put
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.tasks import Tasks
from esi.testing.double import Config, DeviceDouble, DoubleDriver, fold
from esi.testing.hands import DriverHandle
from esi.testing.process import KVHandle, Plan, Process
from esi.work.lease import ProcessLease

IP = "10.79.5.185"
ADDRESS = Address(IP, username="esi")
PAUSE_SECONDS = 30.0
START_SECONDS = 0.3
PATIENCE_SECONDS = 200.0
NAMES = ("one", "two")


@dataclass(frozen=True)
class Job:
    """One version of one resource. Every third resource has no good first version: the device refuses it."""

    resource: int
    version: int

    @property
    def id(self) -> str:
        return f"r{self.resource}-v{self.version}"

    @property
    def good(self) -> bool:
        return not (self.resource % 3 == 2 and self.version == 1)

    def intent(self, fence: Guard | None) -> Intent:
        """A merge first, then what an update is: put anew; the last version removes one of two places."""
        place = (Step("services"), Step("resource", str(self.resource), text="named_tag"))
        text = f"version {self.version};" if self.good else "!;"
        edits: tuple[Edit, ...] = (Edit((*place, Step("main")), "replace" if self.version > 1 else "merge", text),)
        second = (*place, Step("second"))
        edits += (Edit(second, "remove") if self.version == 3 else Edit(second, "replace", text),)
        ref = ("thing", str(self.resource), self.version)
        return Intent(self.id, ADDRESS, edits, ref, f"tenant {self.resource % 2}", 1000.0, fence)


def version_of(text: str) -> int:
    return int(text.removeprefix("version ").removesuffix(";"))


@dataclass
class Board:
    """The jobs, and what has become of them; the truth about ends stands in the KV, fenced."""

    resources: int
    versions: int
    done: dict[str, bool] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def jobs(self) -> list[Job]:
        """What may be worked on now: of each resource the first version that is not done."""
        found = []
        for resource in range(self.resources):
            left = [job for n in range(1, self.versions + 1) if (job := Job(resource, n)).id not in self.done]
            found += left[:1]
        return found

    def expected(self) -> Config:
        """The fold of what was accepted: versions of a resource follow each other, and resources share no place."""
        config: Config = {}
        for resource in range(self.resources):
            for number in range(1, self.versions + 1):
                job = Job(resource, number)
                if self.done[job.id]:
                    config = fold(config, job.intent(None).edits)
        return config


class Play:
    """One play: workers, device, faults. `plans` are asked at every point of the worker they are for."""

    def __init__(self, rng: Random, *, resources: int = 4, versions: int = 3, slow: bool = False) -> None:
        self.rng = rng
        self.kv = MemoryKV()
        self.clock = LoopClock()
        self.faults: list[str] = []
        self.device = DeviceDouble("mx", refuse=self._look, commit_seconds=1.0 if slow else 0.0)
        self.driver = DoubleDriver({IP: self.device})
        self.board = Board(resources, versions)
        self.processes: dict[str, Process] = {}
        self.plans: dict[str, Plan] = {}
        self.losses: dict[str, Plan] = {}
        self.delay: Callable[[], float] | None = None
        self.deaths = 0
        self._keeper = Tasks("play")

    def _look(self, candidate: Mapping[tuple[str, ...], str]) -> str | None:
        """The device is about to commit this."""
        running = self.device.running
        if dict(candidate) == running:
            self.faults.append("an empty commit")
        for place, text in candidate.items():
            if place in running and version_of(text) < version_of(running[place]):
                self.faults.append(f"{place} goes back from {running[place]} to {text}")
        return None

    def begin(self, name: str) -> None:
        never: Plan = lambda point: False  # noqa: E731
        process = Process(name, self.plans.get(name, never), self.losses.get(name, never), delay=self.delay)
        self.processes[name] = process
        process.tasks.start("work", self._work(process))
        self._keeper.start(f"watch {name}", self._start_again(process))

    async def _start_again(self, process: Process) -> None:
        await process.gone.wait()
        self.deaths += 1
        await process.kill()
        await self.clock.sleep(START_SECONDS)
        self.begin(process.name)

    async def _work(self, process: Process) -> None:
        """A worker: claims what it can get, in an order of its own."""
        kv = KVHandle(process, self.kv)
        lease = ProcessLease(kv)
        room = DeviceRoom(
            kv, DriverHandle(process, self.driver), lease, clock=self.clock, tasks=process.tasks, idle=5.0
        )
        at_work: set[str] = set()
        while True:
            self.board.news.clear()
            jobs = [job for job in self.board.jobs() if job.id not in at_work]
            for job in self.rng.sample(jobs, (len(jobs) + 1) // 2):  # half of it: the other worker shall have some
                at_work.add(job.id)
                process.tasks.start(job.id, self._job(kv, lease, room, job, at_work))
            try:
                async with asyncio.timeout(1.0):
                    await self.board.news.wait()
            except TimeoutError:
                continue

    async def _job(self, kv: KVHandle, lease: ProcessLease, room: DeviceRoom, job: Job, at_work: set[str]) -> None:
        working, finished = keys.job_working_key(job.id), keys.job_finished_key(job.id)
        try:
            fence = await self._claim(kv, lease, working, finished)
            accepted = await self._insist(room, job.intent(fence))
            ops: list[Put | Delete] = [Put(finished, b"1" if accepted else b""), Delete(working)]
            while True:
                try:
                    await kv.commit(ops, guards=[fence])
                    break
                except Outrun:
                    raise
                except TemporaryError:
                    await self.clock.sleep(0.2)
        except TemporaryError:
            await self.clock.sleep(0.5)
        finally:
            at_work.discard(job.id)

    async def _claim(self, kv: KVHandle, lease: ProcessLease, working: str, finished: str) -> Guard:
        """Raises Outrun when another has it. A lost reply is looked up."""
        mine = str(self.rng.random()).encode()
        while True:
            try:
                held = await kv.get(working)
                if held is not None and held.value == mine:
                    return Guard(working, held.create_revision, "create")
                put = Put(working, mine, await lease.current())
                guards = [Guard.absent(working), Guard.absent(finished)]
                return Guard(working, await kv.commit([put], guards=guards), "create")
            except Outrun:
                raise
            except TemporaryError:
                await self.clock.sleep(0.2)

    async def _insist(self, room: DeviceRoom, intent: Intent) -> bool:
        while True:
            try:
                await room.submit(intent)
                return True
            except Rejected:
                return False
            except LeaseLost:
                raise
            except TemporaryError as error:
                await self.clock.sleep(error.after or 0.5)

    def _ended(self, key: str, value: bytes) -> None:
        job = key.removeprefix(keys.JOBS_FINISHED)
        if job in self.board.done:
            self.faults.append(f"{job} has ended twice")
        self.board.done[job] = value == b"1"
        self.board.news.set()

    async def run(self) -> None:
        """Both workers, until every version of every resource is done and nothing is on the way."""

        def look(events: object) -> None:
            for event in events:  # type: ignore[attr-defined]
                if event.key.startswith(keys.JOBS_FINISHED) and event.kind == "put":
                    self._ended(event.key, event.value)

        self.kv.on_commit = look
        async with Tasks("play") as self._keeper:
            for name in NAMES:
                self.begin(name)
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while self.board.jobs():
                        await self.board.news.wait()
                        await self.clock.sleep(0.1)
                    while await self.left():
                        await self.clock.sleep(0.5)
            except TimeoutError:
                left = [job.id for job in self.board.jobs()]
                self.faults.append(f"not done: {left}; left in etcd: {await self.left()}")
            finally:
                await self._keeper.close()
                for process in self.processes.values():
                    await process.kill()

    def clock_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Do something later, whatever becomes of the workers."""

        async def later() -> None:
            await self.clock.sleep(seconds)
            call()

        self._keeper.start("later", later())

    async def left(self) -> list[str]:
        """Intents, answers and claims that stand in the KV."""
        trees = (keys.INTENTS, keys.JOBS_WORKING)
        return [entry.key for tree in trees for entry in (await self.kv.list(tree)).entries]
