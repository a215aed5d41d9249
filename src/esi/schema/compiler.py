"""From schema documents to the catalogue. Every fault of every file is collected before anything is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs

from esi.errors import SchemaError
from esi.schema import extension, source
from esi.schema.catalogue import Catalogue
from esi.schema.documents import build_defaults
from esi.schema.formats import FORMATS
from esi.schema.model import Action, Faults, Property, Schema
from esi.schema.policy import build_policies
from esi.schema.properties import NAME, build_properties, build_relations, flagged, masked_in_messages
from esi.schema.source import Document, Source
from esi.schema.statuses import build_statuses
from esi.schema.validation import Checks, clean, dotted, json_schema

KEYS = frozenset(
    {
        "id", "singular", "plural", "title", "description", "prefix", "namespace", "url", "parent", "type", "extends",
        "on_parent_delete_cascade", "order_properties_before", "metadata", "schema", "actions", "isolation_level",
    }
)  # fmt: skip
MANDATORY = ("id", "singular", "plural", "title", "description", "schema")
OUR_TABLES = ("esi_", "sqlite_")
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


def load(folders: Sequence[Path]) -> Catalogue:
    """Read and compile the schemas and policies of some folders; SchemaError lists every fault with file and line."""
    return _compile(source.read(folders))


def load_documents(text: str, name: str = "schemas") -> Catalogue:
    """Compile the schemas and policies of one YAML text."""
    found = Source([], [], [])
    source.parse(text, name, found)
    return _compile(found)


def _compile(found: Source) -> Catalogue:
    faults = list(found.faults)
    documents = extension.resolve(found.schemas, faults)
    schemas = [schema for document in documents if (schema := _schema(document, faults)) is not None]
    _cross_check(schemas, faults)
    policies = build_policies(found.policies, schemas, faults)
    if faults:
        raise SchemaError(faults)
    return Catalogue(schemas, policies)


def _schema(document: Document, faults: list[str]) -> Schema | None:
    """One schema, or None with its faults added to the list."""
    data, own = document.data, list[str]()
    own.extend(f"unknown key {key!r}" for key in data if key not in KEYS)
    own.extend(f"{key} is missing" for key in MANDATORY if not data.get(key))
    own.extend(
        f"{key} {data[key]!r} must be a letter, then letters, digits, _ or -"
        for key in ("id", "singular", "plural")
        if data.get(key) and not NAME.fullmatch(str(data[key]))
    )
    if str(data.get("id")).lower().startswith(OUR_TABLES):
        own.append(f"an id cannot begin with {' or '.join(OUR_TABLES)}")
    schema = data.get("schema")
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        own.append("schema must be an object with properties")
        schema = {"properties": {}}
    properties = build_properties(schema, own)
    compiled = None if own else _build(document, schema, properties, own)
    faults.extend(f"{document.where}: schema {data.get('id')!r}: {fault}" for fault in own)
    return None if own else compiled


def _build(
    document: Document, schema: Mapping[str, Any], properties: dict[str, Property], faults: list[str]
) -> Schema | None:
    data = document.data
    metadata = data.get("metadata") or {}
    try:
        checks = Checks(data["singular"], schema, properties, masked_in_messages(properties))
    except ValueError as error:
        faults.append(f"not a valid JSON schema: {clean(str(error))}")
        return None
    links = build_relations(properties)
    versioned = bool(metadata.get("state_versioning"))
    return Schema(
        id=data["id"],
        singular=data["singular"],
        plural=data["plural"],
        title=data["title"],
        description=data["description"],
        path=_path(data),
        properties=properties,
        relations={link.path: link.target for link in links},
        links=links,
        required=frozenset(item.name for item in properties.values() if item.required),
        metadata=metadata,
        document=schema,
        check_create=checks.create,
        check_update=checks.update,
        check_row=checks.row,
        defaults=build_defaults(properties),
        indexes=_indexes(schema, properties, faults),
        parent=data.get("parent"),
        actions=_actions(data.get("actions") or {}, faults),
        state_versioning=versioned,
        nosync=bool(metadata.get("nosync")),
        two_step_deletion=bool(metadata.get("two_step_deletion", versioned)),
        template_path=_template_path(metadata.get("template_path"), faults),
        statuses=build_statuses(metadata, properties, links, faults),
        secrets=flagged(properties, "secret"),
        hidden=frozenset(name for name, item in properties.items() if item.document.get("hidden")),
        tenant_owned="tenant_id" in properties,
        where=document.where,
    )


def _path(data: Mapping[str, Any]) -> str:
    prefix = str(data.get("prefix") or "").strip("/")
    return f"/{prefix}/{data['plural']}" if prefix else f"/{data['plural']}"


def _template_path(value: Any, faults: list[str]) -> Mapping[str, Any]:
    """By handler, an expression of the parameter mappings, in either notation."""
    if value is None:
        return {}
    if isinstance(value, str):
        return {"heat_worker": value}
    if isinstance(value, dict) and all(isinstance(item, str | dict) for item in value.values()):
        return dict(value)
    faults.append("metadata.template_path is a text, or an expression for each job handler")
    return {}


def _indexes(
    schema: Mapping[str, Any], properties: Mapping[str, Property], faults: list[str]
) -> dict[str, tuple[tuple[str, ...], bool]]:
    found: dict[str, tuple[tuple[str, ...], bool]] = {}
    for name, data in (schema.get("indexes") or {}).items():
        columns = data.get("columns") if isinstance(data, dict) else None
        if not NAME.fullmatch(str(name)) or not isinstance(columns, list) or not columns:
            faults.append(f"index {name!r} needs a name and columns")
        elif unknown := [column for column in columns if column not in properties]:
            faults.append(f"index {name!r} names {unknown[0]!r}, which is no property")
        else:
            found[str(name)] = (tuple(columns), str(data.get("type") or "").lower() == "unique")
    return found


def _actions(data: Any, faults: list[str]) -> dict[str, Action]:
    found: dict[str, Action] = {}
    for name, action in data.items() if isinstance(data, dict) else ():
        method = str(action.get("method") or "POST").upper() if isinstance(action, dict) else ""
        path = str(action.get("path") or "") if isinstance(action, dict) else ""
        on_item = path.startswith("/:id/")
        word = path.removeprefix("/:id").strip("/")
        if method not in METHODS or not word or "/" in word:
            faults.append(f"action {name!r} needs a method and a path such as /:id/reboot")
            continue
        if action.get("protocol") or action.get("has_response_ownership"):
            faults.append(f"action {name!r}: protocol and has_response_ownership are not supported")
            continue
        try:
            check = _input_check(action.get("input"))
        except ValueError as error:
            faults.append(f"action {name!r}: input is not a valid JSON schema: {clean(str(error))}")
            continue
        found[str(name)] = Action(str(name), method, word, on_item, str(action.get("description") or ""), check)
    return found


def _input_check(schema: Any) -> Any:
    if not schema:
        return lambda _value: []
    validator = jsonschema_rs.Draft4Validator(json_schema(schema), formats=dict(FORMATS), validate_formats=True)

    def check(value: Any) -> Faults:
        return sorted(
            (dotted(error.instance_path) or "input", clean(error.message)) for error in validator.iter_errors(value)
        )

    return check


def _cross_check(schemas: Iterable[Schema], faults: list[str]) -> None:
    """What only the whole set shows: relations to nowhere, two schemas on one path, a default that breaks its own
    rule.
    """
    schemas = list(schemas)
    known = {schema.id: schema for schema in schemas}
    paths: dict[str, Schema] = {}
    for schema in schemas:
        where = f"{schema.where}: schema {schema.id!r}"
        other = paths.setdefault(schema.path, schema)
        if other is not schema:
            faults.append(f"{where}: path {schema.path} already belongs to {other.id!r}")
        faults.extend(
            f"{where}: property {link.path!r} refers to {link.target!r}, which is no schema"
            for link in schema.links
            if link.target not in known
        )
        faults.extend(
            f"{where}: metadata.status.by names {source}.{name}, which is no relation to it"
            for rule in schema.statuses.all
            for source, name in rule.by
            if source not in known or known[source].relations.get(name) != schema.id
        )
        defaults = schema.defaults()
        faults.extend(
            f"{where}: the default of {path!r} is not valid: {text}"
            for path, text in schema.check_row(defaults)
            if path.split(".")[0] in defaults
        )
