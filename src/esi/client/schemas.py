"""What the server says about its collections: `GET /gohan/v0.1/schemas`, kept in a file for some minutes.

Everything that a caller may do is described there: commands, arguments and their types are made from it, so a new
service needs no new client. The answer depends on who asks, so the file keeps one entry per server and token (as a
hash). One file holds all entries; whoever writes it drops those that are too old.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esi.clock import Clock

SCHEMA_PATH = "/gohan/v0.1/schemas"
CACHE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a schema. `types` are JSON Schema's words; `verbs` says on which of create, update it may be
    sent; `relation` is the schema id that it points at; `members` are the properties inside of an object."""

    name: str
    title: str
    description: str
    types: tuple[str, ...]
    verbs: frozenset[str]
    choices: tuple[Any, ...] = ()
    relation: str = ""
    required: bool = False
    members: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """A verb of a schema's own. `path` begins behind the collection's: `/:id/reboot`, or `/rescan` on all."""

    id: str
    method: str
    path: str

    @property
    def on_item(self) -> bool:
        return self.path.startswith("/:id")


@dataclass(frozen=True, slots=True)
class SchemaView:
    """One collection as the server describes it to this caller. `rule` is how its status is derived: "none" when nobody
    derives it, "" when the server does not say.
    """

    id: str
    singular: str
    plural: str
    url: str
    title: str
    description: str
    properties: tuple[Property, ...]
    verbs: frozenset[str]
    actions: tuple[Action, ...] = ()
    rule: str = ""

    def path(self, id: str = "") -> str:
        return f"{self.url}/{id}" if id else self.url

    def property(self, name: str) -> Property | None:
        return next((item for item in self.properties if item.name == name), None)


def parse_schemas(documents: Sequence[Mapping[str, Any]]) -> dict[str, SchemaView]:
    """The server's list, by schema id. Abstract ones (they have no collection) are left out."""
    return {str(item["id"]): _view(item) for item in documents if item.get("type") != "abstract"}


def _view(item: Mapping[str, Any]) -> SchemaView:
    schema = item.get("schema") or {}
    properties = schema.get("properties") or {}
    order = [name for name in schema.get("propertiesOrder") or () if name in properties]
    order += [name for name in properties if name not in order]
    required = set(schema.get("required") or ())
    plural = str(item["plural"])
    return SchemaView(
        id=str(item["id"]),
        singular=str(item.get("singular") or item["id"]),
        plural=plural,
        url=str(item.get("url") or f"{str(item.get('prefix', '')).rstrip('/')}/{plural}"),
        title=str(item.get("title") or item["id"]),
        description=str(item.get("description") or ""),
        properties=tuple(_property(name, properties[name], name in required) for name in order),
        verbs=frozenset(schema.get("permission") or ("create", "read", "update", "delete")),
        actions=tuple(
            Action(name, str(action.get("method") or "POST").upper(), str(action.get("path") or f"/:id/{name}"))
            for name, action in (item.get("actions") or {}).items()
        ),
        rule=_rule(item.get("metadata")),
    )


def _rule(metadata: Any) -> str:
    """As esi.schema reads it: without a word, versioned schemas have the default rule, others none."""
    if not isinstance(metadata, dict):
        return ""
    told = metadata.get("status", {} if metadata.get("state_versioning") else "none")
    return str(told.get("rule", "default") if isinstance(told, dict) else told)


def _property(name: str, item: Mapping[str, Any], required: bool, above: frozenset[str] = frozenset()) -> Property:
    types = item.get("type") or "string"
    verbs = frozenset(item.get("permission") or ()) or above
    inner = item.get("properties") or {}
    inside = set(item.get("required") or ())
    return Property(
        name=name,
        title=str(item.get("title") or name),
        description=str(item.get("description") or ""),
        types=(types,) if isinstance(types, str) else tuple(types),
        verbs=verbs,
        choices=tuple(item.get("enum") or ()),
        relation=str(item.get("relation") or ""),
        required=required,
        members=tuple(_property(word, inner[word], word in inside, verbs) for word in inner),
    )


class SchemaCache:
    """The kept answers. A file that cannot be read or written is no error: the server is asked instead."""

    def __init__(self, file: Path, *, seconds: float = CACHE_SECONDS, clock: Clock) -> None:
        self._file = file
        self._seconds = seconds
        self._clock = clock

    def load(self, url: str, token: str, *, any_age: bool = False) -> list[dict[str, Any]] | None:
        """The kept list for this server and token; None when there is none that is young enough."""
        entry = self._entries().get(_key(url, token))
        if entry is None or not (any_age or self._is_young(entry)):
            return None
        schemas = entry.get("schemas")
        return schemas if isinstance(schemas, list) else None

    def keep(self, url: str, token: str, schemas: Sequence[Mapping[str, Any]]) -> None:
        entries = {key: entry for key, entry in self._entries().items() if self._is_young(entry)}
        entries[_key(url, token)] = {"at": self._clock.now(), "schemas": list(schemas)}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._file.parent, prefix=self._file.name)
            with os.fdopen(handle, "w") as stream:
                json.dump(entries, stream)
            Path(name).replace(self._file)
        except OSError:
            return

    def _is_young(self, entry: Mapping[str, Any]) -> bool:
        at = entry.get("at")
        return isinstance(at, int | float) and 0 <= self._clock.now() - at < self._seconds

    def _entries(self) -> dict[str, dict[str, Any]]:
        try:
            entries = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return {k: v for k, v in entries.items() if isinstance(v, dict)} if isinstance(entries, dict) else {}


@dataclass(frozen=True)
class SchemaSource:
    """Where a client takes schemas from: those already `known`, then the kept file, then the server's `path`. `who`
    stands for the caller in the kept file where his token is another one each time.
    """

    path: str = SCHEMA_PATH
    cache: SchemaCache | None = None
    known: Mapping[str, SchemaView] = field(default_factory=dict)
    who: str = ""


FROM_SERVER = SchemaSource()


def _key(url: str, token: str) -> str:
    return hashlib.sha256(f"{url}\n{token}".encode()).hexdigest()[:24]
