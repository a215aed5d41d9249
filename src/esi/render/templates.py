"""The template cache of a worker: the entries under /config/v2.0/heat_templates/, read once per change.

An entry's body is {id, handler, watch, template_file, parameter_mappings} (pipeline.md 1.4). Whoever watches the keys
feeds them in with `put`; an entry that cannot be used is kept with its error, which is raised when it is asked for,
so that one bad template hurts only its own resources.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from esi.errors import EsiError, TemplateError
from esi.model.codec import decode_config
from esi.render.jinja import check
from esi.render.mapping import Mapping, Relation


@dataclass(frozen=True, slots=True, eq=False)
class TemplateEntry:
    """One template as stored, one object for one content. `hash` names that."""

    id: str
    handler: str
    template_file: str
    mappings: MappingType[str, Any]
    hash: str
    body: MappingType[str, Any] = field(repr=False)


class Templates:
    """Templates by (handler, id), and their compiled mappings."""

    def __init__(self) -> None:
        self._entries: dict[str, TemplateEntry | EsiError] = {}

    def put(self, id: str, value: bytes | None) -> None:
        """Take in one entry's envelope; None: it is gone."""
        if value is None:
            self._entries.pop(id, None)
            return
        try:
            self._entries[id] = parse_entry(value, id)
        except EsiError as error:
            self._entries[id] = error

    def get(self, handler: str, id: str) -> TemplateEntry | None:
        """The template, None when there is none of that id for this handler. Raises what is wrong with it."""
        entry = self._entries.get(id)
        if isinstance(entry, EsiError):
            raise TemplateError(f"heat_templates.{id}", str(entry)) from entry
        return entry if entry is not None and entry.handler == handler else None

    def mapping(self, handler: str, id: str, schema: str, relation: Relation) -> Mapping | None:
        """The compiled parameter mappings of a template, for resources of `schema`. Raises TemplateError."""
        entry = self.get(handler, id)
        return None if entry is None else _compiled(entry, schema, relation)


@lru_cache(maxsize=256)
def _compiled(entry: TemplateEntry, schema: str, relation: Relation) -> Mapping:
    return Mapping.compile(entry.mappings, schema, relation)


@lru_cache(maxsize=256)
def parse_entry(value: bytes, id: str) -> TemplateEntry:
    """One envelope of /config/v2.0/heat_templates/, its Jinja checked; once for all who keep templates."""
    body = decode_config(value, id).decode()
    handler, text, mappings = body.get("handler"), body.get("template_file"), body.get("parameter_mappings")
    if not isinstance(handler, str) or not isinstance(mappings, dict):
        raise TemplateError(id, "needs a handler and parameter_mappings")
    if not isinstance(text, str):
        text = ""
    if handler == "heat_worker":
        check(text)
    return TemplateEntry(id, handler, text, mappings, hashlib.sha256(value).hexdigest(), body)
