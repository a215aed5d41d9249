"""Waiting for a resource to look different: `GET <item>?wait=<seconds>` with the ETag that the caller knows.

The answer comes as soon as the caller would be shown something else, as 304 when the time is over, as 404 when the
resource goes. Who waits is woken by the lifecycle after the commit, also by that of another process; nothing is asked
of the database meanwhile, but for one look every LOOK_SECONDS, because what another process says may be lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import NamedTuple

import orjson

from esi.clock import Clock
from esi.lifecycle.changes import Changes
from esi.model.resource import Body, Ref

MOST_SECONDS = 60.0
LOOK_SECONDS = 2.0
MOST_WAITING = 1_000
"""Who comes when so many wait is answered at once."""


class Known(NamedTuple):
    """What the caller knows (`tag`, "" for nothing), and how long it would wait for something else."""

    tag: str = ""
    seconds: float = 0.0


def tag_of(body: Body) -> str:
    """The ETag of what is shown."""
    return f'"{blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()}"'


async def until_other(
    look: Callable[[], Awaitable[Body]], ref: Ref, known: Known, changes: Changes, clock: Clock
) -> tuple[Body, str]:
    """What `look` gives, and its tag: at once when that is not the known one, else when it changes or time is over."""
    end = clock.monotonic() + min(known.seconds, MOST_SECONDS)
    patient = len(changes) < MOST_WAITING
    with changes.watch(ref) as changed:
        while True:
            changed.clear()
            body = await look()
            tag, left = tag_of(body), end - clock.monotonic()
            if tag != known.tag or left <= 0 or changes.ended or not patient:
                return body, tag
            try:
                async with asyncio.timeout(min(left, LOOK_SECONDS)):
                    await changed.wait()
            except TimeoutError:
                continue
