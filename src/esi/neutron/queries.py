"""What the query of a list means: filters, order, a page that begins behind a marker, and which fields. Pure.

    <property>=<value>          one of several values that are given; for a list: holds one of them
    fixed_ips=ip_address=<ip>   also subnet_id=, ip_address_substr=
    tags=<tag>,<tag>            all of them
    fields, sort_key, sort_dir (both repeated), limit, marker, page_reverse

The store compares what it has columns for; the rest is compared here, on what is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esi.errors import Invalid
from esi.identity.accounts import HOME
from esi.model.resource import Body
from esi.neutron.errors import not_found
from esi.neutron.kinds import BOUND, BUILD, BUILDING, Kind
from esi.schema import Property, Schema
from esi.schema.validation import clean
from esi.store import Query

Values = Mapping[str, Sequence[str]]
"""A query: each name with all of its values."""

WORDS = frozenset({"fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse", "verbose"})
PROVIDER = "provider:"
TRUE, FALSE = frozenset({"true", "1", "yes", "on", "t"}), frozenset({"false", "0", "no", "off", "f"})
LISTS = ("object", "array", "json")
LONGEST_NUMBER = 18
"""Digits of a number that a column can hold."""


@dataclass(frozen=True, slots=True)
class Asked:
    """`query` is for the lifecycle, `tests` for what it gives; `limit` 0 means all."""

    query: Query
    tests: tuple[Callable[[Body], bool], ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    limit: int = 0
    marker: str = ""
    backwards: bool = False
    fields: frozenset[str] = frozenset()


@dataclass(slots=True)
class Filters:
    columns: dict[str, list[Any]] = field(default_factory=dict)
    tests: list[Callable[[Body], bool]] = field(default_factory=list)


def parse(values: Values, kind: Kind, schema: Schema) -> Asked:
    """Invalid names what is not understood: a filter that has no effect would tell too much."""
    filters = Filters()
    for name, given in values.items():
        if name not in WORDS:
            _filter("tenant_id" if name == "project_id" else name, given, filters, kind, schema)
    return Asked(
        Query(filters=filters.columns),
        tuple(filters.tests),
        _sort(values, schema),
        _limit(_one(values, "limit")),
        _one(values, "marker"),
        _one(values, "page_reverse").lower() in TRUE,
        fields_of(values),
    )


def fields_of(values: Values) -> frozenset[str]:
    return frozenset(name for name in values.get("fields", ()) if name)


def only(body: Body, fields: Iterable[str]) -> Body:
    """The fields that are asked for; all when none is."""
    wanted = frozenset(fields)
    return {name: value for name, value in body.items() if name in wanted} if wanted else body


def chosen(bodies: Sequence[Body], asked: Asked, kind: Kind) -> tuple[list[Body], dict[str, str]]:
    """The page that is asked for, in its order, and the markers of its neighbours by `next` and `previous`."""
    found = [body for body in bodies if all(test(body) for test in asked.tests)]
    for name, descending in reversed(asked.sort):
        found.sort(key=lambda body: _rank(body.get(name)), reverse=descending)  # sorted at once
    if asked.marker:
        place = next((place for place, body in enumerate(found) if body["id"] == asked.marker), None)
        if place is None:
            raise not_found(kind.title, kind.in_words, clean(asked.marker))
        found = found[:place] if asked.backwards else found[place + 1 :]
    if not asked.limit:
        return found, {}
    page = found[-asked.limit :] if asked.backwards else found[: asked.limit]
    if not page:
        return [], {}
    more = {"next": page[-1]["id"]} if asked.backwards or len(found) > asked.limit else {}
    before = {"previous": page[0]["id"]} if (len(found) > asked.limit if asked.backwards else asked.marker) else {}
    return page, {**more, **before}


def _filter(name: str, given: Sequence[str], filters: Filters, kind: Kind, schema: Schema) -> None:
    item = schema.properties.get(name)
    if name in kind.constants:
        filters.tests.append(_constant(kind.constants[name], given))
    elif name == "fixed_ips" and item is not None:
        filters.tests.append(_addresses(given))
    elif name == "tags" and item is not None:
        wanted = {tag for text in given for tag in text.split(",")}
        filters.tests.append(lambda body: wanted <= set(body.get("tags") or ()))
    elif item is None and name.startswith((BOUND, PROVIDER)):
        filters.tests.append(_constant("", given))
    elif item is None or (item.kind in LISTS and item.document.get("items", {}).get("type") != "string"):
        raise Invalid(f"{clean(name)} is no attribute that {kind.plural} can be filtered by")
    elif item.kind in LISTS:
        filters.tests.append(lambda body: not set(given).isdisjoint(body.get(name) or ()))
    else:
        filters.columns[name] = [value for text in given for value in _values(item, text)]


def _constant(value: Any, given: Sequence[str]) -> Callable[[Body], bool]:
    text = "" if value is None else str(value).lower()
    found = text in {one.lower() for one in given}
    return lambda _body: found


def _addresses(given: Sequence[str]) -> Callable[[Body], bool]:
    """Each word that is given must fit one of the port's addresses; several values of one word: any of them."""
    wanted: dict[str, set[str]] = {}
    for text in given:
        word, _, value = text.partition("=")
        if word not in ("ip_address", "subnet_id", "ip_address_substr") or not value:
            raise Invalid("fixed_ips is filtered by ip_address=, subnet_id= or ip_address_substr=")
        wanted.setdefault(word, set()).add(value)

    def fits(body: Body) -> bool:
        found = body.get("fixed_ips") or ()
        exact = all(
            any(item.get(word) in values for item in found)
            for word, values in wanted.items()
            if word != "ip_address_substr"
        )
        parts = wanted.get("ip_address_substr", ())
        return exact and (not parts or any(p in (item.get("ip_address") or "") for item in found for p in parts))

    return fits


