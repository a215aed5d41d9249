"""Numbers that were seen: the last ones of each target in memory, text for Prometheus, points for an OpenTSDB."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from esi.agent.records import Kept
from esi.agent.seen import STATUS, Value
from esi.model.target import FAIL
from esi.model.target import Target as Watching

SAMPLES = 240
"""Kept of each value: four hours at one look a minute."""

MOST_SERIES = 20_000
"""More are not kept; the newest of each is still told to Prometheus."""

Sample = tuple[float, float]


class Samples:
    """Ring buffers by target id and value key."""

    def __init__(self, *, most: int = MOST_SERIES, length: int = SAMPLES) -> None:
        self._most = most
        self._length = length
        self._series: dict[str, dict[str, deque[Sample]]] = {}
        self._count = 0

    def add(self, id: str, values: Mapping[str, Value]) -> None:
        """Keep what was seen last."""
        for key, one in values.items():
            number = as_number(one.value)
            if number is None:
                continue
            kept = self._series.setdefault(id, {})
            if key not in kept:
                if self._count >= self._most:
                    continue
                kept[key] = deque(maxlen=self._length)
                self._count += 1
            if not kept[key] or kept[key][-1][0] < one.reported:
                kept[key].append((one.reported, number))

    def of(self, id: str) -> dict[str, list[Sample]]:
        return {key: list(samples) for key, samples in self._series.get(id, {}).items()}

    def forget(self, id: str) -> None:
        self._count -= len(self._series.pop(id, {}))


def as_number(value: Any) -> float | None:
    """Counters as they are; words are 0 for FAIL and DOWN, 1 for others; of several words the worst."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return min((as_number(one) or 0.0 for one in value.values()), default=0.0)
    return 0.0 if value in (FAIL, "DOWN") else 1.0


def series(target: Watching, key: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Name and labels of each series that a value feeds: what its syncer says, one per set of tags."""
    entry = target.syncer_properties.get("tsdb", {}).get(key)
    if entry is None:
        return
    tags = entry.get("tags") or {}
    for one in tags if isinstance(tags, list) else [tags]:
        labels = {str(name): str(value) for name, value in one.items()} if isinstance(one, Mapping) else {}
        yield str(entry["metric"]), labels


def build_points(target: Watching, values: Mapping[str, Value], at: float) -> Iterator[dict[str, Any]]:
    """What the look at `at` has seen, in OpenTSDB's form: counters as they are, whole seconds. A value of an earlier
    look is none of it. OpenTSDB wants a tag at least, and none that is empty.
    """
    for key, one in values.items():
        number = as_number(one.value)
        if one.reported != at or number is None or not math.isfinite(number):
            continue
        for metric, labels in series(target, key):
            tags = {_put_word(name): _put_word(text) for name, text in labels.items() if name and text}
            tags = tags or {"resource_id": target.resource_id}
            yield {"metric": _put_word(metric), "timestamp": int(at), "value": number, "tags": tags}


def _put_word(text: str) -> str:
    return "".join(one if one.isalnum() or one in "-_./" else "_" for one in text)


def as_prometheus(watched: Iterable[tuple[Kept, Mapping[str, Value]]], own: Mapping[str, float]) -> str:
    """The text format 0.0.4: every series by its metric's name, `esi_target_up`, and the agent's own counters."""
    groups: dict[str, list[str]] = {}
    for kept, values in watched:
        target = kept.target
        for key, one in values.items():
            number = as_number(one.value)
            if number is None:
                continue
            for metric, labels in series(target, key):
                _line(groups, f"esi_{metric}", {"resource_type": target.resource_type, **labels}, number)
            if key == STATUS:
                about = {"resource_type": target.resource_type, "resource_id": target.resource_id}
                _line(groups, "esi_target_up", {**about, "field_name": target.field_name, "id": target.id}, number)
    for name, value in own.items():
        _line(groups, f"esi_agent_{name}", {}, value)
    return "".join(f"# TYPE {name} untyped\n" + "".join(lines) for name, lines in sorted(groups.items()))


def _line(groups: dict[str, list[str]], name: str, labels: Mapping[str, str], value: float) -> None:
    plain = _word(name)
    inside = ",".join(f'{_word(label)}="{_escaped(text)}"' for label, text in sorted(labels.items()))
    groups.setdefault(plain, []).append(f"{plain}{{{inside}}} {value:.10g}\n" if inside else f"{plain} {value:.10g}\n")


def _word(name: str) -> str:
    return "".join(one if one.isascii() and (one.isalnum() or one == "_") else "_" for one in name)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
