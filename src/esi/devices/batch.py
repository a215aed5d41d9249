"""Which intents go into one commit, and whose fault a refusal is. Pure: intents in, intents out.

Paths are compared as CLI words, the form in which a device names the place of its complaint
(`[edit interfaces ge-0/0/1 unit 122]`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from esi.drivers import Edit, Intent

MAX_INTENTS = 256
MAX_BYTES = 1_000_000

PACE_SECONDS = 0.03
"""In which the ring brings another intent under load, about: a service costs it so much of a core."""

GATHER_SECONDS = 0.3
"""What a batch and the pause behind it take together at most."""

Words = tuple[str, ...]


def edit_words(edit: Edit) -> Words:
    """The CLI words of an edit's path."""
    return tuple(word for step in edit.path for word in step.words())


def places(intent: Intent) -> list[Words]:
    """The CLI words of every path that an intent owns."""
    return [edit_words(edit) for edit in intent.edits]


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


def pause(count: int, took: float) -> float:
    """Seconds to leave a device alone after a batch of `count` that took `took`: until as many more have come.

    A commit costs the device and us nearly the same for one intent as for many (docs/adr/0027). A slow device, and
    whoever comes alone, is not made to wait.
    """
    return max(0.0, min(count * PACE_SECONDS, GATHER_SECONDS - took)) if count > 1 else 0.0


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


def superseded(batch: Sequence[Intent]) -> dict[int, int]:
    """Which intents of a batch need not be sent, each with the one that stands for it, as positions: older versions of
    the same resource of which nothing would be left, and of which nothing that comes between could take hold.
    """
    newest: dict[tuple[str, str], int] = {}
    found: dict[int, int] = {}
    for at in range(len(batch) - 1, -1, -1):
        ref = batch[at].ref
        if ref is None:
            continue
        later = newest.setdefault((ref[0], ref[1]), at)
        between = [batch[index] for index in range(at + 1, later) if index not in found]
        if later != at and covers(batch[later], batch[at]) and not overlapping(batch[at], between):
            found[at] = later
    return found


def covers(newer: Intent, older: Intent) -> bool:
    """Whether `newer` alone leaves the same as `older` and then `newer`: they are the same, or `newer` puts anew, or
    removes, every place that `older` touches.
    """
    if newer.edits == older.edits:
        return True
    if newer.ref is None or older.ref is None or newer.ref[2] < older.ref[2]:
        return False
    anew = [edit_words(edit) for edit in newer.edits if edit.operation != "merge"]
    return all(any(place[: len(one)] == one for one in anew) for place in places(older))
