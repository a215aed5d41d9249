"""The short notation, turned into the object notation that says the same.

    expr   := 'P' field                       own field
            | 'C' text                        constant, always a string; the text is not split
            | 'O' field (':' field)+          value inside an own object field
            | 'F' step (':' step)* ':' field  field of a related resource
            | 'M' type ':' idfield ':' output  Heat output of a related resource
            | 'V' anything                    config version
            | 'A' expr ('&' expr)*            string concatenation
    step   := type '+' idfield

Written after the recorded templates (pipeline.md 3.4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from esi.errors import TemplateError


def parse_short(text: str, path: str) -> dict[str, Any]:
    """The object notation of `text`. Raises TemplateError at `path`."""
    if not text:
        raise TemplateError(path, "an empty mapping")
    read = _READERS.get(text[0])
    if read is None:
        raise TemplateError(path, f"unknown mapping {text!r}: it begins with none of {', '.join(sorted(_READERS))}")
    return read(text[1:], path)


def _own(rest: str, path: str) -> dict[str, Any]:
    return {"field": _named(rest, path, "P")}


def _constant(rest: str, path: str) -> dict[str, Any]:
    return {"constant": rest}


def _nested(rest: str, path: str) -> dict[str, Any]:
    names = rest.split(":")
    if len(names) < 2:
        raise TemplateError(path, f"'O{rest}' needs a field and a field inside it: O<field>:<subfield>")
    return {"nested": [_named(name, path, "O") for name in names]}


def _foreign(rest: str, path: str) -> dict[str, Any]:
    *steps, field = rest.split(":")
    if not steps:
        raise TemplateError(path, f"'F{rest}' has no step: F<type>+<id field>:…:<field>")
    return {"field": _named(field, path, "F"), "path": [_step(step, path) for step in steps]}


def _step(text: str, path: str) -> dict[str, str]:
    type_, plus, id_field = text.partition("+")
    if not (type_ and plus and id_field):
        raise TemplateError(path, f"{text!r} is not a step <type>+<id field>")
    return {"type": type_, "id": id_field}


def _output(rest: str, path: str) -> dict[str, Any]:
    parts = rest.split(":")
    if len(parts) != 3 or not all(parts):
        raise TemplateError(path, f"'M{rest}' is not M<type>:<id field>:<output>")
    return {"output_key": parts[2], "path": [{"type": parts[0], "id": parts[1]}]}


def _version(rest: str, path: str) -> dict[str, Any]:
    return {"version": rest or "auto_filled"}


def _joined(rest: str, path: str) -> dict[str, Any]:
    parts = [parse_short(part, path) for part in rest.split("&")]
    return {"concatenate": parts}


def _named(name: str, path: str, letter: str) -> str:
    if not name or ":" in name or "+" in name:
        raise TemplateError(path, f"'{letter}…' names no field: {name!r}")
    return name


_READERS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "P": _own,
    "C": _constant,
    "O": _nested,
    "F": _foreign,
    "M": _output,
    "V": _version,
    "A": _joined,
}
