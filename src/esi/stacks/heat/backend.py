"""A StackBackend over OpenStack Heat: what a stack shall be is checked here, and made there.

The operation stands in the stack's tags: whoever asks again, also after a kill, finds it and only waits. Heat tells
nobody when it has ended: it is asked, at first often. When a heat-engine has died inside an operation, Heat leaves the
stack as it is for ever; so, when an engine is there that began after the operation, the same is asked for once more:
what stands is kept, what was cut off is done again.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

from esi.clock import Clock, pauses
from esi.errors import Busy, LeaseLost
from esi.kv import Guard
from esi.registry import Registry
from esi.stacks import NOBODY, Caller, Stack, StackResource, StackSpec
from esi.stacks.checking import Checked, check_stack
from esi.stacks.heat.hot import as_tags, for_heat
from esi.stacks.heat.rest import Found, Heat, Part, Wish
from esi.stacks.parameters import PSEUDO
from esi.stacks.records import REASONS, ResourceRecord
from esi.stacks.remains import half_made

FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.05, 1.0
ENGINES_SECONDS = 2.0
"""How often the list of engines is looked at while a stack is waited for."""

BUSY_SECONDS = 1.0

_WORDS = re.compile(r"\w+: (?:resources\.)?[\w.-]+: (.*)", re.DOTALL)
"""How Heat repeats what a resource has said: its exception's class, the place, then the words."""


@dataclass(slots=True)
class Work:
    """An operation that was asked for here. `checked` is None for a delete."""

    operation: str
    again: Callable[[Found], Awaitable[None]]
    checked: Checked | None = None
    engines: frozenset[str] = frozenset()


