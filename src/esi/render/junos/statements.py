"""The table of statements as the code uses it, read from `statements.txt` (which explains its own form).

A Spec says what one statement is: how text writes it, where XML puts it, which values it takes, what stands inside.
Blocks that are used in several places share their children, so that the table of `groups`, which may hold everything
again, costs nothing.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from importlib import resources

from esi.errors import Broken

_LINE = re.compile(r"( *)(\S+)(?: (\{\}|\*|\[\]|=\??))?((?: \S+)*)")


class Kind(Enum):
    CONTAINER = "{}"
    LIST = "*"
    LEAF = "="
    OPTIONAL = "=?"
    VALUES = "[]"
    FLAG = ""
    GENERIC = "?"  # a statement that the table does not know: its words are its name


@dataclass(slots=True, eq=False)
class Spec:
    """One statement. `children` are found by the word that text writes, `hidden` is the list that has no such word."""

    name: str
    kind: Kind
    order: int
    marks: frozenset[str] = frozenset()
    check: Callable[[str], str | None] | None = None
    inner: str = ""
    children: dict[str, Spec] = field(default_factory=dict)
    hidden: Spec | None = None
    element: str = ""  # the name in XML
    inside: bool = field(init=False)
    open: bool = field(init=False)
    presence: bool = field(init=False)
    joined: bool = field(init=False)
    silent: bool = field(init=False)
    written: bool = field(init=False)  # the name is written in text
    secret: bool = field(init=False)
    secret9: bool = field(init=False)

    def __post_init__(self) -> None:
        marks = self.marks
        self.element = self.element or self.name
        self.inside = self.kind in (Kind.CONTAINER, Kind.LIST, Kind.GENERIC)
        self.open = "open" in marks
        self.presence = "presence" in marks or self.kind in (Kind.LIST, Kind.GENERIC)
        self.joined, self.silent = "joined" in marks, "silent" in marks
        self.written = "hidden" not in marks
        self.secret9 = "secret9" in marks
        self.secret = self.secret9 or "secret" in marks

    def find(self, word: str) -> Spec | None:
        """The child that text calls by this word; None for an entry of the hidden list and for what is unknown."""
        return self.children.get(word)


GENERIC = Spec("", Kind.GENERIC, 1_000_000, frozenset({"open"}))
APPLY_GROUPS = (
    Spec("apply-groups", Kind.VALUES, -3),
    Spec("apply-groups-except", Kind.VALUES, -2),
    Spec("apply-macro", Kind.LIST, -1, frozenset({"open"})),
)


@functools.cache
def root() -> Spec:
    """The whole configuration. Raises Broken when the table itself is at fault."""
    source = resources.files(__package__).joinpath("statements.txt").read_text(encoding="utf-8")
    return build(source)


def build(source: str) -> Spec:
    """Read a table in the form of `statements.txt`."""
    blocks = {"": Spec("configuration", Kind.CONTAINER, 0)}
    uses: list[tuple[Spec, str, int]] = []
    stack: list[tuple[int, Spec]] = [(-1, blocks[""])]
    for number, line in enumerate(source.splitlines()):
        bare = line.rstrip()
        if not bare or bare.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(bare)
        if found is None:
            raise Broken(f"statements.txt, line {number + 1}: not a statement")
        indent, name, sign, marks = len(found[1]), found[2], found[3] or "", found[4].split()
        if indent == 0:
            stack = [(-1, blocks[""])]
        if name == "define":
            stack = [(0, blocks.setdefault(marks[0], Spec(marks[0], Kind.CONTAINER, 0)))]
            continue
        while stack[-1][0] >= indent:
            stack.pop()
        if name == "use":
            uses.append((stack[-1][1], marks[0], number))
            continue
        spec = _spec(name, sign, marks, number)
        _add(stack[-1][1], spec)
        stack.append((indent, spec))
    _use(blocks, uses)
    _add_everywhere(blocks[""])
    groups = blocks[""].children["groups"]  # at the top apply-groups is shown behind the groups, not first
    blocks[""].children["apply-groups"] = Spec("apply-groups", Kind.VALUES, groups.order + 1)
    return blocks[""]


def _spec(name: str, sign: str, marks: list[str], order: int) -> Spec:
    settings = dict(mark.split("=", 1) for mark in marks if "=" in mark)
    check: Callable[[str], str | None] | None = None
    if "number" in settings:
        low, _, high = settings["number"].partition("..")
        check = functools.partial(_check_number, int(low), int(high))
    else:
        check = next((_CHECKS[mark] for mark in marks if mark in _CHECKS), None)
    return Spec(
        name,
        Kind(sign),
        order * 1000,
        frozenset(marks),
        check,
        settings.get("inner", ""),
        element=settings.get("xml", ""),
    )


def _add(parent: Spec, spec: Spec) -> None:
    if spec.written:
        parent.children[spec.name] = spec
    else:
        parent.hidden = spec


def _use(blocks: dict[str, Spec], uses: list[tuple[Spec, str, int]]) -> None:
    """Give each user its own copies of a block's statements (their place differs), which share what is inside."""
    waiting = {id(parent): sum(1 for one, _, _ in uses if one is parent) for parent, _, _ in uses}
    done: set[int] = set()
    pending = list(uses)
    while pending:
        # Blocks that use no other block first; a block may use itself below (`groups`), which sharing makes harmless.
        ready = [use for use in pending if not waiting.get(id(blocks[use[1]]))] or pending
        for use in ready:
            parent, name, line = use
            block = blocks[name]
            for place, spec in enumerate((*block.children.values(), *([block.hidden] if block.hidden else ()))):
                copy = Spec(
                    spec.name, spec.kind, line * 1000 + place, spec.marks, spec.check, spec.inner, element=spec.element
                )
                copy.children, copy.hidden = spec.children, spec.hidden
                _add(parent, copy)
            waiting[id(parent)] -= 1
            done.add(id(use))
        pending = [use for use in pending if id(use) not in done]


