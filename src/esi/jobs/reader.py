"""The resource reader: what a change under /config means. It remembers how resources stand, as many as there is room
for, as bytes, and decodes the few that are looked at. One that is not remembered is read (Unread).

no template, or none that exists     → /state READ_COMPLETE, nothing to do
a template                           → a Change with its evaluated params, for the board
a reference that is not there yet    → parked under what it misses, until that comes or its deadline passes
gone from /config                    → the worker's own records go too
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence, Set
from functools import cache, lru_cache
from typing import NamedTuple

import orjson

from esi.errors import TemplateError
from esi.jobs.plan import Change, Params, resources_of
from esi.kv import Entry
from esi.model.codec import Config, decode_config, dumps, loads_object
from esi.model.job import CREATE, LOGICAL_DELETE, MODIFY
from esi.model.resource import Body, Ref
from esi.render.mapping import Mapping, template_id
from esi.render.templates import Templates
from esi.schema import Catalogue, Schema

KEPT_BYTES = 4 * 1024 * 1024
"""Of what is remembered of resources."""

EACH_BYTES = 500
"""What it takes to remember one, besides its value."""


class Copy(NamedTuple):
    """The worker's copy of what it has accepted last, and the revision that it was written at."""

    body: Body
    version: int
    deleted: bool
    revision: int


class Unread(Exception):
    """How `refs` stand is needed, and is not remembered: read them, tell it (`stands`), and ask again."""

    def __init__(self, refs: Set[Ref]) -> None:
        self.refs = refs
        super().__init__(", ".join(map(str, refs)))


class Reader:
    """`recorded_quirks` keeps the doubled resources of the recorded system in params."""

    def __init__(self, catalogue: Catalogue, *, recorded_quirks: bool = False) -> None:
        self._catalogue = catalogue
        self._quirks = recorded_quirks
        self._standing: OrderedDict[Ref, Entry | None] = OrderedDict()
        self._bytes = 0
        self._templates = Templates()
        self._config = lru_cache(maxsize=1024)(decode_config)
        self._body = lru_cache(maxsize=4096)(_decode_body)

    def set_template(self, id: str, value: bytes | None) -> None:
        """A heat template has come, changed or gone."""
        self._templates.put(id, value)

    def stands(self, ref: Ref, entry: Entry | None, revision: int) -> bool:
        """How a resource stood at `revision`; None: it is gone. False: something as new is remembered already."""
        known = self._standing.get(ref)
        if ref in self._standing and (0 if known is None else known.mod_revision) >= revision:
            return False
        self.forget(ref)
        self._standing[ref] = entry
        self._bytes += _size(entry)
        return True

    def forget(self, ref: Ref) -> None:
        """Whoever needs it reads it."""
        if ref in self._standing:
            self._bytes -= _size(self._standing.pop(ref))

    def has_room(self) -> bool:
        return self._bytes < KEPT_BYTES

    def trim(self) -> None:
        """Forget what has not been needed for long. Not in the middle of a change, which may need many."""
        while not self.has_room() and self._standing:
            self._bytes -= _size(self._standing.popitem(last=False)[1])

    def is_wanted(self, ref: Ref) -> bool:
        """As far as is remembered."""
        return self._standing.get(ref) is not None

    def wanted(self, ref: Ref) -> Config | None:
        """Raises Unread."""
        if ref not in self._standing:
            raise Unread({ref})
        self._standing.move_to_end(ref)
        entry = self._standing[ref]
        return None if entry is None else self._config(entry.value)

    def made_after(self, ref: Ref, copy: Copy) -> bool:
        """Whether the copy is of a life that had ended when this one began."""
        entry = self._standing.get(ref)
        return copy.deleted and entry is not None and entry.create_revision > copy.revision

    def handlers(self, schema: Schema, body: Body) -> dict[str, str]:
        """handler → template id, for the templates that this body has and that exist. Empty: not workable."""
        found: dict[str, str] = {}
        for handler, expression in schema.template_path.items():
            id_ = template_id(expression, body, schema.id)
            if id_ is not None and self._templates.get(handler, id_) is not None:
                found[handler] = id_
        return found

    def change(self, ref: Ref, wanted: Config, copy: Copy | None) -> Change | None:
        """The change to plan; None when no worker has to do anything. Raises Missing, TemplateError, or Unread."""
        schema = self._catalogue[ref.schema]
        body = self._body(wanted.body)
        templates = self.handlers(schema, body)
        if not templates:
            return None
        workflow = LOGICAL_DELETE if wanted.marked_for_deletion else CREATE if copy is None else MODIFY
        lenient = workflow == LOGICAL_DELETE
        params: dict[str, Params] = {}
        reads: set[Ref] = set()
        lookup = cache(self.lookup)
        mappings = {handler: self._mapping(handler, id_, schema) for handler, id_ in templates.items()}
        try:
            for handler, mapping in mappings.items():
                now = mapping.evaluate(body, wanted.version, lookup, lenient=lenient, recorded_quirks=self._quirks)
                reads |= resources_of(now)
                params[handler] = now
                if copy is not None:
                    params[handler] = mapping.evaluate_change(copy[:2], now, lookup, recorded_quirks=self._quirks)
        except Unread as first:
            bodies = [body] if copy is None else [body, copy.body]
            raise Unread(first.refs | self._unread(mappings.values(), bodies)) from None
        return Change(workflow, ref, wanted.version, body, params, frozenset(reads))

    def _unread(self, mappings: Iterable[Mapping], bodies: Sequence[Body]) -> set[Ref]:
        """All that has to be read as far as that can be told by now: few rounds instead of one for each."""
        found: set[Ref] = set()

        @cache
        def lookup(schema: str, id: str) -> Body | None:
            try:
                return self.lookup(schema, id)
            except Unread as unread:
                found.update(unread.refs)
                return None

        for mapping in mappings:
            for body in bodies:
                mapping.follow(body, lookup)
        return found

    def lookup(self, schema: str, id: str) -> Body | None:
        """The body of another resource as last wanted; of one that nobody tells us of, nothing."""
        known = self._catalogue.get(schema)
        wanted = self.wanted(Ref(schema, id)) if known is not None and known.state_versioning else None
        return None if wanted is None else self._body(wanted.body)

    def as_deleted(self, copy: Copy) -> Config:
        """What would be wanted had the resource been marked for deletion before it went."""
        return Config(dumps(copy.body).decode(), copy.version + 1, marked_for_deletion=True)

    def _mapping(self, handler: str, id: str, schema: Schema) -> Mapping:
        mapping = self._templates.mapping(handler, id, schema.id, self._catalogue.relation)
        if mapping is None:
            raise TemplateError(id, f"is no template of {handler}")
        return mapping


def _decode_body(text: str) -> Body:
    return loads_object(text.encode(), "config body")


def _size(entry: Entry | None) -> int:
    return EACH_BYTES + (0 if entry is None else len(entry.value))


def worker_copy(entry: Entry) -> Copy:
    raw = orjson.loads(entry.value)
    return Copy(raw["body"], raw["version"], raw["deleted"], entry.mod_revision)
