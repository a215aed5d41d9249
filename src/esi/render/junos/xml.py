"""A configuration in JUNOS XML: from a tree to elements, from elements to statements.

XML is read into the same statements as text, what its attributes ask becomes tags, so that there is one way into a
tree. Elements are matched by local name. Attributes: `delete`, `replace`, `inactive`, `active`, `create` as
load-configuration has them, and `operation` as edit-config has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from esi.errors import TemplateError
from esi.render.junos.reading import Misfit, edit_path
from esi.render.junos.statements import GENERIC, Kind, Spec, root
from esi.render.junos.text import Statement, comment_text
from esi.render.junos.tree import Node

Element = etree._Element

_DEEPEST = 128  # words on the way to an element
JUNOS = "http://xml.juniper.net/junos/16.1R1/junos"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_OPERATIONS = {"delete": "delete:", "remove": "remove:", "replace": "replace:", "create": "create:", "merge": "merge:"}
_FLAGS = ("delete", "replace", "inactive", "active", "create")


def to_elements(top: Node) -> Iterator[Element]:
    """The elements of everything below a node, for a parent to take."""
    for node in top.ordered():
        if node.spec.silent:
            yield from to_elements(node)
        else:
            yield from _elements(node)


def _elements(node: Node) -> Iterator[Element]:
    spec = node.spec
    if spec.kind is Kind.VALUES and isinstance(node.value, tuple):
        for value in node.value:
            element = etree.Element(spec.element)
            element.text = value
            yield _marked(element, node)
        return
    if spec.kind is Kind.GENERIC:
        yield _generic(node)
        return
    element = etree.Element(spec.element)
    if spec.kind is Kind.LIST:
        etree.SubElement(element, "name").text = str(node.key)
    if isinstance(node.value, str):
        (etree.SubElement(element, spec.inner) if spec.inner else element).text = node.value
    element.extend(list(to_elements(node)))
    if node.comment:
        note = etree.Element(f"{{{JUNOS}}}comment")
        note.text = f"/* {comment_text(node.comment)} */"
        yield note
    yield _marked(element, node)


def _marked(element: Element, node: Node) -> Element:
    if node.inactive:
        element.set("inactive", "inactive")
    return element


def _generic(node: Node) -> Element:
    """Words that the table does not know: the first names the element, the second is its value or its name."""
    words = tuple(node.key)
    if not _NAME.fullmatch(words[0]):
        words = ("undocumented", *words)
    element = etree.Element(words[0])
    if len(words) == 2 and not node.children:
        element.text = words[1]
        return _marked(element, node)
    for word in words[1:]:
        etree.SubElement(element, "name").text = word
    element.extend(list(to_elements(node)))
    return _marked(element, node)


def from_element(configuration: Element) -> tuple[Statement, ...]:
    """The statements inside `<configuration>`. Raises Misfit for elements that the table does not allow."""
    return tuple(_read(configuration, root(), ()))


def _read(parent: Element, spec: Spec, trail: tuple[str, ...]) -> Iterator[Statement]:
    if len(trail) > _DEEPEST:
        raise Misfit(edit_path(trail[:8]), "syntax error", _local(parent))
    comment = ""
    for element in parent:
        name = _local(element)
        if name == "comment" and str(element.tag).startswith("{http://xml.juniper.net/junos"):
            comment = (element.text or "").strip().removeprefix("/*").removesuffix("*/").strip()
        elif name and not (name == "name" and spec.kind in (Kind.LIST, Kind.GENERIC)):
            yield from _statement(element, name, spec, trail, comment)
            comment = ""


def _statement(element: Element, name: str, parent: Spec, trail: tuple[str, ...], comment: str) -> Iterator[Statement]:
    spec, before = _find(parent, name)
    tags = _tags(element)
    if spec is None:
        if not parent.open:
            raise Misfit(edit_path(trail), "syntax error", name)
        yield _unknown(element, name, trail, tags, comment)
        return
    words = (*before, spec.name) if spec.written else before
    if spec.inside:
        if spec.kind is Kind.LIST and (key := _key(element)) is not None:
            words = (*words, key)
        children = tuple(_read(element, spec, (*trail, *words)))
        yield Statement(words, children if len(children) else None, None, tags, comment)
        return
    inner = next((one for one in element if _local(one) == spec.inner), None) if spec.inner else None
    value = ((inner if inner is not None else element).text or "").strip()
    if any(_local(one) for one in element if one is not inner):
        raise Misfit(edit_path((*trail, name)), "syntax error", name)
    has_value = spec.kind is not Kind.FLAG and (value or not tags & {"delete:", "remove:"})
    if spec.kind is Kind.OPTIONAL and not value:
        has_value = False
    yield Statement((*words, value) if has_value else words, None, None, tags, comment)


def _find(parent: Spec, name: str) -> tuple[Spec | None, tuple[str, ...]]:
    """The statement behind an element name, and the words of silent containers before it."""
    found = parent.children.get(name)
    if found is not None and found.silent and found.hidden is not None:
        return found.hidden, (found.name,)
    if found is None and parent.hidden is not None and parent.hidden.name == name:
        return parent.hidden, ()
    return found or next((one for one in parent.children.values() if one.element == name), None), ()


def _unknown(element: Element, name: str, trail: tuple[str, ...], tags: frozenset[str], comment: str) -> Statement:
    names = tuple((one.text or "").strip() for one in element if _local(one) == "name")
    if name == "undocumented" and names:
        words: tuple[str, ...] = names
    else:
        words = (name, *names)
    text = (element.text or "").strip()
    if text and len(element) == 0:
        return Statement((*words, text), None, None, tags, comment)
    children = tuple(_read(element, GENERIC, (*trail, *words)))
    return Statement(words, children or None, None, tags, comment)


def _key(element: Element) -> str | None:
    found = next((one for one in element if _local(one) == "name"), None)
    return (found.text or "").strip() if found is not None else None


def _tags(element: Element) -> frozenset[str]:
    tags: set[str] = set()
    for raw, value in element.attrib.items():
        name = str(raw).rpartition("}")[2]
        if name == "operation":
            if value not in _OPERATIONS:
                raise TemplateError("operation", f"unknown operation {value!r}")
            tags.add(_OPERATIONS[str(value)])
        elif name in _FLAGS:
            tags.add(f"{name}:")
    return frozenset(tags)


def _local(element: Element) -> str:
    tag = element.tag
    return tag[tag.rfind("}") + 1 :] if isinstance(tag, str) else ""
