"""Where each millisecond of a request goes, from what the flight recorder wrote down.

Every moment between the first message and the last belongs to one: to the youngest exchange that is under way, or, when
none is, to the work of a process before the exchange that comes next. So the shares add up to the whole.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.arrivals import CLOCK
from esi.client.resources import Client

SHIPPED_SECONDS = 3.0
"""A trace that the worker has told of and that has not grown for so long is whole: each process sends in its order."""

AT_MOST_SECONDS = 90.0
"""The recorder of a busy process rests much longer than it works."""

WORKER = "heat worker"
MOST = 20


class Share(NamedTuple):
    """`times`: how many exchanges there were."""

    what: str
    seconds: float
    times: int


async def shares_of(client: Client, schema: str, id: str) -> list[Share]:
    """Of the newest request about a resource."""
    trace: Mapping[str, Any] = {"messages": []}
    async with asyncio.timeout(AT_MOST_SECONDS):
        while True:
            await CLOCK.sleep(SHIPPED_SECONDS)
            before, trace = trace, await client.trace(schema, id)
            told = {one["from"] for one in trace["messages"]}
            if WORKER in told and len(trace["messages"]) == len(before["messages"]):
                return shares(trace["messages"], trace["at"] + trace["took"])[:MOST]


def shares(messages: Sequence[Mapping[str, Any]], until: float) -> list[Share]:
    """The largest first. `until`: epoch seconds of the end."""
    spans = sorted(
        (float(one["at"]), min(float(one["at"]) + float(one["took"]), until), _name(one)) for one in messages
    )
    spans = [span for span in spans if span[0] <= until]
    edges = sorted({edge for begin, end, _ in spans for edge in (begin, end)} | {until})
    spent: Counter[str] = Counter()
    for begin, end in itertools.pairwise(edges):
        under_way = [span for span in spans if span[0] <= begin and span[1] >= end]
        if under_way:
            spent[max(under_way)[2]] += end - begin  # type: ignore[assignment]
        else:
            following = next((span[2] for span in spans if span[0] >= end), "the end")
            spent[f"work before {following}"] += end - begin  # type: ignore[assignment]
    times = Counter(name for _, _, name in spans)
    return [Share(name, seconds, times[name]) for name, seconds in spent.most_common()]


def _name(message: Mapping[str, Any]) -> str:
    return f"{message['hop']}: {message['from']} to {message['to']}"
