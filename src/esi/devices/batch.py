"""Which intents go into one commit, and whose fault a refusal is. Pure: intents in, intents out.

Paths are compared as CLI words, the form in which a device names the place of its complaint
(`[edit interfaces ge-0/0/1 unit 122]`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from esi.drivers import Intent

MAX_INTENTS = 256
MAX_BYTES = 1_000_000

Words = tuple[str, ...]


def places(intent: Intent) -> list[Words]:
    """The CLI words of every path that an intent owns."""
    return [tuple(word for step in edit.path for word in step.words()) for edit in intent.edits]


def nested(one: Words, other: Words) -> bool:
    """Whether one path is the other, or lies in it."""
    short = min(len(one), len(other))
    return one[:short] == other[:short]


def size(intent: Intent) -> int:
    """Bytes that an intent roughly takes on the wire."""
    return sum(len(edit.text) + 40 * len(edit.path) for edit in intent.edits)


def take(waiting: Sequence[Intent], *, intents: int = MAX_INTENTS, size_limit: int = MAX_BYTES) -> list[Intent]:
    """The next batch: round robin over tenants, each tenant's own order kept, until a cap is reached; never empty.

    Order between intents whose paths overlap is arrival order: a tenant's turn is skipped while an earlier intent of
    another tenant that overlaps still waits.
    """
    queues: dict[str, list[int]] = {}
    for index, intent in enumerate(waiting):
        queues.setdefault(intent.tenant, []).append(index)
    if len(queues) == 1:
        return _up_to(list(islice(waiting, intents)), size_limit)
    chosen: list[int] = []
    while queues and len(chosen) < intents:
        for tenant in list(queues):
            chosen.append(queues[tenant].pop(0))
            if not queues[tenant]:
                del queues[tenant]
            if len(chosen) >= intents:
                break
    return _up_to(_without_overtaking(waiting, chosen), size_limit)


def _without_overtaking(waiting: Sequence[Intent], chosen: list[int]) -> list[Intent]:
    """Chosen intents in arrival order, less those that would overtake an overlapping one that stays behind."""
    picked = set(chosen)
    behind: list[Words] = []
    batch: list[Intent] = []
    for index, intent in enumerate(waiting):
        own = places(intent)
        if index in picked and not any(nested(place, other) for place in own for other in behind):
            batch.append(intent)
        else:
            behind.extend(own)
    return batch


def _up_to(batch: list[Intent], limit: int) -> list[Intent]:
    total = 0
    for count, intent in enumerate(batch):
        total += size(intent)
        if total > limit:
            return batch[: max(count, 1)]
    return batch


def culprits(batch: Sequence[Intent], error_path: str) -> list[Intent]:
    """The intents that own the place a device complains about: those with the longest shared path."""
    words = tuple(error_path.strip().removeprefix("[edit").removesuffix("]").split())
    if not words:
        return []
    best: list[Intent] = []
    depth = 0
    for intent in batch:
        shared = max((_shared(place, words) for place in places(intent) if nested(place, words)), default=0)
        if shared > depth:
            best, depth = [intent], shared
        elif shared and shared == depth:
            best.append(intent)
    return best


def _shared(one: Words, other: Words) -> int:
    return min(len(one), len(other))


def overlapping(intent: Intent, others: Sequence[Intent]) -> list[Intent]:
    """Those of `others` (later ones) that touch a path of `intent`."""
    own = places(intent)
    return [other for other in others if any(nested(a, b) for a in own for b in places(other))]
