"""The objects that an agent shows, in the order of their names.

They are laid out once per layout of the device: when a port or a session comes or goes. Values are read when asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator

from esi.lab.ber import Binding, Oid, Value

SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
INTERFACES: Oid = (1, 3, 6, 1, 2, 1, 2)
IF: Oid = (*INTERFACES, 2, 1)
IF_X: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)

Read = Callable[[], Value]


class Objects:
    """Objects by name. A device says what its layout is now, and which objects there are under it."""

    def __init__(self) -> None:
        self._layout: object = None
        self._names: list[Oid] = []
        self._reads: dict[Oid, Read] = {}

    def layout(self) -> object:
        """Equal as long as the same objects are there."""
        raise NotImplementedError

    def objects(self) -> Iterator[tuple[Oid, Read]]:
        raise NotImplementedError

    def get(self, name: Oid) -> Value | None:
        """The value of an object, None when there is none of this name."""
        read = self.find(name)
        return read() if read is not None else None

    def find(self, name: Oid) -> Read | None:
        """How an object is read. A device that knows it without laying out everything says so here."""
        self._lay_out()
        return self._reads.get(name)

    def after(self, name: Oid) -> Binding | None:
        """The first object behind a name, None at the end."""
        self._lay_out()
        at = bisect_right(self._names, name)
        return Binding(self._names[at], self._reads[self._names[at]]()) if at < len(self._names) else None

    def has_object(self, name: Oid) -> bool:
        """Whether a name is below an object that there is, though not this instance of it."""
        self._lay_out()
        at = bisect_right(self._names, name)
        around = self._names[max(at - 1, 0) : at + 1]
        return any(len(one) <= len(name) + 2 and one[: len(name) - 1] == name[:-1] for one in around)

    def _lay_out(self) -> None:
        layout = self.layout()
        if layout != self._layout:
            self._reads = dict(self.objects())
            self._names = sorted(self._reads)
            self._layout = layout


def fixed(tag: int, value: int | bytes | Oid) -> Read:
    known = Value(tag, value)
    return lambda: known
