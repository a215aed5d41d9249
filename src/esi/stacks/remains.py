"""What a resource's stack may have left outside, read off its record: devices and places, never values.

`half_made` is the sentence for a stack that has failed on one device while another one carries its lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from esi.kv import KV
from esi.model.keys import stack_name
from esi.model.resource import Body, Ref
from esi.stacks import Props
from esi.stacks.records import Book, ResourceRecord

Claims = Callable[[Props], frozenset[str]]
"""`StackResource.claims`: the device and the words of a path, one per line."""


class StackRemains:
    """`claims` by HOT type, for those types that write to devices."""

    def __init__(self, kv: KV, claims: Mapping[str, Claims]) -> None:
        self._kv = kv
        self._claims = claims

    async def of(self, ref: Ref) -> list[Body]:
        """{"device", "path"} for every place on a device, {"type", "id"} for what else was made."""
        record = await Book(self._kv, stack_name(ref), None).read()
        found: dict[tuple[str, ...], Body] = {}
        for item in record.resources.values() if record is not None else ():
            for one in [item, *(ResourceRecord(**old) for old in item.replaced)]:
                for body in self._left(one):
                    found[tuple(map(str, body.values()))] = body
        return [found[key] for key in sorted(found)]

    def _left(self, item: ResourceRecord) -> list[Body]:
        claims = self._claims.get(item.type)
        if claims is None:
            return [{"type": item.type, "id": item.physical_id}] if item.physical_id else []
        tried: list[Mapping[str, Any]] = [item.props] if item.physical_id else []
        places = {place for props in [*tried, *item.attempted] for place in claims(props)}
        return [_place(place) for place in places]


def half_made(resources: Iterable[ResourceRecord], claims: Callable[[ResourceRecord], frozenset[str]]) -> str:
    """Which devices carry lines of a stack of which another part could not be made; "" when it is whole, or nothing.
    `claims`: the places of what stands.
    """
    touched = [item for item in resources if item.touched]
    carrying = {str(_place(place)["device"]) for item in touched if item.physical_id for place in claims(item)}
    if not carrying or all(item.physical_id for item in touched):
        return ""
    names = sorted(carrying)
    verb = "carries" if len(names) == 1 else "carry"
    return f"{', '.join(names)} {verb} its lines; delete or retry cleans them"


def _place(text: str) -> Body:
    device, *words = text.split("\n")
    return {"device": device, "path": " ".join(word for word in words if word)}
