"""Compiled snippets of a template and what they are evaluated in. The functions themselves are in functions.py.

A node has two readings. `value` is plain data. `text` is what joins into a longer text: everything that came from
outside (parameters, attributes, ids) stands between marks there (esi.render.marks), what the author wrote does not;
so no value becomes structure of a configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from esi.errors import TemplateError
from esi.render.marks import remark, strip
from esi.stacks import Live


@dataclass(slots=True)
class Env:
    """What a stack knows while it runs: parameter values, which conditions hold, and the resources that stand."""

    parameters: Mapping[str, Any]
    lives: dict[str, Live] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)


class Node(NamedTuple):
    """`literal`: the same in every stack, known at load."""

    value: Callable[[Env], Any]
    text: Callable[[Env], str]
    literal: bool = False


@dataclass(slots=True)
class Names:
    """What may be referred to, and (filled while compiling) which resources a snippet waits for."""

    parameters: frozenset[str]
    resources: frozenset[str]
    conditions: frozenset[str]
    requires: set[str] = field(default_factory=set)

    def known(self, kind: str, name: Any, path: str) -> str:
        names: frozenset[str] = getattr(self, f"{kind}s")
        if not isinstance(name, str) or name not in names:
            raise TemplateError(path, f"unknown {kind} {name!r}; known: {', '.join(sorted(names)) or 'none'}")
        return name


def as_text(value: Any) -> str:
    """A value as it stands in text: null is empty, lists and maps are JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else str(value)


def walk_value(value: Any, steps: Sequence[Any], path: str) -> Any:
    """The part of `value` that `steps` (keys and indexes) lead to; None where there is none."""
    for step in steps:
        if isinstance(value, Mapping):
            value = value.get(strip(str(step)))
        elif isinstance(value, list) and str(step).lstrip("-").isdigit():
            value = value[int(step)] if -len(value) <= int(step) < len(value) else None
        elif value is not None:
            raise TemplateError(path, f"has nothing inside at {strip(str(step))!r}")
    return value


def literal(value: Any) -> Node:
    return Node(lambda env: value, lambda env: as_text(value), literal=True)


def outside(value: Callable[[Env], Any], path: str) -> Node:
    """A node whose value comes from outside the template: marked in text."""
    return Node(value, lambda env: marked(value(env), path))


def marked(value: Any, path: str) -> str:
    """`value` as one marked word; what cannot be one is a TemplateError at `path`."""
    try:
        return remark(as_text(value))
    except TemplateError as error:
        raise TemplateError(path, error.message) from error