class HeatBackend:
    """`types` are those that Heat has from us; `holds` says whether a fence still stands."""

    def __init__(
        self,
        heat: Heat,
        types: Registry[StackResource],
        clock: Clock,
        holds: Callable[[Guard], Awaitable[bool]],
    ) -> None:
        self._heat = heat
        self._types = types
        self._clock = clock
        self._holds = holds
        self._works: dict[str, Work] = {}
        self._ended: dict[str, str] = {}

    async def apply(self, spec: StackSpec, *, operation: str) -> None:
        """Raises TemplateError before anything is asked; Busy while Heat is at work on another operation."""
        checked = check_stack(spec, self._types)
        wish = self._wish(spec, checked, operation)

        async def again(found: Found) -> None:
            await self._heat.update(found.id, wish)

        found = await self._heat.find(spec.name)
        if found is not None and not found.ended and (found.verb == "DELETE" or found.operation != operation):
            raise Busy(f"stack {spec.name} is being worked on", after=BUSY_SECONDS)
        if found is None or found.verb == "DELETE" or found.operation != operation:
            await self._may(spec.name, spec.fence)
            await (self._heat.create(wish) if found is None else again(found))
        self._works[spec.name] = Work(operation, again, checked)

    async def delete(self, name: str, *, operation: str, fence: Guard | None = None) -> None:
        found = await self._heat.find(name)
        if found is None or self._ended.get(name) == operation:
            return
        if found.ended:
            await self._may(name, fence)
            await self._heat.delete(found)
        elif found.verb != "DELETE":
            raise Busy(f"stack {name} is being worked on", after=BUSY_SECONDS)
        self._works[name] = Work(operation, self._heat.delete)

    async def wait(self, name: str, *, operation: str, caller: Caller = NOBODY) -> Stack:
        """Heat writes the end of its stacks itself."""
        async with caller.rest():
            return await self._wait(name, operation)

    async def _wait(self, name: str, operation: str) -> Stack:
        work = self._works.get(name)
        if work is not None and work.operation != operation:
            work = None  # somebody else's: nothing of it is to be asked for in our name
        looks, next_engines = pauses(FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS), self._clock.monotonic() + ENGINES_SECONDS
        while True:
            found = await self._heat.find(name)
            if found is None:
                self._forget(name, operation)
                return Stack(name, "", "DELETE_COMPLETE", "", operation=operation)
            if found.verb != "DELETE" and found.operation != operation:
                raise Busy(f"stack {name} is not being worked on by this operation: apply it again", after=0.0)
            if found.ended:
                self._forget(name, operation)
                return await self._end(found, operation, work)
            if work is not None and self._clock.monotonic() >= next_engines:
                await self._look_after(found, work)
                next_engines = self._clock.monotonic() + ENGINES_SECONDS
            await self._clock.sleep(next(looks))

    async def stop(self, name: str, *, operation: str) -> None:
        """Heat goes on with it; whoever has the job now finds it under the same operation."""
        self._forget(name, operation)

    async def get(self, name: str) -> Stack | None:
        found = await self._heat.find(name, outputs=True)
        return None if found is None else _view(found, found.operation)

    async def close(self) -> None:
        await self._heat.close()

    def _forget(self, name: str, operation: str) -> None:
        work = self._works.get(name)
        if work is not None and work.operation == operation:
            del self._works[name]

    def _wish(self, spec: StackSpec, checked: Checked, operation: str) -> Wish:
        given = {name: value for name, value in spec.parameters.items() if value is not None and name not in PSEUDO}
        return Wish(
            name=spec.name,
            template=for_heat(spec.template, self._types),
            parameters={name: checked.parameters[name] for name in given},
            minutes=max(1, ceil(spec.timeout / 60.0)),
            tags=as_tags(operation, spec.tenant),
        )

    async def _may(self, name: str, fence: Guard | None) -> None:
        if fence is not None and not await self._holds(fence):
            raise LeaseLost(f"the right to work on stack {name} has ended")

    async def _look_after(self, found: Found, work: Work) -> None:
        """Ask once more when an engine is there that did not hear of it."""
        fresh = frozenset(id_ for id_, began in (await self._heat.engines()).items() if _moment(began) >= found.changed)
        if fresh - work.engines:
            work.engines |= fresh
            await work.again(found)

    async def _end(self, found: Found, operation: str, work: Work | None) -> Stack:
        if found.status.endswith("_COMPLETE"):
            told = await self._heat.find(found.name, outputs=True)
            return _view(told or found, operation)
        if found.verb == "DELETE":
            self._ended[found.name] = operation
        parts = await self._heat.parts(found)
        reason = "; ".join(sorted(_faults(parts))) or found.reason
        if work is not None and work.checked is not None and (left := self._left(parts, work.checked)):
            reason += f"; {left}"
        return Stack(found.name, found.tenant, found.status, reason, operation=operation)

    def _left(self, parts: Iterable[Part], checked: Checked) -> str:
        """Which devices carry lines of what is not whole."""
        records: list[ResourceRecord] = []
        for part in parts:
            props = checked.resolved.get(part.name, {})
            if not part.status.startswith("INIT"):
                stands = part.physical_id if part.status.endswith("_COMPLETE") else ""
                records.append(
                    ResourceRecord(part.type, part.status, stands, props, attempted=[] if stands else [props])
                )
        return half_made(records, self._places)

    def _places(self, record: ResourceRecord) -> frozenset[str]:
        type_ = self._types.find(record.type)
        return type_.claims(record.props) if type_ is not None and record.props else frozenset()


def _view(found: Found, operation: str) -> Stack:
    reason = REASONS[found.verb] if found.status.endswith("_COMPLETE") else found.reason
    outputs = tuple(map(_output, found.outputs))
    return Stack(found.name, found.tenant, found.status, reason, outputs, operation)


def _output(raw: Any) -> dict[str, Any]:
    return {
        "output_key": raw["output_key"],
        "output_value": raw.get("output_value"),
        "description": "" if raw.get("description") == "No description given" else raw.get("description") or "",
    }


def _faults(parts: Iterable[Part]) -> list[str]:
    """What went wrong, by resource."""
    failed = [part for part in parts if part.status.endswith("_FAILED")]
    return [f"{part.name}: {found[1] if (found := _WORDS.fullmatch(part.reason)) else part.reason}" for part in failed]


def _moment(told: str) -> str:
    """A time of the list of engines (with microseconds, without zone) as stacks have it, to be compared as text."""
    return f"{told[:19]}Z"
