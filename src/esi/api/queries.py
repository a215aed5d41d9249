"""Query strings of lists: Gohan's words, every other key a property to filter by.

sort_key, sort_order (asc, desc)    limit, offset    any_of=true    search_field=<property> (contains)
_fields=<property>                  _details, fields (accepted, without effect)
wait=<seconds>                      of one resource only (esi.api.waiting)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from esi.errors import Invalid
from esi.schema import Property, Schema
from esi.schema.validation import clean
from esi.store import Query

MOST_FIELDS = 500
"""Keys that a query string may have."""

WORDS = frozenset(
    {"sort_key", "sort_order", "limit", "offset", "any_of", "search_field", "_fields", "_details", "fields", "wait"}
)
TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
FALSE = frozenset({"0", "f", "false", "n", "no", "off"})
BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query string asks for; `fields` None means all, `wait` is in seconds."""

    query: Query
    fields: frozenset[str] | None
    wait: int = 0


def parse_query(text: bytes, schema: Schema, parent: tuple[str, str] | None = None) -> Asked:
    """Invalid names whatever is not understood."""
    words: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS):
            words.setdefault(name, []).append(value)
    except ValueError as error:
        raise Invalid(f"the query string has more than {MOST_FIELDS} keys") from error
    unknown = sorted(clean(name) for name in words if name not in WORDS and not schema.has(name))
    if unknown:
        faults = [(name, "is not a property") for name in unknown]
        raise Invalid(f"Unrecognized query parameters: {', '.join(unknown)}", faults)
    filters: dict[str, list[Any]] = {
        name: [_value(schema.properties[name], value) for value in values]
        for name, values in words.items()
        if name not in WORDS
    }
    if parent is not None:
        if _flag(words, "any_of"):
            raise Invalid("any_of has no meaning below a parent", [("any_of", "filter by the parent's id instead")])
        filters[parent[0]] = [parent[1]]
    search = words.get("search_field", [])
    for name in search:
        if name not in filters:
            raise Invalid(f"search value for {clean(name)} not available in URL")
    query = Query(
        filters=filters,
        any_of=_flag(words, "any_of"),
        search=frozenset(search),
        sort=_sort(words, schema),
        limit=_number(words, "limit"),
        offset=_number(words, "offset") or 0,
    )
    return Asked(query, _fields(words, schema), _number(words, "wait") or 0)


def forced(text: bytes) -> bool:
    """Whether a delete is asked for with `force=true`; Invalid when that is neither true nor false."""
    if b"force" not in text:
        return False
    words: dict[str, list[str]] = {}
    for name, value in parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS):
        words.setdefault(name, []).append(value)
    return _flag(words, "force")


def _fields(words: Mapping[str, list[str]], schema: Schema) -> frozenset[str] | None:
    names = words.get("_fields")
    if names is None:
        return None
    unknown = sorted(clean(name) for name in names if not schema.has(name))
    if unknown:
        raise Invalid(f"Schema {schema.id} has no property {unknown[0]}", [("_fields", "names no property")])
    return frozenset(names)


def _sort(words: Mapping[str, list[str]], schema: Schema) -> str:
    key, order = words.get("sort_key", ["id"])[-1], words.get("sort_order", ["asc"])[-1]
    if not schema.has(key):
        raise Invalid(
            f"Schema {schema.id} has no property {clean(key)} to sort by", [("sort_key", "is not a property")]
        )
    if order not in ("asc", "desc"):
        raise Invalid(f"Unknown sort order {clean(order)}", [("sort_order", "is asc or desc")])
    return key if order == "asc" else f"-{key}"


def _number(words: Mapping[str, list[str]], name: str) -> int | None:
    if name not in words:
        return None
    text = words[name][-1]
    if not text.isascii() or not text.isdigit() or int(text[:20]) > BIGGEST:
        raise Invalid(f"{name} must be a whole number, not negative", [(name, "must be a whole number")])
    return int(text)


def _flag(words: Mapping[str, list[str]], name: str) -> bool:
    text = words.get(name, ["false"])[-1].lower()
    if text not in TRUE | FALSE:
        raise Invalid(f"{name} is true or false", [(name, "is true or false")])
    return text in TRUE


def _value(item: Property, text: str) -> Any:
    """A filter's text as the kind of value that the column holds."""
    try:
        if item.kind == "boolean":
            if text.lower() not in TRUE | FALSE:
                raise ValueError(text)
            return text.lower() in TRUE
        if item.kind == "integer":
            return _whole(text)
        if item.kind == "number":
            return _whole(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError as error:
        raise Invalid(f"{item.name} is of type {item.kind}", [(item.name, f"is no {item.kind}")]) from error
    return text


def _whole(text: str) -> int:
    if len(text) > 20 or not text.isascii():
        raise ValueError(text)
    value = int(text)
    if abs(value) > BIGGEST:
        raise ValueError(text)
    return value
