"""Compare a recorded tree with ours, leaf by leaf, and count every leaf: nothing is passed over in silence.

    compared       equal as it stands
    mapped         equal once ids that differ in every run are mapped, or where the record masks a secret
    ignored        a rule says why; each is counted, and one that ignores nothing, or what is equal, is itself a fault
    difference     neither: the path, what is recorded and what is ours
    not recorded   a key that only our side has; listed, not a fault

Ids are mapped one to one: `Ids.learn` names the pairs that are known (a role each: what was posted and what came back);
a pair of whole ids that nobody knows yet is learned where it first stands, and must fit everywhere else.
Paths look like `vpn/jobs.old[3].params.md5.value`; a dot inside a key is kept as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
_MASKED = re.compile(r"\*{3,}")
ABSENT = "(absent)"


class Ids:
    """Which of our ids stands for which recorded one; one to one."""

    def __init__(self) -> None:
        self.ours: dict[str, str] = {}
        self._recorded: dict[str, str] = {}

    def learn(self, recorded: str, ours: str) -> bool:
        """Pair two ids; False when either is paired with another already."""
        if self.ours.setdefault(recorded, ours) != ours:
            return False
        return self._recorded.setdefault(ours, recorded) == recorded

    def knows(self, recorded: str) -> bool:
        return recorded in self.ours

    def translate(self, text: str) -> str:
        """A recorded text with every known id in it replaced by ours."""
        return _ID.sub(lambda found: self.ours.get(found.group(), found.group()), text)

    def translated(self, value: Any) -> Any:
        """A recorded tree with known ids replaced, keys too."""
        if isinstance(value, str):
            return self.translate(value)
        if isinstance(value, list):
            return [self.translated(item) for item in value]
        if isinstance(value, dict):
            return {self.translate(key): self.translated(item) for key, item in value.items()}
        return value

    def learn_from(self, recorded: Any, ours: Any) -> None:
        """Pair the ids of two trees of the same form, where both have whole ids that are not known yet."""
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for key in recorded.keys() & ours.keys():
                self.learn_from(recorded[key], ours[key])
        elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
            for one, other in zip(recorded, ours, strict=True):
                self.learn_from(one, other)
        elif is_id(recorded) and is_id(ours) and not self.knows(recorded):
            self.learn(recorded, ours)


def is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


@dataclass(slots=True)
class Rule:
    """Leaves to pass over: `path` is a pattern (`*` matches anything), `reason` says why, `group` where to count it.

    With `having`, only objects whose members match: a dotted member path, "" for the value itself, to a pattern for
    the text there. `used` counts the leaves it takes, `equal` those of them that need no rule.
    """

    path: str
    reason: str
    group: str
    having: Mapping[str, str] = field(default_factory=dict)
    used: int = 0
    equal: int = 0

    def matches(self, path: str, recorded: Any) -> bool:
        if not fnmatchcase(path, self.path):
            return False
        return all(
            _member_matches(recorded, name.split(".") if name else (), pattern) for name, pattern in self.having.items()
        )


def _member_matches(value: Any, steps: Sequence[str], pattern: str) -> bool:
    for step in steps:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return fnmatchcase(str(value), pattern)


def read_rules(documents: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """Rules from the entries {path, reason, group, having} of a file; `[` in a path stands for itself."""
    return [
        Rule(item["path"].replace("[", "[[]"), item["reason"], item["group"], item.get("having") or {})
        for item in documents
    ]


@dataclass(frozen=True, slots=True)
class Difference:
    path: str
    recorded: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.path}: recorded {self.recorded!r}, ours {self.ours!r}"


@dataclass(slots=True)
class Tally:
    """What a comparison found."""

    compared: int = 0
    mapped: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    not_recorded: list[str] = field(default_factory=list)

    @property
    def leaves(self) -> int:
        """Recorded leaves seen: must equal the leaves of the record."""
        return self.compared + self.mapped + self.ignored.total() + len(self.differences)

    def add(self, other: Tally) -> None:
        self.compared += other.compared
        self.mapped += other.mapped
        self.ignored += other.ignored
        self.differences += other.differences
        self.not_recorded += other.not_recorded

    def line(self) -> str:
        passed = ", ".join(f"{count} {group}" for group, count in sorted(self.ignored.items())) or "none"
        return (
            f"{self.leaves} leaves: {self.compared} compared, {self.mapped} mapped, {len(self.differences)} different, "
            f"{self.ignored.total()} ignored ({passed}); {len(self.not_recorded)} not recorded"
        )


def leaves(tree: Any) -> Iterator[Any]:
    """All leaves of a tree; an empty object or list is one leaf."""
    if isinstance(tree, dict) and tree:
        for item in tree.values():
            yield from leaves(item)
    elif isinstance(tree, list) and tree:
        for item in tree:
            yield from leaves(item)
    else:
        yield tree


class Comparison:
    """One comparison: ids known so far, rules for what is passed over, and patterns of paths where lists are sets."""

    def __init__(self, ids: Ids, rules: Sequence[Rule] = (), sets: Sequence[str] = ()) -> None:
        self.ids = ids
        self.tally = Tally()
        self._rules = rules
        self._sets = [pattern.replace("[", "[[]") for pattern in sets]

    def compare(self, recorded: Any, ours: Any, path: str = "") -> Tally:
        """Walk both trees; the result is also added to `tally`."""
        before = self.tally
        self.tally = Tally()
        self._walk(recorded, ours, path)
        found, self.tally = self.tally, before
        self.tally.add(found)
        return found

    def _walk(self, recorded: Any, ours: Any, path: str) -> None:
        rule = self._rule(path, recorded)
        if rule is not None:
            count = sum(1 for _ in leaves(recorded))
            rule.used += count
            rule.equal += sum(1 for one, other in _pairs(recorded, ours) if _same(one, other))
            self.tally.ignored[rule.group] += count
        elif isinstance(recorded, dict) and recorded and isinstance(ours, dict):
            self._objects(recorded, ours, path)
        elif isinstance(recorded, list) and recorded and isinstance(ours, list):
            self._lists(recorded, ours, path)
        elif isinstance(recorded, dict | list) and recorded:
            self._absent(recorded, ours, path)
        else:
            self._leaf(recorded, ours, path)

    def _rule(self, path: str, recorded: Any) -> Rule | None:
        return next((rule for rule in self._rules if rule.matches(path, recorded)), None)

    def _objects(self, recorded: Mapping[str, Any], ours: Mapping[str, Any], path: str) -> None:
        seen = set()
        for name, item in recorded.items():
            key = self.ids.translate(name)
            seen.add(key)
            place = f"{path}.{name}" if path else name
            self._walk(item, ours[key], place) if key in ours else self._absent(item, ABSENT, place)
        for name in ours.keys() - seen:
            self.tally.not_recorded.append(f"{path}.{name}" if path else name)

    def _lists(self, recorded: Sequence[Any], ours: Sequence[Any], path: str) -> None:
        theirs: list[Any] = list(ours)
        if any(fnmatchcase(path, pattern) for pattern in self._sets):
            theirs = self._paired(recorded, theirs)
        for index, item in enumerate(recorded):
            place = f"{path}[{index}]"
            self._walk(item, theirs[index], place) if index < len(theirs) else self._absent(item, ABSENT, place)
        self.tally.differences.extend(
            Difference(f"{path}[{index}]", ABSENT, theirs[index]) for index in range(len(recorded), len(theirs))
        )

    def _paired(self, recorded: Sequence[Any], ours: list[Any]) -> list[Any]:
        """Our members in the order of the recorded ones that they equal; what fits nothing comes in between."""
        rest = list(ours)
        order: list[Any] = []
        for item in recorded:
            wanted = self.ids.translated(item)
            order.append(rest.pop(rest.index(wanted)) if wanted in rest else ABSENT)
        free = iter(rest)
        return [next(free, ABSENT) if item is ABSENT else item for item in order] + list(free)

    def _absent(self, recorded: Any, ours: Any, path: str) -> None:
        """Nothing of this form on our side: every recorded leaf is a difference, unless a rule takes it."""
        rule = self._rule(path, recorded)
        if rule is not None:
            self._walk(recorded, ours, path)
        elif isinstance(recorded, dict) and recorded:
            for name, item in recorded.items():
                self._absent(item, ours, f"{path}.{name}" if path else name)
        elif isinstance(recorded, list) and recorded:
            for index, item in enumerate(recorded):
                self._absent(item, ours, f"{path}[{index}]")
        else:
            self.tally.differences.append(Difference(path, recorded, ours))

    def _leaf(self, recorded: Any, ours: Any, path: str) -> None:
        known = isinstance(recorded, str) and self.ids.translate(recorded) != recorded
        if _same(recorded, ours) and not known:
            self.tally.compared += 1
        elif isinstance(recorded, str) and self._mapped(recorded, ours):
            self.tally.mapped += 1
        else:
            self.tally.differences.append(Difference(path, recorded, ours))

    def _mapped(self, recorded: str, ours: Any) -> bool:
        if not isinstance(ours, str):
            return False
        if _MASKED.fullmatch(recorded):
            return ours != ""
        if is_id(recorded) and is_id(ours) and not self.ids.knows(recorded):
            return self.ids.learn(recorded, ours)
        return self.ids.translate(recorded) == ours


def _pairs(recorded: Any, ours: Any) -> Iterator[tuple[Any, Any]]:
    """The recorded leaves that have one of ours at the same place."""
    if isinstance(recorded, dict) and recorded and isinstance(ours, dict):
        for name in recorded.keys() & ours.keys():
            yield from _pairs(recorded[name], ours[name])
    elif isinstance(recorded, list) and recorded and isinstance(ours, list):
        for one, other in zip(recorded, ours, strict=False):
            yield from _pairs(one, other)
    else:
        yield recorded, ours


def _same(recorded: Any, ours: Any) -> bool:
    """Equal, and of the same JSON type: 1 is not true, and "1" is not 1; 830 and 830.0 are one number."""
    if isinstance(recorded, bool) or isinstance(ours, bool):
        return recorded is ours
    return bool(recorded == ours)


class Aligned(NamedTuple):
    """Ours in the order of the record, ABSENT where nothing of ours is meant; whether that is also our own order."""

    ours: list[Any]
    in_order: bool


def align(recorded: Sequence[Any], ours: Sequence[Any], same: Callable[[Any, Any], bool]) -> Aligned:
    """For each recorded entry the first of ours that `same(recorded, ours)` takes for it and that is not taken yet."""
    free = dict(enumerate(ours))
    places = []
    for item in recorded:
        place = next((place for place, candidate in free.items() if same(item, candidate)), None)
        if place is not None:
            del free[place]
        places.append(place)
    taken = [place for place in places if place is not None]
    return Aligned([ABSENT if place is None else ours[place] for place in places], taken == sorted(taken))
