"""Runs one process of a ring: its rooms until it is told to stop, then their ends in order.

The service manager that started us, if one did, hears when all doors are open, that the loop is alive, and that we end.
Whoever called hears of the end as soon as it begins (`on_end`), and cuts one short that takes too long: every process
may be killed at any moment, so nothing is lost but the wait for what it held.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from esi.bootstrap.health import told
from esi.bootstrap.process import ON_ETCD, Process
from esi.bootstrap.topics import bus_faults
from esi.environment import told_by_manager
from esi.errors import SettingsError
from esi.runtime import Supervisor
from esi.runtime.service.notify import Notifier
from esi.runtime.service.sockets import inherited
from esi.settings import Settings
from esi.tasks import Tasks

PARTS = (
    *("etcd", "lab", "api", "sync", "agent", "jobs", "heat", "devices", "monitoring"),
    *("keystone", "orchestration", "neutron"),
)
"""Everything a process can be asked to run."""

RARELY = (50_000, 20, 20)
"""New objects before the collector of garbage looks; how many of its looks before the older ones are looked at, too."""


async def run(
    parts: Sequence[str],
    settings: Settings,
    *,
    on_ready: Callable[[Mapping[str, str]], None],
    on_end: Callable[[], None] = lambda: None,
) -> None:
    """Run `parts` until SIGTERM, SIGINT or cancellation; `on_ready` is called once with where they are reached,
    `on_end` once when the end begins, which may be before they are.

    Raises ConfigError before anything is started when the parts or settings cannot work together.
    """
    _check(parts, settings)
    manager = told_by_manager()
    notifier = Notifier(manager)
    process = Process(frozenset(parts), settings)
    stop = asyncio.Event()

    def end() -> None:
        if not stop.is_set():
            stop.set()
            on_end()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    with ExitStack() as outside:
        outside.callback(notifier.close)
        async with AsyncExitStack() as stack, Tasks("ring") as tasks:
            tasks.start("alive", notifier.live(process.clock))
            rooms, facts, ready = await process.build(stack, tasks, inherited(manager))
            supervisor = Supervisor(rooms, clock=process.clock, rng=process.rng)
            process.vitals.states = supervisor.health
            running = tasks.start("rooms", supervisor.run())
            stopping = tasks.start("stop", stop.wait())
            opened = tasks.start("ready", _all(ready))
            await asyncio.wait({opened, running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if opened.done():
                process.tell_where(facts())
                if "health" in facts():
                    outside.enter_context(told(Path(settings.ring.folder), facts()["health"], parts))
                settle()
                notifier.tell("READY=1", f"STATUS=ready: {', '.join(parts)}")
                on_ready(facts())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            end()
            notifier.tell("STOPPING=1", "STATUS=ending: what it holds is given back")
            process.vitals.ending = True
            running.cancel()
            await asyncio.wait({running})


async def _all(events: Sequence[asyncio.Event]) -> None:
    for event in events:
        await event.wait()


def settle() -> None:
    """What stands now stays: the collector of garbage need not look at it again and again, nor so often at the rest.
    A service of the ring makes thousands of objects, and hardly a circle. What building took and has given back goes
    back to the kernel, where the C library can do that (docs/performance.md).
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    gc.freeze()
    gc.set_threshold(*RARELY)


def _check(parts: Sequence[str], settings: Settings) -> None:
    faults = [f"unknown part {part!r}; known: {', '.join(PARTS)}" for part in parts if part not in PARTS]
    if ON_ETCD & set(parts) and "etcd" not in parts and not settings.etcd.endpoints:
        faults.append("no etcd: run one beside it (`esi etcd`) and name it with etcd.endpoints")
    if "neutron" in parts and "api" not in parts:
        faults.append("neutron tells what the API of its own process holds: run it beside api")
    faults += bus_faults(settings.bus)
    if faults:
        raise SettingsError(faults)
