"""Abstract schemas and parents: what a schema inherits is copied into it before anything is compiled.

`extends` lists abstract schemas; their properties, order, required names, metadata, actions, prefix and parent are
taken over and the schema's own keys win. `parent` adds a required create-only relation `<parent>_id`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from esi.schema.source import Document

INHERITED = ("prefix", "parent", "namespace")


def is_abstract(data: Mapping[str, Any]) -> bool:
    return data.get("type") == "abstract"


def resolve(documents: list[Document], faults: list[str]) -> list[Document]:
    """The concrete schemas with everything inherited; faults are added to the list."""
    by_id: dict[str, Document] = {}
    for document in documents:
        schema_id = document.data.get("id")
        if not isinstance(schema_id, str) or not schema_id:
            faults.append(f"{document.where}: a schema needs an id")
        elif schema_id in by_id:
            faults.append(f"{document.where}: schema {schema_id!r} already stands at {by_id[schema_id].where}")
        else:
            by_id[schema_id] = document
    resolved = []
    for document in by_id.values():
        if is_abstract(document.data):
            if document.data.get("extends"):
                faults.append(f"{document.where}: an abstract schema cannot extend another")
            continue
        data = _extended(document, by_id, faults)
        if isinstance(data.get("parent"), str):
            _add_parent(data)
        resolved.append(Document(data, document.where))
    return resolved


def _extended(document: Document, by_id: Mapping[str, Document], faults: list[str]) -> dict[str, Any]:
    data: dict[str, Any] = copy.deepcopy(document.data)
    names = data.get("extends") or []
    for name in reversed(names if isinstance(names, list) else []):
        base = by_id.get(name) if isinstance(name, str) else None
        if base is None or not is_abstract(base.data):
            faults.append(f"{document.where}: extends {name!r}, which is no abstract schema")
            continue
        _inherit(data, copy.deepcopy(base.data))
    return data


def _inherit(data: dict[str, Any], base: dict[str, Any]) -> None:
    own, inherited = _part(data, "schema"), _part(base, "schema")
    own["properties"] = {**_part(inherited, "properties"), **_part(own, "properties")}
    order = [*(inherited.get("propertiesOrder") or []), *(own.get("propertiesOrder") or [])]
    own["propertiesOrder"] = list(dict.fromkeys(order))
    own["required"] = list(dict.fromkeys([*(inherited.get("required") or []), *(own.get("required") or [])]))
    own["indexes"] = {**_part(inherited, "indexes"), **_part(own, "indexes")}
    own.setdefault("type", "object")
    data["schema"] = own
    for key in ("metadata", "actions"):
        data[key] = {**_part(base, key), **_part(data, key)}
    for key in INHERITED:
        if key in base:
            data.setdefault(key, base[key])


def _add_parent(data: dict[str, Any]) -> None:
    schema = data.setdefault("schema", {})
    name = f"{data['parent']}_id"
    properties = schema.setdefault("properties", {})
    properties.setdefault(
        name,
        {
            "type": "string",
            "title": name,
            "description": f"The {data['parent']} that this belongs to",
            "permission": ["create"],
            "relation": data["parent"],
        },
    )
    schema["required"] = list(dict.fromkeys([*(schema.get("required") or []), name]))


def _part(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}
