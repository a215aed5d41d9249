"""Compiled snippets of a template and what they are evaluated in. The functions themselves are in functions.py.

A node has two readings. `value` is plain data. `text` is what joins into a longer text: everything that came from
outside (parameters, attributes, ids) stands between marks there (esi.render.marks), what the author wrote does not;
so no value becomes structure of a configuration.

A template that Jinja has rendered holds marked *pieces*. It is compiled with their numbers in their place, so that
templates which differ in their pieces only share one compiled form: pieces in literals are put in at evaluation,
pieces in names (of parameters, resources, keys) at compilation, and those are remembered in `Names.used`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from esi.errors import TemplateError
from esi.render.marks import CLOSE, OPEN, remark, strip
from esi.stacks import Live


@dataclass(slots=True)
class Env:
    """What a stack knows while it runs: parameter values, which conditions hold, the resources that stand, pieces."""

    parameters: Mapping[str, Any] = field(repr=False)
    lives: dict[str, Live] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    pieces: Sequence[str] = ()


class Node(NamedTuple):
    """`literal`: the same in every stack, known at load."""

    value: Callable[[Env], Any]
    text: Callable[[Env], str]
    literal: bool = False


@dataclass(slots=True)
class Names:
    """What may be referred to, and (filled while compiling) which resources a snippet waits for, and the pieces that
    names are made of."""

    parameters: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    conditions: frozenset[str] = frozenset()
    pieces: Sequence[str] = ()
    used: dict[int, str] = field(default_factory=dict)
    requires: set[str] = field(default_factory=set)

    def apart(self) -> Names:
        """The same names for another snippet."""
        return Names(self.parameters, self.resources, self.conditions, self.pieces, self.used)

    def plain(self, raw: Any) -> str:
        """A key or name of the template as it was written, its pieces put in."""

        def piece(found: re.Match[str]) -> str:
            index = int(found.group(1))
            return self.used.setdefault(index, self.pieces[index])

        text = raw if isinstance(raw, str) else str(raw)
        return strip(_PIECE.sub(piece, text)) if OPEN in text else text

    def plain_tree(self, raw: Any) -> Any:
        """Plain data with the pieces put in everywhere."""
        if isinstance(raw, dict):
            return {key: self.plain_tree(item) for key, item in self.plain_keys(raw, "parameters").items()}
        if isinstance(raw, list):
            return [self.plain_tree(item) for item in raw]
        return self.plain(raw) if isinstance(raw, str) else raw

    def plain_keys(self, raw: Mapping[Any, Any], path: str) -> dict[str, Any]:
        """The map with its keys as written. Keys that become the same are a TemplateError."""
        found = {self.plain(key): item for key, item in raw.items()}
        if len(found) < len(raw):
            raise TemplateError(path, "a key stands here twice")
        return found

    def known(self, kind: str, name: Any, path: str) -> str:
        names: frozenset[str] = getattr(self, f"{kind}s")
        plain = self.plain(name) if isinstance(name, str) else ""
        if plain not in names:
            shown = repr(plain) if isinstance(name, str) else type(name).__name__
            raise TemplateError(path, f"unknown {kind} {shown}; known: {', '.join(sorted(names)) or 'none'}")
        return plain


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


_PIECE = re.compile(f"{OPEN}(\\d+){CLOSE}")


def numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """`text` with its marked values replaced by their numbers, and the values."""
    pieces: list[str] = []

    def number(found: re.Match[str]) -> str:
        pieces.append(found.group(1))
        return f"{OPEN}{len(pieces) - 1}{CLOSE}"

    return _VALUE.sub(number, text), tuple(pieces)


_VALUE = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")


def literal(value: Any) -> Node:
    """What the author wrote; pieces in it are put in, marked, when it is evaluated."""
    if isinstance(value, str) and OPEN in value:

        def filled(env: Env) -> str:
            return _PIECE.sub(lambda found: f"{OPEN}{env.pieces[int(found.group(1))]}{CLOSE}", value)

        return Node(filled, filled)
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
