"""Marks around values that were put into text: whoever parses it later takes what stands between them as one word.

U+E000 opens, U+E001 closes; marks never nest. They are put there by the template functions and by Jinja, and taken off
by whoever reads the text for anything but structure. A value from outside that holds a mark is refused, so nobody can
write marks of his own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from esi.errors import TemplateError

OPEN = "\ue000"
CLOSE = "\ue001"

MARKS = re.compile(f"[{OPEN}{CLOSE}]")
_SPLIT = re.compile(f"([{OPEN}{CLOSE}])")
_SUSPECT = re.compile("[^ -\\ud7ff\\uf900-\\U0010ffff]|[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def mark(value: str) -> str:
    """`value` between marks. Raises TemplateError when it holds marks, control characters or line separators."""
    fault = unprintable(value)
    if fault:
        raise TemplateError("", f"a value holds {fault}, which no configuration text may carry")
    return f"{OPEN}{value}{CLOSE}"


def remark(text: str) -> str:
    """`text`, whose pieces may be marked already, as one marked value."""
    return mark(strip(text))


def strip(text: str) -> str:
    """`text` without marks."""
    return MARKS.sub("", text) if OPEN in text or CLOSE in text else text


def stripped(value: Any) -> Any:
    """Plain data with the marks taken off every string and every key."""
    if isinstance(value, str):
        return strip(value)
    if isinstance(value, dict):
        return {strip(key): stripped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [stripped(item) for item in value]
    return value


def normal(value: Any) -> Any:
    """Plain data whose marks somebody else has put there: of marks within marks the outer ones stay, and what stands
    between them is checked as by `mark`. Raises TemplateError, also for marks without their partner.
    """
    if isinstance(value, str):
        return _normal(value) if OPEN in value or CLOSE in value else value
    if isinstance(value, dict):
        return {strip(key): normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [normal(item) for item in value]
    return value


def _normal(text: str) -> str:
    written: list[str] = []
    piece, depth = "", 0
    for part in _SPLIT.split(text):
        depth += (part == OPEN) - (part == CLOSE)
        if part == CLOSE and depth == 0:
            written.append(mark(piece))
            piece = ""
        elif part not in (OPEN, CLOSE):
            if depth:
                piece += part
            else:
                written.append(part)
        if depth < 0:
            break
    if depth:
        raise TemplateError("", "a value holds characters that are kept for marking values")
    return "".join(written)


def is_marked(value: Any) -> bool:
    """Whether any string in plain data holds a mark."""
    if isinstance(value, str):
        return MARKS.search(value) is not None
    if isinstance(value, dict):
        return any(is_marked(key) or is_marked(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(is_marked, value))
    return False


def unprintable(value: str) -> str:
    """The name of the first character that no value may hold ("" when there is none): control, private, no character.

    These are also what neither YAML nor XML could carry.
    """
    found = _SUSPECT.search(value)
    if found is None:
        return ""
    character = found.group()
    return unicodedata.name(character, f"the character U+{ord(character):04X}")


class Keys:
    """Words to be replaced in texts, the longer first, never inside a value that was put in before."""

    def __init__(self, keys: Iterable[str]) -> None:
        words = "|".join(re.escape(key) for key in sorted(keys, key=len, reverse=True))
        self._pattern = re.compile(f"{OPEN}[^{CLOSE}]*{CLOSE}|({words})" if words else "(?!)")

    def replace(self, text: str, values: Mapping[str, str]) -> str:
        """`text` with every key replaced by its value, in one pass."""
        return self._pattern.sub(lambda found: values[found.group(1)] if found.group(1) else found.group(), text)
