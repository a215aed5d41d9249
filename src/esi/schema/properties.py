"""Properties and relations of one schema document, with every flag that the pipeline asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from esi.schema.formats import FORMATS, HINTS
from esi.schema.model import Kind, Property, Relation
from esi.telemetry import is_secret

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_:-]{0,62}")
KINDS = frozenset({"string", "integer", "number", "boolean", "object", "array"})


def build_properties(schema: Mapping[str, Any], faults: list[str]) -> dict[str, Property]:
    """The first-level properties in their order: propertiesOrder first, the others as written. `id` is always there."""
    documents: dict[str, Any] = dict(schema.get("properties") or {})
    documents.setdefault("id", {"type": "string", "title": "ID", "description": "The resource's id"})
    order = [name for name in schema.get("propertiesOrder") or [] if name in documents]
    faults.extend(
        f"propertiesOrder names {name!r}, which is no property"
        for name in schema.get("propertiesOrder") or []
        if name not in documents
    )
    required = set(schema.get("required") or [])
    faults.extend(f"required names {name!r}, which is no property" for name in sorted(required - set(documents)))
    properties: dict[str, Property] = {}
    taken: set[str] = set()
    for name in dict.fromkeys([*order, *documents]):
        document = documents[name]
        if not isinstance(document, dict):
            faults.append(f"property {name!r} must be a mapping")
        elif not isinstance(name, str) or not PROPERTY.fullmatch(name):
            faults.append(f"property {name!r}: a name is a letter, then letters, digits, _, : or -, at most 63")
        elif name.lower() in taken:
            faults.append(f"property {name!r} differs from another only in upper and lower case")
        else:
            taken.add(name.lower())
            properties[name] = _property(name, document, name in required, faults)
    return properties


def _property(name: str, document: dict[str, Any], required: bool, faults: list[str]) -> Property:
    permission = document.get("permission") or []
    if not isinstance(permission, list) or set(permission) - {"create", "update"}:
        faults.append(f"property {name!r}: permission is a list of create and update")
        permission = []
    for place, form in _formats(document, name):
        if form not in FORMATS and form not in HINTS:
            faults.append(f"property {place!r}: unknown format {form!r}")
    kind, null = _kind(name, document, faults)
    has_default = "default" in document or (kind == "object" and _has_inner_default(document))
    relation = document.get("relation")
    return Property(
        name=name,
        kind=kind,
        document=document,
        title=str(document.get("title") or name),
        description=str(document.get("description") or ""),
        create="create" in permission,
        update="update" in permission,
        required=required,
        nullable=null or (not required and "default" not in document),
        has_default=has_default,
        default=document.get("default"),
        unique=bool(document.get("unique")) and name != "id",
        indexed=bool(document.get("indexed")),
        relation=relation if isinstance(relation, str) else None,
        format=document.get("format"),
        secret=bool(document.get("secret")),
        raw=bool(document.get("raw")),
    )


def _kind(name: str, document: Mapping[str, Any], faults: list[str]) -> tuple[Kind, bool]:
    types = document.get("type")
    words = types if isinstance(types, list) else [types]
    real = [word for word in words if word != "null"]
    if not real or any(word not in KINDS for word in real):
        faults.append(f"property {name!r}: type {types!r} is not known")
        return "json", True
    return ("json" if len(real) > 1 else cast(Kind, real[0])), "null" in words


def _has_inner_default(document: Mapping[str, Any]) -> bool:
    inner = document.get("properties")
    return isinstance(inner, dict) and any(
        isinstance(value, dict) and ("default" in value or _has_inner_default(value)) for value in inner.values()
    )


def _formats(document: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    if "format" in document:
        yield place, document["format"]
    for path, inner in _inner(document):
        yield from _formats(inner, f"{place}.{path}" if path else place)


def _inner(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Nested property documents with their names; the items of a list carry the list's name."""
    properties = document.get("properties")
    if isinstance(properties, dict):
        for name, inner in properties.items():
            if isinstance(inner, dict):
                yield str(name), inner
    items = document.get("items")
    if isinstance(items, dict):
        yield "", items


def build_relations(properties: Mapping[str, Property]) -> tuple[Relation, ...]:
    """Every relation: first-level strings, lists of ids, members of nested objects and of objects in lists."""
    found: list[Relation] = []
    for item in properties.values():
        _relations(item.document, (item.name,), in_list=False, optional=not item.required, found=found)
    return tuple(found)


def _relations(
    document: Mapping[str, Any], steps: tuple[str, ...], *, in_list: bool, optional: bool, found: list[Relation]
) -> None:
    target = document.get("relation")
    if isinstance(target, str):
        inside = document.get("type") == "array"
        column = len(steps) == 1 and not in_list and not inside
        may_be_empty = str(document.get("format") or "").endswith("-or-empty") or inside
        found.append(Relation(".".join(steps), steps, target, in_list or inside, column, may_be_empty, optional))
        return
    for name, inner in _inner(document):
        _relations(inner, (*steps, name) if name else steps, in_list=in_list or not name, optional=True, found=found)


def flagged(properties: Mapping[str, Property], flag: str) -> frozenset[str]:
    """Dotted paths of properties that carry a flag of ours (`secret`, `raw`) at any depth."""
    return frozenset(path for item in properties.values() for path in _flagged(item.document, item.name, flag))


def _flagged(document: Mapping[str, Any], place: str, flag: str) -> Iterator[str]:
    if document.get(flag):
        yield place
        return
    for name, inner in _inner(document):
        yield from _flagged(inner, f"{place}.{name}" if name else place, flag)


def masked_in_messages(properties: Mapping[str, Property]) -> frozenset[str]:
    """First-level names whose values must not stand in an error: secrets, and names that telemetry masks."""
    inner = {path.split(".")[0] for path in flagged(properties, "secret")}
    return frozenset(inner | {name for name in properties if is_secret(name)})


def values_at(body: Mapping[str, Any], steps: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The values that a relation's steps lead to, each with its path including list indexes."""
    todo: list[tuple[str, Any, int]] = [("", body, 0)]
    while todo:
        place, value, depth = todo.pop()
        if isinstance(value, list):
            todo.extend((f"{place}[{index}]", item, depth) for index, item in reversed(list(enumerate(value))))
        elif depth == len(steps):
            yield place, value
        elif isinstance(value, dict) and steps[depth] in value:
            name = steps[depth]
            todo.append((f"{place}.{name}" if place else name, value[name], depth + 1))
