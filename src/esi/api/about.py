"""What the API says about itself: schemas as far as the caller may use them, and its version."""

from __future__ import annotations

from typing import Any

from esi import __version__
from esi.errors import NotFound
from esi.identity import Identity
from esi.model.resource import Body
from esi.schema import Access, Catalogue, Schema
from esi.schema.policy import ACTIONS

VERSION = {"app": f"esi {__version__}", "version": __version__}


class About:
    """Schemas trimmed to what roles may do; made once per set of roles."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._known: dict[tuple[tuple[str, ...], bool], dict[str, Body]] = {}

    def schemas(self, identity: Identity) -> dict[str, Body]:
        """By id, every schema that the caller may read."""
        key = (identity.roles, identity.is_admin)
        known = self._known.get(key)
        if known is None:
            if len(self._known) > 1_000:
                self._known.clear()
            shown = {schema.id: self._shown(schema, identity) for schema in self._catalogue}
            known = self._known[key] = {name: body for name, body in shown.items() if body is not None}
        return known

    def schema(self, identity: Identity, schema_id: str) -> Body:
        """One of them; NotFound for the others, whether they exist or not."""
        body = self.schemas(identity).get(schema_id)
        if body is None:
            raise NotFound("there is no such schema", schema=schema_id[:80])
        return body

    def _access(self, schema: Schema, identity: Identity, action: str) -> Access:
        item = action not in ("create", "read")
        return self._catalogue.policies.access(identity.roles, action, schema, item=item)

    def _shown(self, schema: Schema, identity: Identity) -> Body | None:
        grants = {action: self._access(schema, identity, action) for action in ACTIONS}
        if not grants["read"]:
            return None
        readable = grants["read"].properties(own=True)
        hidden = frozenset() if identity.is_admin else schema.secrets
        names = [n for n in schema.properties if (readable is None or n in readable) and n not in hidden]
        document = {name: value for name, value in schema.document.items() if name != "indexes"}
        document["properties"] = {name: self._property(schema, name, grants) for name in names}
        document["propertiesOrder"] = names
        document["required"] = sorted(name for name in schema.required if name in names)
        document["permission"] = [action for action in ACTIONS if grants[action]]
        return {
            "id": schema.id,
            "singular": schema.singular,
            "plural": schema.plural,
            "title": schema.title,
            "description": schema.description,
            "parent": schema.parent or "",
            "prefix": schema.path.rpartition("/")[0],
            "url": schema.path,
            "namespace": "",
            "metadata": dict(schema.metadata),
            "actions": {
                action.id: {"method": action.method, "path": _path(action.on_item, action.path)}
                for action in schema.actions.values()
            },
            "schema": document,
        }

    def _property(self, schema: Schema, name: str, grants: dict[str, Access]) -> dict[str, Any]:
        item = schema.properties[name]
        verbs = [verb for verb, has in (("create", item.create), ("update", item.update)) if has]
        allowed = []
        for verb in verbs:
            names = grants[verb].properties(own=True) if grants[verb] else frozenset()
            if names is None or name in names:
                allowed.append(verb)
        return {**item.document, "title": item.title, "description": item.description, "permission": allowed}


def _path(on_item: bool, word: str) -> str:
    return f"/:id/{word}" if on_item else f"/{word}"
