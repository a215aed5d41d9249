"""The resource reader: what a change under /config means. Keeps bodies as bytes, decodes the few that are looked at.

no template, or none that exists     → /state READ_COMPLETE, nothing to do
a template                           → a Change with its evaluated params, for the board
a reference that is not there yet    → parked under what it misses, until that comes or its deadline passes
gone from /config                    → the worker's own records go too
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import orjson

from esi.errors import TemplateError
from esi.jobs.plan import Change, Params, resources_of
from esi.model.codec import Config, decode_config, dumps, loads_object
from esi.model.job import CREATE, LOGICAL_DELETE, MODIFY
from esi.model.resource import Body, Ref
from esi.render.mapping import Mapping, template_id
from esi.render.templates import Templates
from esi.schema import Catalogue, Schema


@dataclass(frozen=True, slots=True)
class Known:
    """The worker's copy of what it has accepted last."""

    version: int
    deleted: bool


class Reader:
    """`recorded_quirks` keeps the doubled resources of the recorded system in params."""

    def __init__(self, catalogue: Catalogue, *, recorded_quirks: bool = False) -> None:
        self._catalogue = catalogue
        self._quirks = recorded_quirks
        self._configs: dict[Ref, bytes] = {}
        self._templates = Templates()
        self.known: dict[Ref, Known] = {}
        self._body = lru_cache(maxsize=4096)(_decode_body)

    def set_template(self, id: str, value: bytes | None) -> None:
        """A heat template has come, changed or gone."""
        self._templates.put(id, value)

    def set_config(self, ref: Ref, value: bytes | None) -> None:
        if value is None:
            self._configs.pop(ref, None)
        else:
            self._configs[ref] = value

    def wanted(self, ref: Ref) -> Config | None:
        value = self._configs.get(ref)
        return None if value is None else decode_config(value, str(ref))

    def pending(self, ref: Ref) -> bool:
        """Whether what is wanted is newer than what has been accepted."""
        known, value = self.known.get(ref), self._configs.get(ref)
        if value is None:
            return known is not None
        return known is None or decode_config(value, str(ref)).version > known.version

    def handlers(self, schema: Schema, body: Body) -> dict[str, str]:
        """handler → template id, for the templates that this body has and that exist. Empty: not workable."""
        found: dict[str, str] = {}
        for handler, expression in schema.template_path.items():
            id_ = template_id(expression, body, schema.id)
            if id_ is not None and self._templates.get(handler, id_) is not None:
                found[handler] = id_
        return found

    def change(self, ref: Ref, wanted: Config, old: tuple[Body, int] | None) -> Change | None:
        """The change to plan; None when no worker has to do anything. Raises Missing, or TemplateError.

        `old` is the worker's copy (body, version) when there is one.
        """
        schema = self._catalogue[ref.schema]
        body = self._body(wanted.body)
        templates = self.handlers(schema, body)
        if not templates:
            return None
        workflow = LOGICAL_DELETE if wanted.marked_for_deletion else CREATE if old is None else MODIFY
        lenient = workflow == LOGICAL_DELETE
        params: dict[str, Params] = {}
        reads: set[Ref] = set()
        for handler, id_ in templates.items():
            mapping = self._mapping(handler, id_, schema)
            now = mapping.evaluate(body, wanted.version, self.lookup, lenient=lenient, recorded_quirks=self._quirks)
            reads |= resources_of(now)
            params[handler] = now
            if old is not None:
                params[handler] = mapping.evaluate_change(
                    old, (body, wanted.version), self.lookup, lenient=lenient, recorded_quirks=self._quirks
                )
        return Change(workflow, ref, wanted.version, body, params, frozenset(reads))

    def lookup(self, schema: str, id: str) -> Body | None:
        """The body of another resource as last wanted."""
        value = self._configs.get(Ref(schema, id))
        return None if value is None else self._body(decode_config(value, id).body)

    def as_deleted(self, old: tuple[Body, int]) -> Config:
        """What would be wanted had the resource been marked for deletion before it went."""
        return Config(dumps(old[0]).decode(), old[1] + 1, marked_for_deletion=True)

    def _relation(self, schema: str, name: str) -> str | None:
        known = self._catalogue.get(schema)
        return None if known is None else known.relations.get(name)

    def _mapping(self, handler: str, id: str, schema: Schema) -> Mapping:
        mapping = self._templates.mapping(handler, id, schema.id, self._relation)
        if mapping is None:
            raise TemplateError(id, f"is no template of {handler}")
        return mapping


def _decode_body(text: str) -> Body:
    return loads_object(text.encode(), "config body")


def worker_copy(value: bytes) -> tuple[Body, int, bool]:
    """The worker's copy of a config: body, version, deleted."""
    raw = orjson.loads(value)
    return raw["body"], raw["version"], raw["deleted"]
