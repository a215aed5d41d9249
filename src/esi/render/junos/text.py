"""JUNOS CLI configuration text: to plain statements and back, with no word ever becoming structure.

    statement := tag* word+ ( ";" | "{" statement* "}" | "[" word* "]" ";" )
    tag       := inactive: | active: | replace: | delete: | protect: | unprotect:
    word      := characters without blanks and ; { } [ ] " | "quoted with \\" and \\\\ inside" | a marked value
    comment   := /* kept with the statement that follows */ | # to the end of the line, dropped

A *marked value* (esi.render.marks) stands between U+E000 and U+E001: the template engine marks all that it substitutes.
Whatever is inside, quotes and braces included, is part of one word together with the characters that touch it, inside
or outside quotes. Control characters in a value, and marks that nest or lack their partner, are refused.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from esi.errors import TemplateError
from esi.render.marks import CLOSE, MARKS, OPEN, strip, unprintable

TAGS = frozenset({"inactive:", "active:", "replace:", "delete:", "protect:", "unprotect:"})
INDENT = "    "
_DEEPEST = 64
_SHORT, _REMEMBERED = 2048, 1024

# Only single characters repeat possessively: on groups Python before 3.11.5 (Debian 12 has 3.11.2) gets it wrong. The
# branches of each group begin differently, so there is nothing to try twice.
_MARKED = "\ue000[^\ue000\ue001]*+\ue001"
_QUOTED = f'"(?:[^"\\\\\n\ue000\ue001]++|\\\\[^\n\ue000\ue001]|{_MARKED})*"'
_BARE = '[^ \t\r\n;{}\\[\\]"\ue000\ue001]++'
# A comment, the rest of a line, a sign, a word; what is none of them is a single character that ends the reading.
_TOKEN = re.compile(
    f"/\\*(?:[^*\ue000\ue001]++|\\*(?!/)|{_MARKED})*\\*/|#[^\n]*+|[;{{}}\\[\\]]"
    f"|(?:{_MARKED}|{_QUOTED}|{_BARE})+|[^ \t\r\n]"
)
_PIECE = re.compile(f"{_MARKED}|{_QUOTED}|{_BARE}")
_ESCAPE = re.compile(r'\\(["\\])')
_MARKED_IN_QUOTES = re.compile(f"({_MARKED})")
_SIGNS = frozenset(";{}[]")
_NO_TAGS: frozenset[str] = frozenset()
_STRAY = frozenset('"' + OPEN + CLOSE)
_PLAIN = re.compile(r"[A-Za-z0-9_./:@+%~^-]+|<[A-Za-z0-9_./:*-]+>")


class Statement(NamedTuple):
    """One statement as written. `children` is None when it ends with a semicolon; `values` stood in brackets."""

    words: tuple[str, ...]
    children: tuple[Statement, ...] | None = None
    values: tuple[str, ...] | None = None
    tags: frozenset[str] = frozenset()
    comment: str = ""


def parse(text: str, *, where: str = "text") -> tuple[Statement, ...]:
    """Read CLI text. Raises TemplateError with `where` and the line for what does not follow the grammar.

    What is short is read once: a piece of configuration is parsed when its stack is checked, made, and sent.
    """
    if len(text) > _SHORT:
        return _read(text, where)
    try:
        return _known(text)
    except TemplateError:
        return _read(text, where)  # says where


@functools.lru_cache(maxsize=_REMEMBERED)
def _known(text: str) -> tuple[Statement, ...]:
    return _read(text, "")


def _read(text: str, where: str) -> tuple[Statement, ...]:
    _check_marks(text, where)
    return _Reader(text, where).read()


@functools.lru_cache(maxsize=_REMEMBERED)
def quote(word: str) -> str:
    """The word as it must be written to be read back as one word. Raises TemplateError for control characters."""
    if _PLAIN.fullmatch(word) and word not in TAGS:
        return word
    _check_word(word, "word")
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def print_statements(statements: Iterable[Statement], *, depth: int = 0) -> str:
    """CLI text of statements, four blanks for each level, a newline after each line."""
    lines: list[str] = []
    for statement in statements:
        _print(statement, INDENT * depth, lines)
    return "".join(f"{line}\n" for line in lines)


def _print(statement: Statement, indent: str, lines: list[str]) -> None:
    if statement.comment:
        lines.append(f"{indent}/* {comment_text(statement.comment)} */")
    head = indent + " ".join([*sorted(statement.tags), *map(quote, statement.words)])
    if statement.children is not None:
        lines.append(f"{head} {{")
        for child in statement.children:
            _print(child, indent + INDENT, lines)
        lines.append(f"{indent}}}")
    elif statement.values is not None:
        lines.append(" ".join([head, "[", *map(quote, statement.values), "];"]))
    else:
        lines.append(f"{head};")


def comment_text(comment: str) -> str:
    """An annotation on one line that cannot end early."""
    clean = "".join(one if one.isprintable() else " " for one in comment)
    return strip(clean).replace("*/", "* /").strip()


class _Open(NamedTuple):  # its closing brace has not come yet; `around` are the children of the one around it
    words: tuple[str, ...]
    tags: frozenset[str]
    comment: str
    around: list[Statement]


class _Reader:
    """The statement being read, and those around it that are still open. Tokens are known by their numbers: where one
    stands in the text is asked only for a fault.
    """

    def __init__(self, text: str, where: str) -> None:
        self._text, self._where = text, where
        self._stack: list[_Open] = []
        self._children: list[Statement] = []
        self._clear()

    def _clear(self) -> None:
        self._words: list[str] = []
        self._tags = _NO_TAGS
        self._comment = ""
        self._values: tuple[str, ...] | None = None

    def read(self) -> tuple[Statement, ...]:
        found = _TOKEN.findall(self._text)
        tokens = enumerate(found)
        for at, raw in tokens:
            if raw == "[":
                self._bracket(at, tokens)
            elif raw in _SIGNS:
                self._sign(at, raw)
            elif raw[0] in "#/" and _is_comment(raw):
                self._comment = self._comment if self._words or raw[0] == "#" else strip(raw[2:-2]).strip()
            elif not self._words and raw in TAGS:
                self._tags |= {raw}
            elif self._values is None:
                self._words.append(self._word(at, raw))
            else:
                self._word(at, raw)
                raise self._fault(at, "a semicolon must follow the closing bracket")
        if self._words or self._tags or self._stack:
            raise self._fault(len(found), "the text ends inside a statement")
        return tuple(self._children)

    def _word(self, at: int, raw: str) -> str:
        if raw in _STRAY:
            raise self._fault(at, f"syntax error at {self._text[self._start(at) :][:12]!r}")
        plain = '"' not in raw and OPEN not in raw
        word = raw if plain else "".join([_unquoted(piece) for piece in _PIECE.findall(raw)])
        if not word.isprintable():
            _check_word(word, _place(self._text, self._start(at), self._where))
        return word

    def _bracket(self, opened: int, tokens: Iterator[tuple[int, str]]) -> None:
        if not self._words or self._values is not None:
            raise self._fault(opened, "syntax error at '['")
        values: list[str] = []
        for at, raw in tokens:
            if raw == "]":
                self._values = tuple(values)
                return
            if raw in _SIGNS:
                raise self._fault(at, f"syntax error at {raw!r} inside brackets")
            if not _is_comment(raw):
                values.append(self._word(at, raw))
        raise self._fault(opened, "the bracket is not closed")

    def _sign(self, at: int, sign: str) -> None:
        words, tags = tuple(self._words), self._tags
        if sign == ";" and (words or not tags):
            if words:
                self._children.append(Statement(words, None, self._values, tags, self._comment))
        elif sign == "{" and words and self._values is None and len(self._stack) + 1 < _DEEPEST:
            self._stack.append(_Open(words, tags, self._comment, self._children))
            self._children = []
        elif sign == "}" and not words and not tags and self._stack:
            opened, inside = self._stack.pop(), tuple(self._children)
            self._children = opened.around
            self._children.append(Statement(opened.words, inside, None, opened.tags, opened.comment))
        else:
            raise self._fault(at, f"syntax error at {sign!r}")
        self._clear()

    def _start(self, token: int) -> int:
        """Where a token begins; behind the last one the text ends."""
        found = next(islice(_TOKEN.finditer(self._text), token, None), None)
        return len(self._text) if found is None else found.start()

    def _fault(self, token: int, message: str) -> TemplateError:
        return _fault(self._text, self._start(token), self._where, message)


def _is_comment(raw: str) -> bool:
    return raw[0] == "#" or (raw[:2] == "/*" and raw[-2:] == "*/" and len(raw) > 3)


def _unquoted(piece: str) -> str:
    if piece[0] == OPEN:
        return piece[1:-1]
    if piece[0] != '"':
        return piece
    parts = _MARKED_IN_QUOTES.split(piece[1:-1])
    return "".join(part[1:-1] if part[:1] == OPEN else _ESCAPE.sub(r"\1", part) for part in parts)


def _check_marks(text: str, where: str) -> None:
    if OPEN not in text and CLOSE not in text:
        return
    opened = -1
    for found in MARKS.finditer(text):
        if (found[0] == OPEN) is (opened >= 0):
            raise _fault(text, found.start(), where, "the marks around a value nest or lack their partner")
        if opened >= 0:
            _check_word(text[opened + 1 : found.start()], _place(text, opened, where))
        opened = found.start() if found[0] == OPEN else -1
    if opened >= 0:
        raise _fault(text, opened, where, "the marks around a value nest or lack their partner")


def _check_word(word: str, where: str) -> None:
    if fault := unprintable(word):
        raise TemplateError(where, f"a value must not hold {fault}")


def _place(text: str, at: int, where: str) -> str:
    return f"{where}, line {text.count(chr(10), 0, at) + 1}"


def _fault(text: str, at: int, where: str, message: str) -> TemplateError:
    return TemplateError(_place(text, at, where), message)
