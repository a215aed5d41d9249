"""Where a path leads: looked up in dicts made at load, nothing is scanned.

    <collection>               list, create          <collection>/<id>           show, update, delete
    <collection>/<action>      an action on all      <collection>/<id>/<action>  an action on one
    <parent>/<id>/<plural>     the children of one resource
    /esi/trace/<schema>/<id>   what a request has set in motion
    /esi/why/<schema>/<id>     the facts from which a status follows

A trailing slash and the suffix `.json` are accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from esi.schema import Action, Catalogue, Schema

Place = Literal["collection", "item", "action", "schemas", "schema", "version", "trace", "why", "messages"]
SCHEMAS = "/gohan/v0.1/schemas"
VERSION = "/gohan/v0.1/version"
ABOUT: Mapping[str, Place] = {"/esi/trace": "trace", "/esi/why": "why"}
"""What is told about a resource beside itself."""
MESSAGES = "/esi/messages"


@dataclass(frozen=True, slots=True)
class Route:
    """`allow` are the methods of the place; `parent` a filter that the path itself sets."""

    place: Place
    allow: tuple[str, ...]
    schema: Schema | None = None
    id: str = ""
    action: Action | None = None
    parent: tuple[str, str] | None = None


COLLECTION = ("GET", "HEAD", "POST")
ITEM = ("GET", "HEAD", "PUT", "PATCH", "DELETE")
READ = ("GET", "HEAD")


class Routes:
    """The paths of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._fixed: dict[str, Route] = {
            SCHEMAS: Route("schemas", READ),
            VERSION: Route("version", READ),
            MESSAGES: Route("messages", ("POST",)),
            **{path: Route("collection", COLLECTION, schema) for path, schema in catalogue.collections.items()},
        }
        self._item_actions: dict[tuple[str, str], Action] = {}
        for schema in catalogue:
            for action in schema.actions.values():
                if action.on_item:
                    self._item_actions[schema.id, action.path] = action
                else:
                    path = f"{schema.path}/{action.path}"
                    self._fixed[path] = Route("action", (action.method,), schema, action=action)
        self._children = _children(catalogue)

    def find(self, path: str) -> Route | None:
        """The route of a decoded path; None when it leads nowhere."""
        path = path.removesuffix("/").removesuffix(".json")
        route = self._fixed.get(path)
        if route is not None:
            return route
        head, _, last = path.rpartition("/")
        if head == SCHEMAS:
            return Route("schema", READ, id=last)
        for about, place in ABOUT.items():
            if head.startswith(about + "/"):
                schema = self._catalogue.get(head.removeprefix(about + "/"))
                return Route(place, READ, schema, last) if schema is not None else None
        found = self._catalogue.by_path(path)
        if found is not None:
            return Route("item", ITEM, *found)
        owner = self._catalogue.by_path(head)
        return self._below(owner[0], owner[1], last) if owner is not None else None

    def _below(self, schema: Schema, id_: str, last: str) -> Route | None:
        action = self._item_actions.get((schema.id, last))
        if action is not None:
            return Route("action", (action.method,), schema, id_, action)
        child = self._children.get((schema.id, last))
        if child is not None:
            return Route("collection", COLLECTION, child, parent=(f"{schema.id}_id", id_))
        return None


def _children(catalogue: Catalogue) -> Mapping[tuple[str, str], Schema]:
    return {(schema.parent, schema.plural): schema for schema in catalogue if schema.parent is not None}
