"""Structured values that come as text: JSON, or as the recorded system wrote them, in Python's own notation.

    {"edition": "Standard", "size": "10"}        {u'edition': u'Standard', u'size': u'10'}

Only literals are read, nothing is evaluated. What is no map or list of plain values is refused, without showing it: it
may hold a password.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from typing import Any

import orjson

from esi.errors import TemplateError

LONGEST = 64 * 1024
DEEPEST = 8


def read_map(value: Any, path: str) -> Mapping[str, Any]:
    """A map; "" is an empty one. Raises TemplateError."""
    found = _read(value, path) or {}
    if not isinstance(found, Mapping):
        raise TemplateError(path, "must be a map")
    return found


def read_list(value: Any, path: str) -> list[Any]:
    """A list; "" is an empty one. Raises TemplateError."""
    found = _read(value, path) or []
    if not isinstance(found, list):
        raise TemplateError(path, "must be a list")
    return found


def _read(value: Any, path: str) -> Any:
    if isinstance(value, str):
        value = _parsed(value.strip(), path)
    if not _plain(value, DEEPEST):
        raise TemplateError(path, "holds something else than maps, lists, texts, numbers, booleans and nothing")
    return value


def _parsed(text: str, path: str) -> Any:
    if not text or len(text) > LONGEST:
        if text:
            raise TemplateError(path, f"is longer than {LONGEST} characters")
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # about escapes that Python does not know
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise TemplateError(path, "is neither JSON nor a literal of Python") from None


def _plain(value: Any, deepest: int) -> bool:
    if value is None or isinstance(value, str | int | float | bool):
        return True
    if not deepest:
        return False
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _plain(item, deepest - 1) for name, item in value.items())
    return isinstance(value, list) and all(_plain(item, deepest - 1) for item in value)
