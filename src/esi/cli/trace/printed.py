"""Any value as lines of words, each word with what it is, so that terminal and page can colour them alike.

JSON is indented by four, as the recorded commands print it. A string of several lines (a template, a router's diff)
stands as a block under its name, because nobody can read `\\n`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from lxml import etree

from esi.telemetry import MASK

INDENT = "    "

_PIECE = re.compile(r"[^ /:]*[ /:]*")


class Word(NamedTuple):
    """A piece of a line; `kind` is name, text, number, word, mask, added, removed, place, head, dim or nothing."""

    text: str
    kind: str = ""


Line = tuple[Word, ...]


def as_text(line: Line) -> str:
    return "".join(word.text for word in line)


def broken(text: str, width: int) -> list[str]:
    """A long text on lines, broken behind a blank, a slash or a colon where there is one, as in paths and keys."""
    lines = [""]
    for piece in _PIECE.findall(text):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1].rstrip()) > width:
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return [line.rstrip() for line in lines]


def print_value(value: Any, *, diff: bool = False) -> list[Line]:
    """The lines of a body; `diff` colours lines of text as a comparison. Nothing for null."""
    if value is None:
        return []
    if isinstance(value, str):
        return [_text_line(line, diff) for line in _indented_xml(value).split("\n")]
    return list(_value(value, (), "", diff))


def _value(value: Any, head: Line, indent: str, diff: bool, comma: str = "") -> Iterator[Line]:
    """`head` stands before the value on its first line, `comma` behind it on its last."""
    if isinstance(value, Mapping | list) and value:
        yield from _members(value, head, indent, diff, comma)
    elif isinstance(value, str) and "\n" in (text := _indented_xml(value).strip("\n")):
        yield (*head, Word("|", "dim"))
        for line in text.split("\n"):
            yield (Word(indent + INDENT), *_text_line(line, diff))
    else:
        yield (*head, _scalar(value), Word(comma))


def _members(value: Any, head: Line, indent: str, diff: bool, comma: str) -> Iterator[Line]:
    opening, closing = "{}" if isinstance(value, Mapping) else "[]"
    yield (*head, Word(opening))
    items = value.items() if isinstance(value, Mapping) else ((None, item) for item in value)
    for left, (name, item) in zip(range(len(value) - 1, -1, -1), items, strict=True):
        named = () if name is None else (Word(json.dumps(name, ensure_ascii=False), "name"), Word(": "))
        yield from _value(item, (Word(indent + INDENT), *named), indent + INDENT, diff, "," if left else "")
    yield (Word(indent + closing + comma),)


def _scalar(value: Any) -> Word:
    text = json.dumps(value, ensure_ascii=False)
    if value == MASK:
        return Word(text, "mask")
    if isinstance(value, str):
        return Word(text, "text")
    return Word(text, "word" if value is None or isinstance(value, bool) else "number")


def _text_line(line: str, diff: bool) -> Line:
    kind = {"+": "added", "-": "removed", "[": "place"}.get(line[:1], "") if diff else ""
    return tuple(chain.from_iterable(_masks(piece, kind, last) for piece, last in _pieces(line)))


def _pieces(line: str) -> Iterator[tuple[str, bool]]:
    pieces = line.split(MASK)
    return ((piece, number == len(pieces)) for number, piece in enumerate(pieces, 1))


def _masks(piece: str, kind: str, last: bool) -> Iterator[Word]:
    if piece:
        yield Word(piece, kind)
    if not last:
        yield Word(MASK, "mask")


def _indented_xml(text: str) -> str:
    """XML that stands on one line, indented; anything else as it is."""
    if not text.startswith("<") or "\n" in text.strip():
        return text
    try:
        root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except (etree.XMLSyntaxError, ValueError):
        return text
    etree.indent(root)
    return etree.tostring(root, encoding="unicode")
