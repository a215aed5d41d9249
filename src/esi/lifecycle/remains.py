"""What may be left outside when a record is dropped by force: asked of whoever keeps book of stacks, and told.

Names of devices and places in their configuration; never a value, so never a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from esi.errors import TemporaryError
from esi.model.resource import Body, Ref

UNKNOWN = "what is left on devices is not known: the workers' records could not be read"


class Remains(Protocol):
    async def of(self, ref: Ref) -> Sequence[Body]:
        """Each {"device", "path"}, or {"type", "id"} for what is not on a device. TemporaryError: not now."""
        ...


async def what_is_left(remains: Remains | None, ref: Ref) -> list[Body] | None:
    """None when nobody can tell."""
    if remains is None:
        return None
    try:
        return list(await remains.of(ref))
    except TemporaryError:
        return None


def tell(left: Sequence[Body] | None) -> str:
    if left is None:
        return UNKNOWN
    if not left:
        return "nothing is left on any device"
    return "may be left: " + "; ".join(" ".join(map(str, item.values())) for item in left)
