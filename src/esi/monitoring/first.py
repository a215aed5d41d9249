"""The first status of a monitor: look until the wanted word is seen, or the monitor's time is over.

What cannot be seen (no answer, refused) is "not yet"; the last of it stands in the error when the time is over. A probe
is asked again after a pause that grows; an etcd_reader looks again when what it reads changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import ClassVar

from esi.clock import Clock
from esi.errors import EsiError, NotFound, Rejected, TemplateError, TemporaryError, TerminalError
from esi.kv import KV, Entry
from esi.model import keys
from esi.model.codec import decode_state, loads_object
from esi.model.resource import Ref
from esi.model.status import FIRST_WORDS, observed
from esi.model.target import FAIL, UP, Observation, Target
from esi.monitoring.template import ETCD_READER, Monitor
from esi.probes import Probe
from esi.tasks import Tasks

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.25, 5.0

Look = Observation | EsiError
"""What one look has seen, or why it saw nothing."""


class NotSeen(TerminalError):
    """A monitor was not what it should be within its time."""

    code = "not_seen"

    def __init__(self, monitor: Monitor, last: str) -> None:
        super().__init__(
            f"monitor {monitor.name} ({monitor.type} on {monitor.device}) is not {monitor.found} "
            f"within {monitor.timeout:g} s; seen last: {last}",
            monitor=monitor.name,
            device=monitor.device,
            last=last,
        )


async def first_status(monitor: Monitor, looks: AsyncGenerator[Look, None]) -> str:
    """The monitor's word once it is as wanted. Raises NotSeen."""
    last = "nothing"
    try:
        async with asyncio.timeout(monitor.timeout), aclosing(looks):
            async for look in looks:
                if isinstance(look, EsiError):
                    last = str(look)
                    continue
                word = str(look.values.get("status", "nothing"))
                if word.upper() == monitor.wanted:
                    return monitor.found
                last = look.reason or word
    except TimeoutError:
        pass
    raise NotSeen(monitor, last)


async def asked(probe: Probe, target: Target, clock: Clock, pause: float | None) -> AsyncGenerator[Look, None]:
    """Look at once, then again after `pause` seconds, or after pauses that grow. Without end."""
    growing = FIRST_PAUSE_SECONDS
    while True:
        look: Look
        try:
            look = await probe.ask(target)
        except (TemporaryError, Rejected) as error:
            look = error
        yield look
        await clock.sleep(pause or growing)
        growing = min(growing * 2, LAST_PAUSE_SECONDS)


class EtcdReader:
    """Type etcd_reader: what is seen of another resource, {etcd_type, etcd_id}.

    That is its value under /monitoring; where nobody reports (a pair is watched through its members) its first look in
    /state. `path_of` gives a resource's API path.
    """

    type: ClassVar[str] = ETCD_READER

    def __init__(self, kv: KV, path_of: Callable[[Ref], str]) -> None:
        self._kv = kv
        self._path_of = path_of

    async def ask(self, target: Target) -> Observation:
        return (await self._look(target))[0]

    async def looks(self, target: Target, clock: Clock) -> AsyncGenerator[Look, None]:
        """Look at once, then whenever what is read has changed. Without end."""
        while True:
            look: Look
            try:
                look, since = await self._look(target)
            except TemporaryError as error:
                look, since = error, 0
            yield look
            try:
                if since:
                    await self._change(target, since)
                else:
                    await clock.sleep(FIRST_PAUSE_SECONDS)
            except TemporaryError:
                await clock.sleep(FIRST_PAUSE_SECONDS)

    def _keys(self, target: Target) -> tuple[Ref, str, str]:
        ref = Ref(str(target.properties.get("etcd_type")), str(target.properties.get("etcd_id")))
        try:
            path = self._path_of(ref)
        except NotFound as error:
            raise TemplateError(f"{target.field_name}.etcd_type", str(error)) from error
        return ref, keys.monitoring_key(path), keys.state_key(path)

    async def _look(self, target: Target) -> tuple[Observation, int]:
        """What is seen, and the revision after which a change is news."""
        ref, monitoring, state = self._keys(target)
        listing = await self._kv.list(monitoring)
        values = _of(listing.entries, monitoring)
        where, word = "/monitoring", None
        if values is not None:
            word = observed(loads_object(values.value, monitoring))
        elif (known := await self._kv.get(state)) is not None:
            where, first = "/state", decode_state(known.value, state).state.get("state_monitoring")
            if isinstance(first, str):
                word = observed(loads_object(first.encode(), state), good=FIRST_WORDS)
        if word == UP:
            return Observation({"status": UP}), listing.revision
        told = f"nobody has seen {ref} yet" if word is None else f"{where} of {ref} is not up"
        return Observation({"status": FAIL}, told), listing.revision

    async def _change(self, target: Target, since: int) -> None:
        """Until one of the two keys is written after `since`."""

        def told(name: str, error: BaseException) -> None:
            return None  # raised below

        _, *names = self._keys(target)
        async with Tasks("changes", on_error=told) as tasks:
            waiting = [tasks.start(name, self._written(name, since)) for name in names]
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _written(self, key: str, since: int) -> None:
        async with aclosing(self._kv.watch(key, since=since)) as batches:
            async for batch in batches:
                if any(event.key == key for event in batch):
                    return

    async def close(self) -> None:
        return None


def _of(entries: list[Entry], key: str) -> Entry | None:
    return next((entry for entry in entries if entry.key == key), None)
