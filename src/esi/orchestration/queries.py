"""What the query of a list means: filters, order, and a page that begins behind a marker. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from esi.orchestration.bodies import HeatError
from esi.orchestration.index import Line

Values = Mapping[str, Sequence[str]]
"""A query: each name with all of its values."""

FILTERS: Mapping[str, Callable[[Line], tuple[str, ...]]] = {
    "id": lambda line: (line.id,),
    "name": lambda line: (line.name,),
    "stack_name": lambda line: (line.name,),
    "status": lambda line: (line.status, line.status.partition("_")[2]),
    "stack_status": lambda line: (line.status, line.status.partition("_")[2]),
    "action": lambda line: (line.status.partition("_")[0],),
    "tenant": lambda line: (line.tenant,),
    "project": lambda line: (line.tenant,),
    "owner_id": lambda _line: (),
    "username": lambda _line: (),
    "tags": lambda _line: (),
    "tags_any": lambda _line: (),
}
"""What a stack answers to each filter. Ours have no owner, no user and no tags."""

SORTS: Mapping[str, Callable[[Line], str | float]] = {
    "id": lambda line: line.id,
    "name": lambda line: line.name,
    "stack_name": lambda line: line.name,
    "status": lambda line: line.status,
    "stack_status": lambda line: line.status,
    "creation_time": lambda line: line.created,
    "created_at": lambda line: line.created,
    "updated_time": lambda line: line.updated,
    "updated_at": lambda line: line.updated,
}


def kept(lines: Sequence[Line], query: Values) -> list[Line]:
    """Those that every filter lets through; several values of one filter: any of them."""
    wanted = [(FILTERS[name], values) for name, values in query.items() if name in FILTERS]
    return [line for line in lines if all(set(of(line)) & set(values) for of, values in wanted)]


def ordered(lines: list[Line], query: Values) -> list[Line]:
    """As asked; without a word about it newest first, as they come."""
    words = [word for value in query.get("sort_keys", ()) for word in value.split(",")]
    unknown = sorted(set(words) - set(SORTS))
    if unknown:
        raise HeatError(400, f"Unsupported sort key: {unknown[0]}.")
    direction = one(query, "sort_dir", "asc")
    if direction not in ("asc", "desc"):
        raise HeatError(400, "The sort direction must be asc or desc.")
    for word in reversed(words):
        lines = sorted(lines, key=SORTS[word], reverse=direction == "desc")
    return lines


def page(lines: list[Line], query: Values) -> list[Line]:
    marker, limit = one(query, "marker"), one(query, "limit")
    if marker:
        place = next((index for index, line in enumerate(lines) if line.id == marker), None)
        if place is None:
            raise HeatError(400, "The marker is no stack of this list.")
        lines = lines[place + 1 :]
    if not limit:
        return lines
    if not limit.isdecimal() or len(limit) > 9:
        raise HeatError(400, "Only integer is allowed for limit, not below 0.")
    return lines[: int(limit)] if int(limit) else lines


def one(query: Values, name: str, default: str = "") -> str:
    """The last value of a name."""
    return query[name][-1] if query.get(name) else default


def yes(query: Values, name: str) -> bool:
    return one(query, name).lower() in ("1", "true", "yes", "on", "t", "y")
