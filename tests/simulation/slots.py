"""Lines of a router's configuration, and whether one set of lines is another with a value exchanged in its own places.

A line is the whole way to one leaf: for every level its words, what stands in brackets, its tags, its annotation. So a
word more, a level more, a tag more is another line, and one line cannot stand for two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from esi.errors import TemplateError
from esi.render.junos.secret9 import decode
from esi.render.junos.text import Statement, parse

Level = tuple[tuple[str, ...], tuple[str, ...], frozenset[str], str]
Line = tuple[Level, ...]
Pairs = Sequence[tuple[str, str]]
"""Plain values and the hostile ones that stand in their places."""


def lines(text: str) -> Counter[Line]:
    """The lines of CLI text."""
    return Counter(_lines(parse(text), ()))


def _lines(statements: Iterable[Statement], above: Line) -> Iterator[Line]:
    for one in statements:
        here = (*above, (tuple(map(_plain, one.words)), one.values or (), one.tags, one.comment))
        if one.children:
            yield from _lines(one.children, here)
        else:
            yield here


def _plain(word: str) -> str:
    """A word as it was meant: secrets decoded."""
    if not word.startswith("$9$"):
        return word
    try:
        return decode(word)
    except TemplateError:
        return word


def pairs(plain: Any, hostile: Any) -> Iterator[tuple[str, str]]:
    """Texts of two documents that differ, by place; both with and without a mask behind an address."""
    if isinstance(plain, dict) and isinstance(hostile, dict):
        for name in plain.keys() & hostile.keys():
            yield from pairs(plain[name], hostile[name])
    elif isinstance(plain, str) and isinstance(hostile, str) and plain and plain != hostile:
        yield plain, hostile
        if "/" in plain:
            yield plain.partition("/")[0], hostile.partition("/")[0]


def strangers(found: Counter[Line], expected: Counter[Line], exchanged: Pairs) -> list[Line]:
    """The lines of `found` that are none of `expected`, each of which may be used once, with values exchanged."""
    free = expected.copy()
    left: list[Line] = []
    for line in found.elements():
        match = next((one for one in free if _fits(one, line, exchanged)), None)
        if match is None:
            left.append(line)
            continue
        free[match] -= 1
        if not free[match]:
            del free[match]
    return left


def _fits(plain: Line, hostile: Line, exchanged: Pairs) -> bool:
    return len(plain) == len(hostile) and all(
        one[2] == other[2]
        and _same(_squeezed(one[3]), _squeezed(other[3]), [(_squeezed(old), _squeezed(new)) for old, new in exchanged])
        and all(
            len(words) == len(others) and all(_same(a, b, exchanged) for a, b in zip(words, others, strict=True))
            for words, others in zip(one[:2], other[:2], strict=True)
        )
        for one, other in zip(plain, hostile, strict=True)
    )


def _squeezed(annotation: str) -> str:
    """An annotation without what routers change in it: blanks, and signs that would end it."""
    return re.sub(r"[\W_]+", "", annotation)


def _same(plain: str, hostile: str, exchanged: Pairs) -> bool:
    return plain == hostile or any(plain.replace(old, new) == hostile for old, new in exchanged if old in plain)
