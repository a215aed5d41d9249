"""Jinja over template text, in a sandbox, for values that anybody may have written.

Jinja runs before YAML is parsed, so a value could become structure in two languages. Against YAML: what an expression
puts out must be a scalar without control characters and without YAML's indicators. Against configuration text: strings
leave between marks (esi.render.marks), empty ones too. Whatever needs more freedom goes in as a Heat parameter.
Only plain data enters the sandbox, nothing in it can be changed, and an unknown name is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from esi.errors import TemplateError
from esi.render.marks import CLOSE, OPEN, unprintable

MAX_OUTPUT_CHARACTERS = 1_000_000
"""A rendered template is never longer."""

PLACE = re.compile(f"{OPEN}([0-9]+){CLOSE}")
_PLACE = "template_file"
_VALUES = " values"
_INDICATORS = re.compile("[\\[\\]{}\"'\\\\,#&*!|>%@`]|:[ ?]|:$|^[-?] |^---|^\\.\\.\\.")
_BUSY = re.compile(r"\{[{%#]")


def render(source: str, context: Mapping[str, Any], *, limit: int = MAX_OUTPUT_CHARACTERS) -> str:
    """`source` with `context`. Raises TemplateError: syntax, unknown name, forbidden value, output beyond `limit`."""
    return _generated(source, context, _finalize, limit)


def render_places(source: str, context: Mapping[str, Any], *, limit: int = MAX_OUTPUT_CHARACTERS) -> Placed:
    """`source` with a mark in place of each value, and the values: for whoever puts them in once the text is read.

    Values may hold anything. Raises TemplateError as `render` does.
    """
    values: list[Any] = []
    return Placed(_generated(source, {**context, _VALUES: values}, _place, limit), values)


class Placed(NamedTuple):
    """`PLACE` finds the marks in `text`; a mark's number is the place of its value in `values`."""

    text: str
    values: list[Any]


def _generated(source: str, context: Mapping[str, Any], finalize: Callable[..., Any], limit: int) -> str:
    if not _BUSY.search(source):
        return source
    template = _compiled(source, finalize)
    plain = {name: value if name == _VALUES else _plain(value, name) for name, value in context.items()}
    pieces: list[str] = []
    size = 0
    try:
        for piece in template.generate(plain):
            size += len(piece)
            if size > limit:
                raise TemplateError(_PLACE, f"renders to more than {limit} characters")
            pieces.append(piece)
    except jinja2.TemplateError as error:
        raise TemplateError(_PLACE, error.message or type(error).__name__) from error
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, re.error) as error:
        raise TemplateError(_PLACE, f"cannot be rendered: {type(error).__name__}") from error
    return "".join(pieces)


def check(source: str) -> None:
    """Compile `source` now. Raises TemplateError with the line."""
    if _BUSY.search(source):
        _compiled(source, _finalize)


@lru_cache(maxsize=512)
def _compiled(source: str, finalize: Callable[..., Any]) -> jinja2.Template:
    try:
        return _environment(finalize).from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{_PLACE} line {error.lineno}", error.message or "syntax error") from error


@lru_cache(maxsize=2)
def _environment(finalize: Callable[..., Any]) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, finalize=finalize, keep_trailing_newline=True, autoescape=False
    )
    environment.filters["match"] = environment.tests["match"] = _matches
    environment.filters["replace"] = _replace
    return environment


def _matches(value: object, pattern: str) -> bool:
    """Whether the regular expression matches at the beginning of the value."""
    return re.match(pattern, str(value)) is not None


def _replace(value: object, pattern: str, replacement: str) -> str:
    """The value with every match of the regular expression replaced."""
    return re.sub(pattern, replacement, str(value))


def _finalize(value: Any) -> Any:
    if isinstance(value, jinja2.Undefined):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        raise TemplateError(_PLACE, f"puts out a {type(value).__name__}; only single values can stand in a template")
    fault = unprintable(value)
    if fault:
        raise TemplateError(_PLACE, f"a value holds {fault}, which no configuration text may carry")
    found = _INDICATORS.search(value)
    if found:
        raise TemplateError(_PLACE, f"a value holds {found.group()!r}, which could become structure: use a parameter")
    return f"{OPEN}{value}{CLOSE}"


@jinja2.pass_context
def _place(context: jinja2.runtime.Context, value: Any) -> Any:
    """A mark instead of the value, which waits in the context for the text to be read."""
    if isinstance(value, jinja2.Undefined):
        return value
    values: list[Any] = context[_VALUES]
    values.append(_plain(value, "value"))
    return f"{OPEN}{len(values) - 1}{CLOSE}"


def _plain(value: Any, name: str) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list | tuple):
        return [_plain(item, name) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item, name) for key, item in value.items()}
    raise TemplateError(name, f"{type(value).__name__} is no plain data")
