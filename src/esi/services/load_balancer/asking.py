"""What every page here asks: the rows that others refer to, and the error for one field."""

from __future__ import annotations

from esi.plugin import Invalid, Query, Ref, Resource, Tx


def refuse(path: str, text: str) -> Invalid:
    """The error for one field."""
    return Invalid("the request cannot be accepted", [(path, text)])


async def found(tx: Tx, schema: str, id: str, path: str) -> Resource:
    """The row behind a reference at `path`."""
    row = await tx.get(Ref(schema, id)) if id else None
    if row is None:
        raise refuse(path, f"there is no {schema} with this id")
    return row


async def of(tx: Tx, schema: str, **values: str) -> list[Resource]:
    """The rows whose properties have these values."""
    return await tx.list(schema, Query(filters={name: [value] for name, value in values.items()}))