def _add_everywhere(top: Spec) -> None:
    """Order the children of every container as the table has them, and let each hold apply-groups."""
    seen: set[int] = set()
    todo = [top]
    while todo:
        spec = todo.pop()
        if id(spec.children) in seen or not spec.inside:
            continue
        seen.add(id(spec.children))
        for extra in APPLY_GROUPS:
            spec.children[extra.name] = extra
        todo += [*spec.children.values(), *([spec.hidden] if spec.hidden else ())]


def _check_number(low: int, high: int, value: str) -> str | None:
    if not value.isascii() or not value.isdigit():
        return f"Invalid numeric value: '{value}'"
    return None if low <= int(value) <= high else f"Value {value} is not within range ({low}..{high})"


def _check_address(value: str) -> str | None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return f"invalid ip address or hostname: {value}"
    return None


def _check_prefix(value: str) -> str | None:
    if value == "default":
        return None
    try:
        ipaddress.ip_interface(value)
    except ValueError:
        return f"invalid prefix: '{value}'"
    return None


_INTERFACE = re.compile(r"[a-z]+[0-9]*(?:-[0-9]+/[0-9]+/[0-9]+(?::[0-9]+)?)?(?:\.(?:[0-9]+|\*))?|all")


def _check_interface(value: str) -> str | None:
    return None if _INTERFACE.fullmatch(value) else f"invalid interface type in '{value}'"


_CHECKS = {"address": _check_address, "prefix": _check_prefix, "interface": _check_interface}


def walk(spec: Spec) -> Iterator[Spec]:
    """Every statement below, each shared block once."""
    seen: set[int] = set()
    todo = [spec]
    while todo:
        one = todo.pop()
        yield one
        if id(one.children) not in seen:
            seen.add(id(one.children))
            todo += [*one.children.values(), *([one.hidden] if one.hidden else ())]
