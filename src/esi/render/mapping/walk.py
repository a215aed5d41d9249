"""Paths: from the own body over references to another resource.

A path element is the name of an own reference field (its target known from the schema's relations), an explicit
{type, id}, where id "" means that the element of a list is the id itself, or {concatenate: […]}, a field name built
from values at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from esi.errors import TemplateError
from esi.model.resource import Body, Ref
from esi.render.mapping.scope import Missing, Place, Scope

Walk = Callable[[Scope, bool], tuple[tuple[Ref, ...], Body | None]]
"""Walk the path; with True, what is missing gives ((), None) instead of an error."""

Name = Callable[[Scope], str]

NOWHERE: tuple[tuple[Ref, ...], Body | None] = ((), None)

_Step = Callable[[Scope, str], tuple[str, str]]
"""(scope, schema one stands at) → the target schema and the field that holds its id."""


def compile_walk(raw: Any, place: Place, joined: Callable[[Any, Place], Name]) -> Walk:
    """The walk along `raw`. `joined` compiles a field name that is put together at run time."""
    if not isinstance(raw, list) or not raw:
        raise TemplateError(place.path, "path must be a list of at least one step")
    steps: list[_Step] = []
    schema: str | None = place.schema
    for index, element in enumerate(raw):
        at = place.at("path").at(index)
        step, schema = _compile_step(element, schema, at if index == 0 else at._replace(prefix=""), joined)
        steps.append(step)

    way = f"{place.schema} {place.prefix} {raw}"

    def walk(scope: Scope, ignore: bool) -> tuple[tuple[Ref, ...], Body | None]:
        if (found := scope.walked.get(way)) is not None:
            return found
        try:
            found = scope.walked[way] = _follow(scope, steps, place.path)
        except (Missing, TemplateError):
            if scope.lenient:
                scope.walked[way] = NOWHERE
            elif not ignore:
                raise
            return NOWHERE
        return found

    return walk


def _follow(scope: Scope, steps: list[_Step], path: str) -> tuple[tuple[Ref, ...], Body]:
    visited: list[Ref] = []
    schema, body = scope.schema, None
    for step in steps:
        target, field = step(scope, schema)
        id_ = scope.own(field) if body is None else body.get(field)
        if not isinstance(id_, str) or not id_:
            if visited:
                raise Missing(visited[-1], field)
            raise TemplateError(path, f"own field {field!r} is empty; it must name a {target}")
        ref = Ref(target, id_)
        body = scope.read(ref)
        if body is None:
            raise Missing(ref)
        visited.append(ref)
        schema = target
    assert body is not None
    return tuple(visited), body


def _compile_step(
    raw: Any, schema: str | None, place: Place, joined: Callable[[Any, Place], Name]
) -> tuple[_Step, str | None]:
    """The step, and the schema it leads to where that is known at load."""
    if isinstance(raw, str) and raw:
        if schema is None:
            raise TemplateError(place.path, f"{raw!r} follows a step whose target is known at run time only")
        target = place.related(schema, raw)
        if target is None:
            raise TemplateError(place.path, f"{schema}.{raw} refers to nothing")
        fixed = (target, raw)
        return (lambda scope, at: fixed), target
    if isinstance(raw, Mapping) and set(raw) == {"type", "id"} and raw["type"] and isinstance(raw["id"], str):
        explicit = (str(raw["type"]), raw["id"])
        return (lambda scope, at: explicit), explicit[0]
    if isinstance(raw, Mapping) and set(raw) == {"concatenate"}:
        name = joined(raw, place)

        def built(scope: Scope, at: str) -> tuple[str, str]:
            field = name(scope)
            target = place.related(at, field)
            if target is None:
                raise TemplateError(place.path, f"{at}.{field} refers to nothing")
            return target, field

        return built, None
    raise TemplateError(place.path, "a step is a field's name, {type, id} or {concatenate: […]}")