def _values(item: Property, text: str) -> list[Any]:
    """What a filter's text means in the column: what is told as one word may stand there as several."""
    if item.kind == "boolean":
        if text.lower() not in TRUE | FALSE:
            raise Invalid(f"'{clean(text)}' is not of the form <{item.name}>=[true|false]")
        return [text.lower() in TRUE]
    if item.kind in ("integer", "number"):
        if not text.lstrip("-").isdecimal() or not text.isascii() or len(text) > LONGEST_NUMBER:
            raise Invalid(f"'{clean(text)}' is not an integer, as {item.name} is")
        return [int(text)]
    if item.name == "status" and text == BUILD:
        return sorted(BUILDING)
    if item.name == "tenant_id" and text == HOME:
        return [HOME, None]
    return ["", None] if text == "" else [text]


def _sort(values: Values, schema: Schema) -> tuple[tuple[str, bool], ...]:
    """Names with whether they descend. Ends with the id, so that pages have no gaps."""
    keys = ["tenant_id" if key == "project_id" else key for key in values.get("sort_key", ())]
    directions = list(values.get("sort_dir", ()))
    for key in keys:
        if not schema.has(key) or schema.properties[key].kind in LISTS:
            raise Invalid(f"{clean(key)} is no attribute to sort by")
    if len(directions) > len(keys) or not set(directions) <= {"asc", "desc"}:
        raise Invalid("sort_dir is asc or desc, once for each sort_key")
    directions += ["asc"] * (len(keys) - len(directions))
    sorting = [(key, direction == "desc") for key, direction in zip(keys, directions, strict=True)]
    return (*sorting, ("id", False)) if "id" not in keys else tuple(sorting)


def _limit(text: str) -> int:
    """All, for nothing, 0, below, and Neutron's word for it."""
    if text in ("", "infinite") or (text.startswith("-") and text[1:].isdecimal()):
        return 0
    if not text.isdecimal() or not text.isascii() or len(text) > LONGEST_NUMBER:
        raise Invalid(f"limit must be an integer 0 or greater and not '{clean(text)}'")
    return int(text)


def _rank(value: Any) -> tuple[bool, Any]:
    """None stands last."""
    return (value is None, "" if value is None else value)


def _one(values: Values, name: str) -> str:
    return values[name][-1] if values.get(name) else ""
