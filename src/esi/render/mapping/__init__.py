"""Parameter mappings: where each parameter of a template comes from, compiled once and then evaluated per resource.

A template's `parameter_mappings` is an object parameter → mapping, in two notations that may be mixed: short strings
("Pname", "Fvpn_gateway+vpn_gw_id:vrf_name") and objects ({"field": …, "path": […]}). In the order of the work:

    short.py     a short string becomes the object that says the same
    scope.py     what a mapping sees while it is evaluated: bodies, relations, the version; and what it finds
    compiler.py  an object becomes a function of the scope; every mistake is found here, with its path
    this file    Mapping: the compiled whole, and the params of a job; template_id for metadata.template_path

A reference to something that is not there yet raises `Missing`, which names it: the caller parks the resource.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingType
from contextlib import suppress
from functools import cache, lru_cache, partial
from typing import Any

import orjson

from esi.errors import TemplateError
from esi.model.resource import Body, Ref
from esi.render.mapping.compiler import Evaluator, compile_mapping
from esi.render.mapping.scope import Found, Lookup, Missing, Relation, Scope

__all__ = ["Lookup", "Mapping", "Missing", "Relation", "merge_params", "template_id"]

Resources = list[dict[str, str]]
Param = dict[str, Any]
"""As recorded: {param, type: value|output_key|list, value, resources: [{resource_type, resource_id}]}."""


class Mapping:
    """The compiled `parameter_mappings` of one template, for resources of one schema."""

    def __init__(self, schema: str, evaluators: Sequence[tuple[str, Evaluator]]) -> None:
        self.schema = schema
        self._evaluators = evaluators

    @classmethod
    def compile(cls, raw: MappingType[str, Any], schema: str, relation: Relation) -> Mapping:
        """Compile for resources of `schema`; `relation(schema, property)` names the schema a property refers to.

        Raises TemplateError with the path of what is unknown or malformed.
        """
        if not isinstance(raw, MappingType):
            raise TemplateError("parameter_mappings", "must be an object")
        evaluators = [
            (name, compile_mapping(item, schema, relation, f"parameter_mappings.{name}")) for name, item in raw.items()
        ]
        return cls(schema, evaluators)

    def evaluate(
        self, body: Body, version: int, lookup: Lookup, *, lenient: bool = False, recorded_quirks: bool = False
    ) -> list[Param]:
        """The params of a job for `body` at config version `version`.

        `lookup(schema, id)` gives the body of another resource or None. What is None raises Missing, unless the mapping
        ignores it or `lenient` is set (for deletes: a delete never waits for what is gone). Resources are listed in the
        order visited, each once; `recorded_quirks` keeps the doubles of the recorded system.
        """
        scope = Scope(self.schema, body, version, lookup, lenient=lenient)
        listed = cache(partial(_listed, doubles=recorded_quirks))
        return [_param(name, evaluator(scope), listed) for name, evaluator in self._evaluators]

    def follow(self, body: Body, lookup: Lookup) -> None:
        """Look up whatever `evaluate` would, each parameter for itself: nothing that is missing or wrong ends it."""
        scope = Scope(self.schema, body, 0, lookup, lenient=True)
        for _, evaluator in self._evaluators:
            with suppress(Missing, TemplateError):
                evaluator(scope)

    def evaluate_change(
        self, old: tuple[Body, int], now: Sequence[Param], lookup: Lookup, *, recorded_quirks: bool = False
    ) -> list[Param]:
        """The params of a modify or logical_delete: `now` as evaluated, its resources after those that `old` (body,
        version) reads. That side never waits: what it referred to may be gone since.
        """
        before = self.evaluate(*old, lookup, lenient=True, recorded_quirks=recorded_quirks)
        return merge_params(before, now, recorded_quirks=recorded_quirks)


def merge_params(old: Sequence[Param], new: Sequence[Param], *, recorded_quirks: bool = False) -> list[Param]:
    """`new` with the resources of the same parameter in `old` put before its own; each once unless recorded_quirks."""
    before = {param["param"]: param["resources"] for param in old}
    return [_after(before.get(param["param"], []), param, recorded_quirks) for param in new]


def template_id(expression: Any, body: Body, schema: str = "") -> str | None:
    """The template that `metadata.template_path` chooses for `body`; None when the resource has none (not workable).

    The expression sees own fields and constants only. Raises TemplateError.
    """
    evaluator = _compiled_path(orjson.dumps(expression), schema)
    value = evaluator(Scope(schema, body, 0, _nothing)).value
    if value is None or isinstance(value, str):
        return value or None
    raise TemplateError("template_path", f"gives {type(value).__name__}, not the id of a template")


@lru_cache(maxsize=1024)
def _compiled_path(expression: bytes, schema: str) -> Evaluator:
    return compile_mapping(orjson.loads(expression), schema, _unrelated, "template_path")


def _nothing(schema: str, id: str) -> Body | None:
    return None


def _unrelated(schema: str, name: str) -> str | None:
    return None


def _after(before: Resources, param: Param, doubles: bool) -> Param:
    own: Resources = param["resources"]
    if not before or (own == before and not doubles):
        return param
    return {**param, "resources": [*before, *(own if doubles else (item for item in own if item not in before))]}


def _param(name: str, found: Found, listed: Callable[[tuple[Ref, ...]], Resources]) -> Param:
    return {
        "param": name,
        "type": found.kind,
        "value": _items(name, found.value) if found.kind == "list" else found.value,
        "resources": listed(found.resources),
    }


def _items(name: str, items: Sequence[Found]) -> list[Param]:
    return [
        {
            "param": name,
            "type": item.kind,
            "value": _items(name, item.value) if item.kind == "list" else item.value,
            "resources": [],
        }
        for item in items
    ]


def _listed(refs: tuple[Ref, ...], *, doubles: bool) -> Resources:
    return [{"resource_type": ref.schema, "resource_id": ref.id} for ref in (refs if doubles else dict.fromkeys(refs))]
