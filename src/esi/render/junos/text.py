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
from dataclasses import dataclass

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
_TOKEN = re.compile(
    f"(?P<blank>[ \t\r\n]++)|/\\*(?P<comment>(?:[^*\ue000\ue001]++|\\*(?!/)|{_MARKED})*)\\*/|(?P<line>#[^\n]*+)"
    f"|(?P<sign>[;{{}}\\[\\]])|(?P<word>(?:{_MARKED}|{_QUOTED}|{_BARE})+)"
)
_PIECE = re.compile(f"{_MARKED}|{_QUOTED}|{_BARE}")
_ESCAPE = re.compile(r'\\(["\\])')
_MARKED_IN_QUOTES = re.compile(f"({_MARKED})")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@+%~^-]+|<[A-Za-z0-9_./:*-]+>")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as written. `children` is None when it ends with a semicolon; `values` stood in brackets."""

    words: tuple[str, ...]
    children: tuple[Statement, ...] | None = None
    values: tuple[str, ...] | None = None
    tags: frozenset[str] = frozenset()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a sign or a comment. `plain`: written without quotes and marks, so that it may be a tag."""

    kind: str
    text: str
    at: int
    plain: bool = True


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
    reader = _Reader(text, where)
    tokens = tokenize(text, where=where)
    for token in tokens:
        if token.kind == "word":
            reader.word(token)
        elif token.kind == "comment":
            reader.comment = reader.comment if reader.words else token.text
        elif token.text == "[":
            reader.bracket(token, tokens)
        else:
            reader.sign(token)
    return reader.end()


def tokenize(text: str, *, where: str = "text") -> Iterator[Token]:
    """Words, signs and annotations of a text in order; `#` comments are dropped. Raises TemplateError."""
    _check_marks(text, where)
    at, end = 0, len(text)
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise _fault(text, at, where, f"syntax error at {text[at : at + 12]!r}")
        kind = str(found.lastgroup)
        if kind == "word":
            raw = found[0]
            plain = '"' not in raw and OPEN not in raw
            word = raw if plain else "".join(_unquoted(piece) for piece in _PIECE.findall(raw))
            if not word.isprintable():
                _check_word(word, _place(text, at, where))
            yield Token(kind, word, at, plain)
        elif kind == "sign":
            yield Token(kind, found[0], at)
        elif kind == "comment":
            yield Token(kind, strip(found["comment"]).strip(), at)
        at = found.end()


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


class _Open:
    """A statement whose closing brace has not come yet."""

    __slots__ = ("children", "comment", "tags", "words")

    def __init__(self, words: tuple[str, ...], tags: frozenset[str], comment: str) -> None:
        self.words, self.tags, self.comment = words, tags, comment
        self.children: list[Statement] = []

    def closed(self) -> Statement:
        return Statement(self.words, tuple(self.children), None, self.tags, self.comment)


class _Reader:
    """The statement being read, and those around it that are still open."""

    def __init__(self, text: str, where: str) -> None:
        self._text, self._where = text, where
        self._stack = [_Open((), frozenset(), "")]
        self._clear()

    def _clear(self) -> None:
        self.words: list[str] = []
        self.comment = ""
        self._values: tuple[str, ...] | None = None
        self._tags: set[str] = set()

    def word(self, token: Token) -> None:
        if not self.words and token.plain and token.text in TAGS:
            self._tags.add(token.text)
        elif self._values is None:
            self.words.append(token.text)
        else:
            raise self._fault(token.at, "a semicolon must follow the closing bracket")

    def bracket(self, opened: Token, tokens: Iterator[Token]) -> None:
        if not self.words or self._values is not None:
            raise self._fault(opened.at, "syntax error at '['")
        values: list[str] = []
        for token in tokens:
            if token.kind == "word":
                values.append(token.text)
            elif token.text == "]":
                self._values = tuple(values)
                return
            elif token.kind == "sign":
                raise self._fault(token.at, f"syntax error at {token.text!r} inside brackets")
        raise self._fault(opened.at, "the bracket is not closed")

    def sign(self, token: Token) -> None:
        words, tags = tuple(self.words), frozenset(self._tags)
        if token.text == ";" and (words or not tags):
            if words:
                self._stack[-1].children.append(Statement(words, None, self._values, tags, self.comment))
        elif token.text == "{" and words and self._values is None and len(self._stack) < _DEEPEST:
            self._stack.append(_Open(words, tags, self.comment))
        elif token.text == "}" and not words and not tags and len(self._stack) > 1:
            self._stack[-2].children.append(self._stack.pop().closed())
        else:
            raise self._fault(token.at, f"syntax error at {token.text!r}")
        self._clear()

    def end(self) -> tuple[Statement, ...]:
        if self.words or self._tags or len(self._stack) > 1:
            raise self._fault(len(self._text), "the text ends inside a statement")
        return tuple(self._stack[0].children)

    def _fault(self, at: int, message: str) -> TemplateError:
        return _fault(self._text, at, self._where, message)


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
