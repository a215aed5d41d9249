"""A ring for failures of its stores, in processes of which each can be stopped alone, and its log be read.

api (with sync), jobs (the master) and worker; etcd is given, the lab's routers run beside them.
"""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from pathlib import Path

from e2e.processes import PATIENCE_SECONDS, esi, make_chain, stand_still
from e2e.test_kill import until_no_job
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.kv import Event
from esi.kv.etcd import EtcdKV
from esi.model import keys
from esi.testing import chain

LEASE_SECONDS = 2
"""The shortest that etcd grants: whoever stands still has soon lost what it held."""

COMMIT_SECONDS = "0.5"
ROOMS = {"api": ("api", "sync"), "jobs": ("jobs",), "worker": ("heat", "devices", "monitoring")}


class Ring:
    """`processes` by the names of ROOMS; `client` speaks to the API, `kv` to etcd."""

    def __init__(self, processes: dict[str, Process], inventory: Path, client: Client, kv: EtcdKV) -> None:
        self.processes = processes
        self.inventory = inventory
        self.client = client
        self.kv = kv

    async def ask(self, wish: chain.Wish, verb: str) -> None:
        if verb == "delete":
            await self.client.delete(wish.schema, wish.id)
        elif verb == "create":
            await self.client.put(wish.schema, wish.id, wish.body)
        else:
            await self.client.set(wish.schema, wish.id, {"description": "another one"})

    async def over(self, wish: chain.Wish, verb: str) -> None:
        """Wait until the change has ended well: ERROR in between fails the test."""
        if verb == "delete":
            await self.client.wait_gone(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
        else:
            await self.client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)

    async def nothing_is_left(self) -> None:
        await until_no_job(self.kv)
        assert (await self.kv.list(keys.INTENTS)).entries == []

    async def in_the_middle(self, wish: chain.Wish, verb: str) -> None:
        """Ask, and return when a worker has taken the job."""
        since = (await self.kv.list(keys.JOBS_WORKING)).revision
        await self.ask(wish, verb)
        await self.until(keys.JOBS_WORKING, since, lambda event: event.kind == "put")

    async def until(self, prefix: str, since: int, wanted: Callable[[Event], bool]) -> int:
        """The revision of the first such change after `since`."""
        async with asyncio.timeout(PATIENCE_SECONDS), aclosing(self.kv.watch(prefix, since=since)) as batches:
            async for batch in batches:
                for event in batch:
                    if wanted(event):
                        return event.revision
        raise AssertionError("a watch has ended")

    async def loses(self, key: str) -> None:
        """Wait until a key is gone: its holder's lease has ended."""
        listing = await self.kv.list(key)
        if listing.entries:
            await self.until(key, listing.revision, lambda event: event.kind == "delete")

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """The process stands still in the block."""
        process = self.processes[name]
        stand_still(process.pid)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    async def says(self, name: str, words: str) -> str:
        """The next line of a process's log that has these words."""
        stream = self.processes[name].stderr
        assert stream is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while line := (await stream.readline()).decode():
                if words in line:
                    return line
        raise AssertionError(f"{name} has ended without a word of {words!r}")


@asynccontextmanager
async def parted_ring(
    folder: Path, endpoints: Sequence[str], *, database: Path | None = None, lease_seconds: int = LEASE_SECONDS
) -> AsyncIterator[Ring]:
    """The ring with all that a gateway stands on. `database`: the folder of SQL, where it is another one."""
    async with AsyncExitStack() as stack:
        start = stack.enter_async_context
        _, lab = await start(esi("lab", "--folder", str(folder), "--commit-seconds", COMMIT_SECONDS))
        where = ("--etcd", ",".join(endpoints), "--inventory", lab["inventory"], "--flow", "2018")
        more = ("--monitoring", "none", "--set", f"worker.lease_seconds={lease_seconds}", "--set", "api.port=0")
        home = ("--folder", str(database or folder))
        started = {name: await start(esi("room", *rooms, *home, *where, *more)) for name, rooms in ROOMS.items()}
        kv = EtcdKV(endpoints, clock=SystemClock())
        stack.push_async_callback(kv.close)
        client = await start(Client(started["api"][1]["api"], clock=SystemClock()))
        await make_chain(client, chain.prerequisites())
        yield Ring({name: process for name, (process, _) in started.items()}, Path(lab["inventory"]), client, kv)
