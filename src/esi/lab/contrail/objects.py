"""The objects of a Contrail: by uuid and by name, with what stands under them and what refers to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Name = tuple[str, ...]
Pair = tuple[str, str]


class Refused(Exception):
    """An answer in plain text, as Contrail gives it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(slots=True)
class Standing:
    """An object: `refs` are (type, uuid) → attr, in the order of their making."""

    type: str
    uuid: str
    fq_name: Name
    parent: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    refs: dict[Pair, Any] = field(default_factory=dict)
    created: str = ""
    modified: str = ""

    def ref(self, type: str) -> str:
        """The uuid of the first that it refers to of a type, "" without."""
        return next((uuid for kind, uuid in self.refs if kind == type), "")


class Objects:
    def __init__(self) -> None:
        self._all: dict[str, Standing] = {}
        self._names: dict[tuple[str, Name], str] = {}
        self._children: dict[str, dict[str, None]] = {}
        self._referrers: dict[str, dict[str, None]] = {}

    def __iter__(self) -> Iterator[Standing]:
        return iter(tuple(self._all.values()))

    def get(self, uuid: str) -> Standing | None:
        return self._all.get(uuid)

    def of(self, type: str, uuid: str) -> Standing | None:
        found = self._all.get(uuid)
        return found if found is not None and found.type == type else None

    def named(self, type: str, fq_name: Iterable[str]) -> Standing | None:
        uuid = self._names.get((type, tuple(fq_name)))
        return self._all[uuid] if uuid is not None else None

    def add(self, one: Standing) -> None:
        self._all[one.uuid] = one
        self._names[one.type, one.fq_name] = one.uuid
        if one.parent:
            self._children.setdefault(one.parent, {})[one.uuid] = None
        for _, uuid in one.refs:
            self._referrers.setdefault(uuid, {})[one.uuid] = None

    def remove(self, one: Standing) -> None:
        self.refer(one, {})
        del self._all[one.uuid], self._names[one.type, one.fq_name]
        self._children.get(one.parent, {}).pop(one.uuid, None)
        self._children.pop(one.uuid, None)
        self._referrers.pop(one.uuid, None)

    def refer(self, one: Standing, refs: Mapping[Pair, Any]) -> None:
        """From now on `one` refers to these."""
        for _, uuid in one.refs:
            self._referrers.get(uuid, {}).pop(one.uuid, None)
        one.refs = dict(refs)
        for _, uuid in one.refs:
            self._referrers.setdefault(uuid, {})[one.uuid] = None

    def children(self, one: Standing) -> list[Standing]:
        return [self._all[uuid] for uuid in self._children.get(one.uuid, ())]

    def referrers(self, one: Standing, type: str = "") -> list[Standing]:
        found = (self._all[uuid] for uuid in self._referrers.get(one.uuid, ()))
        return [other for other in found if type in ("", other.type)]


def listed(words: Iterable[str]) -> str:
    """A list as the API server of that time prints it."""
    return f"[{', '.join(f'u{word!r}' for word in words)}]"
