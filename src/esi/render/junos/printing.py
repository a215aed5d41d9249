"""A tree as a router shows it: CLI text with four blanks for each level, or set commands."""

from __future__ import annotations

from collections.abc import Iterator

from esi.render.junos.statements import Kind
from esi.render.junos.text import INDENT, comment_text, quote
from esi.render.junos.tree import Node


def print_node(node: Node, prefix: str = "") -> list[str]:
    """The lines of one statement, the first without indentation. `prefix` are the words of a joined container."""
    lines: list[str] = []
    _write(node, lines, "", prefix)
    return lines


def print_text(top: Node) -> str:
    """The whole text below a node, a newline after each line."""
    lines: list[str] = []
    for child in top.ordered():
        _write(child, lines, "", "")
    lines.append("")
    return "\n".join(lines)


def _write(node: Node, lines: list[str], indent: str, prefix: str) -> None:
    spec, activation = node.spec, "inactive: " if node.inactive else ""
    if spec.joined:
        for child in node.ordered():
            _write(child, lines, indent, f"{prefix}{activation}{spec.name} ")
        return
    if node.comment:
        lines.append(f"{indent}/* {comment_text(node.comment)} */")
    # The activation stands in front of everything: `inactive: family inet {`.
    head = f"{indent}{activation}{prefix}{leaf_text(node)}"
    if not node.children:
        lines.append(f"{head};{' ## SECRET-DATA' if spec.secret else ''}")
    elif on_one_line(node):
        lines.append(f"{head} {' '.join(leaf_text(child) for child in node.ordered())};")
    else:
        lines.append(f"{head} {{")
        deeper = indent + INDENT
        for child in node.ordered():
            _write(child, lines, deeper, "")
        lines.append(f"{indent}}}")


def print_set(top: Node, before: tuple[str, ...] = ()) -> Iterator[str]:
    """The same as set commands; an inactive statement is set and then deactivated.

    Comments have no set command, and of statements that the table does not know the levels cannot be read back.
    """
    for node in top.ordered():
        words = (*before, *(quote(word) for word in node.words()))
        if node.spec.kind is Kind.VALUES and isinstance(node.value, tuple):
            for value in node.value:
                yield " ".join(("set", *words, quote(value)))
        elif node.children:
            if node.spec.kind is Kind.LIST and all(child.inactive for child in node.children.values()):
                yield " ".join(("set", *words))
            yield from print_set(node, words)
        else:
            yield " ".join(("set", *words, *((_value(node),) if node.value is not None else ())))
        if node.inactive:
            yield " ".join(("deactivate", *words))


def on_one_line(node: Node) -> bool:
    """Whether a statement with children is written without braces."""
    if "line" in node.spec.marks:
        return True
    if "oneliner" not in node.spec.marks or len(node.children) != 1:
        return False
    child = next(iter(node.children.values()))
    plain = not child.children and not child.inactive and not child.comment and not child.spec.secret
    return plain and child.spec.kind is not Kind.LIST


def leaf_text(node: Node) -> str:
    """The words of a statement on its own line, its value included, without the semicolon."""
    words = " ".join(quote(word) for word in node.words())
    if isinstance(node.value, tuple):
        values = " ".join(quote(value) for value in node.value)
        return f"{words} {values}" if len(node.value) == 1 else f"{words} [ {values} ]"
    return words if node.value is None else f"{words} {_value(node)}"


def _value(node: Node) -> str:
    written = quote(str(node.value))
    return f'"{written}"' if node.spec.secret and not written.startswith('"') else written
