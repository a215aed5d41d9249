"""The resource reader: what a change under /config means. It keeps the versions of all resources, and of the bodies the
bytes of as many as there is room for; it decodes the few that are looked at. One that is not kept is read (Unread).

no template, or none that exists     → /state READ_COMPLETE, nothing to do
a template                           → a Change with its evaluated params, for the board
a reference that is not there yet    → parked under what it misses, until that comes or its deadline passes
gone from /config                    → the worker's own records go too
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

import orjson

from esi.errors import TemplateError
from esi.jobs.plan import Change, Params, resources_of
from esi.model.codec import Config, decode_config, dumps, loads_object
from esi.model.job import CREATE, LOGICAL_DELETE, MODIFY
from esi.model.resource import Body, Ref
from esi.render.mapping import Mapping, template_id
from esi.render.templates import Templates
from esi.schema import Catalogue, Schema

KEPT_BYTES = 4 * 1024 * 1024
"""Bodies that are kept."""


class Known(NamedTuple):
    """The worker's copy of what it has accepted last."""

    version: int
    deleted: bool


class Standing(NamedTuple):
    """A resource: the version that is wanted, and what has been accepted. Most look alike, and are one object."""

    wanted: int | None = None
    known: Known | None = None


NOTHING = Standing()


class Unread(Exception):
    """The body of `ref` is needed, and is not kept: read it, `set_config`, and ask again."""

    def __init__(self, ref: Ref) -> None:
        self.ref = ref
        super().__init__(str(ref))


class Reader:
    """`recorded_quirks` keeps the doubled resources of the recorded system in params."""

    def __init__(self, catalogue: Catalogue, *, recorded_quirks: bool = False) -> None:
        self._catalogue = catalogue
        self._quirks = recorded_quirks
        self._standing: dict[Ref, Standing] = {}
        self._shared: dict[Standing, Standing] = {}
        self._configs: OrderedDict[Ref, bytes] = OrderedDict()
        self._kept = 0
        self._templates = Templates()
        self._config = lru_cache(maxsize=1024)(decode_config)
        self._body = lru_cache(maxsize=4096)(_decode_body)

    def set_template(self, id: str, value: bytes | None) -> None:
        """A heat template has come, changed or gone."""
        self._templates.put(id, value)

    def set_config(self, ref: Ref, value: bytes | None, *, young: bool = True) -> None:
        """What is wanted of a resource has come, changed or gone. An old one's body is kept while there is room."""
        self._kept -= len(self._configs.pop(ref, b""))
        version = None if value is None else decode_config(value, str(ref)).version
        self._stands(ref, Standing(version, self.known(ref)))
        if value is not None and (young or self._kept < KEPT_BYTES or self.pending(ref)):
            self._configs[ref] = value
            self._kept += len(value)

    def trim(self) -> None:
        """Let bodies go that have not been needed for long. Not in the middle of a change, which may need many."""
        while self._kept > KEPT_BYTES and len(self._configs) > 1:
            self._kept -= len(self._configs.popitem(last=False)[1])

    def accept(self, ref: Ref, version: int, *, deleted: bool) -> None:
        """The worker's copy says, or will say, so."""
        self._stands(ref, Standing(self._standing.get(ref, NOTHING).wanted, Known(version, deleted)))

    def forget(self, ref: Ref) -> None:
        """There is no copy any more."""
        self._stands(ref, Standing(self._standing.get(ref, NOTHING).wanted))

    def _stands(self, ref: Ref, standing: Standing) -> None:
        if standing == NOTHING:
            self._standing.pop(ref, None)
        else:
            self._standing[ref] = self._shared.setdefault(standing, standing)

    def known(self, ref: Ref) -> Known | None:
        return self._standing.get(ref, NOTHING).known

    def is_wanted(self, ref: Ref) -> bool:
        return self._standing.get(ref, NOTHING).wanted is not None

    def wanted(self, ref: Ref) -> Config | None:
        """Raises Unread."""
        if not self.is_wanted(ref):
            return None
        if (value := self._configs.get(ref)) is None:
            raise Unread(ref)
        self._configs.move_to_end(ref)
        return self._config(value)

    def pending(self, ref: Ref) -> bool:
        """Whether what is wanted is newer than what has been accepted."""
        wanted, known = self._standing.get(ref, NOTHING)
        if wanted is None:
            return known is not None
        return known is None or wanted > known.version

    def all_pending(self) -> Iterable[Ref]:
        return [ref for ref in self._standing if self.pending(ref)]

    def handlers(self, schema: Schema, body: Body) -> dict[str, str]:
        """handler → template id, for the templates that this body has and that exist. Empty: not workable."""
        found: dict[str, str] = {}
        for handler, expression in schema.template_path.items():
            id_ = template_id(expression, body, schema.id)
            if id_ is not None and self._templates.get(handler, id_) is not None:
                found[handler] = id_
        return found

    def change(self, ref: Ref, wanted: Config, old: tuple[Body, int] | None) -> Change | None:
        """The change to plan; None when no worker has to do anything. Raises Missing, TemplateError, or Unread.

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
        lookup = cache(self.lookup)
        for handler, id_ in templates.items():
            mapping = self._mapping(handler, id_, schema)
            now = mapping.evaluate(body, wanted.version, lookup, lenient=lenient, recorded_quirks=self._quirks)
            reads |= resources_of(now)
            params[handler] = now
            if old is not None:
                params[handler] = mapping.evaluate_change(old, now, lookup, recorded_quirks=self._quirks)
        return Change(workflow, ref, wanted.version, body, params, frozenset(reads))

    def lookup(self, schema: str, id: str) -> Body | None:
        """The body of another resource as last wanted."""
        wanted = self.wanted(Ref(schema, id))
        return None if wanted is None else self._body(wanted.body)

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
