"""One action on one resource, done through its type: tried again while only temporary errors are in the way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from esi.clock import Clock, pauses
from esi.errors import EsiError, TemporaryError
from esi.registry import Registry
from esi.stacks import Context, Listener, Live, Props, Replace, StackResource
from esi.stacks.plan import Action
from esi.stacks.records import ResourceRecord

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.1
LAST_RETRY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Errand:
    """What to do to which resource; `props` are those wanted."""

    action: Action
    record: ResourceRecord
    props: Props = field(repr=False)
    context: Context


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action ended: what stands now, the words of a failure, or that a new one must be made first."""

    live: Live | None = None
    fault: str = ""
    replace: bool = False


class Holds:
    """What holds the steps of an operation up, as one sentence for the log and for whoever listens; `masked` takes the
    secrets out of it, because a bad template may have put one in the place of an address.
    """

    def __init__(self, masked: Callable[[str], str]) -> None:
        self._masked = masked
        self._by_step: dict[str, str] = {}
        self._said = ""
        self._listener: Listener | None = None

    def listen(self, listener: Listener | None) -> None:
        self._listener, said = listener, self._said
        if listener is not None and said:
            listener(said)

    def hear(self, step: str, words: str) -> None:
        """`words` hold this step up; "" is nothing."""
        self._by_step[step] = words
        found = sorted({self._masked(words) for words in self._by_step.values() if words})
        said = f"held: {'; '.join(found)}" if found else ""
        if said != self._said:
            self._said = said
            if said:
                log.warning("%s", said)
            if self._listener is not None:
                self._listener(said)


async def carry_out(
    types: Registry[StackResource], clock: Clock, errand: Errand, trouble: Callable[[str], None]
) -> Outcome:
    """Ends when the action has ended, well or not; `trouble` is told what stands in the way meanwhile."""
    delays = pauses(FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS)
    while True:
        try:
            return Outcome(live=await _call(types, errand))
        except Replace:
            return Outcome(replace=True)
        except TemporaryError as error:
            trouble(error.message)
            await clock.sleep(error.after if error.after is not None else next(delays))
        except EsiError as error:
            return Outcome(fault=error.message)


async def _call(types: Registry[StackResource], errand: Errand) -> Live | None:
    record, context = errand.record, errand.context
    type_ = types.get(record.type)
    if errand.action is Action.CREATE:
        return await type_.create(context, errand.props)
    if errand.action is Action.UPDATE:
        return await type_.update(context, _before(record, errand.props), errand.props)
    if errand.action is Action.DELETE and record.touched:
        await type_.delete(context, record.live())
    for index, raw in enumerate(record.replaced):
        old = ResourceRecord(**raw)
        apart = replace(context, resource=f"{context.resource}.{index}")
        await types.get(old.type).delete(apart, old.live())
    return None


def _before(record: ResourceRecord, props: Props) -> Live:
    """What stands before an update to `props`: that update itself is no earlier attempt."""
    live = record.live()
    return replace(live, attempted=tuple(attempt for attempt in live.attempted if attempt != props))
