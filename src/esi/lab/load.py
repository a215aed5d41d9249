"""What can be loaded into a candidate: text, set commands, XML, each action as JUNOS means it.

A load that finds faults has still taken what was good before and behind them, as on a router: whoever loads must
discard after an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from lxml import etree

from esi.errors import TemplateError
from esi.lab.words import Fault
from esi.render.junos.reading import Default, Misfit, Reader, edit_path, resolve
from esi.render.junos.statements import Kind
from esi.render.junos.text import Statement, parse
from esi.render.junos.tree import Ident, Node, Tree, ident
from esi.render.junos.xml import from_element

Action = Literal["merge", "replace", "override", "update", "set"]
Encode = Callable[[str], str]

_TAGGED = {"set": (), "delete": ("delete:",), "deactivate": ("inactive:",), "activate": ("active:",)}
_IGNORED = ("protect", "unprotect", "top", "edit")


class Loaded(NamedTuple):
    """What came of a load: the candidate as it is now, and what the router says about it."""

    tree: Tree
    errors: list[Fault]
    warnings: list[Fault]


def load_text(tree: Tree, action: str, text: str, encode: Encode) -> Loaded:
    """Load CLI text with an action; action `set` takes lines of commands."""
    if action == "set":
        return _load_set(tree, text, encode)
    try:
        statements = parse(text)
    except TemplateError as error:
        return Loaded(tree, [Fault("syntax error", bad=error.path), Fault(str(error))], [])
    return load_statements(tree, action, statements, encode)


def load_xml(tree: Tree, action: str, configuration: etree._Element, encode: Encode) -> Loaded:
    """Load `<configuration>` with an action."""
    try:
        statements = from_element(configuration)
    except TemplateError as error:
        return Loaded(tree, [_fault(error)], [])
    return load_statements(tree, action, statements, encode)


def load_statements(tree: Tree, action: str, statements: Iterable[Statement], encode: Encode) -> Loaded:
    """Load statements: merge, replace (what is tagged so), override and update (everything)."""
    if action in ("override", "overwrite", "update"):
        tree = Tree()
    reader = Reader(tree, replace=action == "replace", encode=encode)
    reader.load(statements)
    return Loaded(tree, *_said(reader))


def edit_config(tree: Tree, default: Default, configuration: etree._Element, encode: Encode) -> Loaded:
    """The edit-config of RFC 6241: `operation` attributes, default merge, replace or none."""
    try:
        statements = from_element(configuration)
    except TemplateError as error:
        return Loaded(tree, [_fault(error)], [])
    tree = Tree() if default == "replace" else tree
    reader = Reader(tree, replace=True, default=default, encode=encode)
    reader.load(statements)
    return Loaded(tree, *_said(reader))


def _load_set(tree: Tree, text: str, encode: Encode) -> Loaded:
    errors: list[Fault] = []
    warnings: list[Fault] = []
    for line in text.splitlines():
        command = line.strip()
        if not command or command.startswith("#"):
            continue
        try:
            reader = _command(tree, command, encode)
        except TemplateError as error:
            errors.append(_fault(error))
            continue
        if reader is not None:
            more = _said(reader)
            errors += more[0]
            warnings += more[1]
    return Loaded(tree, errors, warnings)


def _command(tree: Tree, command: str, encode: Encode) -> Reader | None:
    verb, _, rest = command.partition(" ")
    if verb in _IGNORED:
        return None
    if verb == "annotate":
        rest, _, comment = rest.partition(' "')
    found = parse(f"{rest};")
    if len(found) != 1 or found[0].children is not None or found[0].tags:
        raise Misfit("", "syntax error", verb)
    words = found[0].words
    if verb in _TAGGED:
        reader = Reader(tree, encode=encode)
        reader.load([Statement(words, None, found[0].values, frozenset(_TAGGED[verb]))])
        return reader
    if verb == "annotate":
        _place(tree, words)[1].comment = comment.rstrip('"')
    elif verb in ("rename", "copy") and "to" in words:
        at = words.index("to")
        _rename(tree, words[:at], words[at + 1 :], keep=verb == "copy")
    elif verb == "insert" and (relation := next((one for one in ("before", "after") if one in words), "")):
        at = words.index(relation)
        _insert(tree, words[:at], words[at + 1 :], after=relation == "after")
    else:
        raise Misfit("", "unknown command", verb)
    return None


def _place(tree: Tree, words: tuple[str, ...]) -> tuple[Node, Node]:
    """The container of the statement that words name, and the statement, ready to be changed."""
    steps, rest = resolve(tree.root.spec, words)
    here: Node | None = tree.root
    for step in steps:
        here = here.children.get(ident(step.spec, step.key or "")) if here is not None else None
    if here is None or rest or not steps:
        raise Misfit(edit_path(words), "statement not found", words[-1] if words else "")
    parent = node = tree.own()
    for step in steps:
        parent, node = node, tree.enter(node, step.spec, step.key or "")
    return parent, node


def _rename(tree: Tree, words: tuple[str, ...], new: tuple[str, ...], *, keep: bool) -> None:
    parent, node = _place(tree, words)
    if node.spec.kind is not Kind.LIST or not new:
        raise Misfit(edit_path(words), "syntax error", "to")
    named = Node(node.spec, new[-1], None, object())
    if named.ident in parent.children:
        raise Misfit(edit_path(words), "statement already exists", new[-1])
    named.children, named.inactive, named.comment = dict(node.children), node.inactive, node.comment
    children: dict[Ident, Node] = {}
    for name, child in parent.children.items():
        if child is not node or keep:
            children[name] = child
        if child is node:
            children[named.ident] = named
    tree.reorder(parent, children)


def _insert(tree: Tree, words: tuple[str, ...], other: tuple[str, ...], *, after: bool) -> None:
    parent, node = _place(tree, words)
    target = parent.children.get(ident(node.spec, other[-1])) if other else None
    if node.spec.kind is not Kind.LIST or target is None or target is node:
        raise Misfit(edit_path(words), "statement not found", other[-1] if other else "")
    children: dict[Ident, Node] = {}
    for name, child in parent.children.items():
        if child is target and not after:
            children[node.ident] = node
        if child is not node:
            children[name] = child
        if child is target and after:
            children[node.ident] = node
    tree.reorder(parent, children)


def _said(reader: Reader) -> tuple[list[Fault], list[Fault]]:
    errors = [_fault(error) for error in reader.errors]
    return errors, [_fault(error, "warning") for error in reader.warnings]


def _fault(error: TemplateError, severity: str = "error") -> Fault:
    if not isinstance(error, Misfit):
        return Fault("syntax error", bad=error.path)
    path = error.path if error.path != "[edit]" else ""
    return Fault(error.words, path, error.bad, tag=error.tag, severity=severity)
