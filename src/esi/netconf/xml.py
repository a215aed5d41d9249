"""One safe way to read XML from a peer, and names without namespaces.

JUNOS answers with many namespaces (one per release and per daemon), and clients prefix as they like: everybody here
matches by local name.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from esi.errors import Unreachable

Element = etree._Element

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
XNM = "http://xml.juniper.net/xnm/1.1/xnm"


def parse(document: bytes, *, who: str = "peer") -> Element:
    """Read one document: no entities, no network, no text over 10 MB. Raises Unreachable for what is not XML."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreachable(f"{who}: the message is not XML: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreachable(f"{who}: the message carries a document type")
    return root


def local(element: Element) -> str:
    """The element's name without namespace; empty for comments and processing instructions."""
    tag = element.tag
    return tag[tag.rfind("}") + 1 :] if isinstance(tag, str) else ""


def children(element: Element) -> Iterator[Element]:
    """The child elements, comments left out."""
    return (child for child in element if isinstance(child.tag, str))


def child(element: Element, name: str) -> Element | None:
    """The first child of this local name."""
    return next((one for one in children(element) if local(one) == name), None)


def text(element: Element | None) -> str:
    """The text at the head of an element, trimmed; empty for None."""
    return (element.text or "").strip() if element is not None else ""


def child_text(element: Element, name: str) -> str:
    """The trimmed text of the first child of this local name; empty without one."""
    return text(child(element, name))


def serialise(element: Element) -> bytes:
    """One element as UTF-8 bytes without prolog and without what follows it."""
    return etree.tostring(element, encoding="utf-8", xml_declaration=False, with_tail=False)
