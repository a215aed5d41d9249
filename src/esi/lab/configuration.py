"""What a router answers when it is asked for its configuration: XML, text, set commands, or a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from esi.lab import replies
from esi.lab.compare import compare
from esi.lab.filters import select
from esi.lab.groups import expand
from esi.lab.history import Entry
from esi.lab.session import LabSession
from esi.netconf.xml import XNM, Element, child, child_text
from esi.render.junos.printing import print_set, print_text
from esi.render.junos.reading import Reader
from esi.render.junos.tree import Node, Tree
from esi.render.junos.xml import from_element


async def get_config(session: LabSession, operation: Element) -> Sequence[bytes | Element]:
    """The standard question: running or candidate, with a subtree filter."""
    source = child(operation, "source")
    if source is None or not len(source):
        raise session.router.refused("syntax error", bad="source")
    candidate = child(source, "candidate") is not None
    return [_data(session, "candidate" if candidate else "committed", operation)]


async def get(session: LabSession, operation: Element) -> Sequence[bytes | Element]:
    """The running configuration; state is asked for by requests of its own."""
    return [_data(session, "committed", operation)]


def _data(session: LabSession, database: str, operation: Element) -> Element:
    top, entry = _database(session, database, 0)
    chosen = child(operation, "filter")
    wanted = child(chosen, "configuration") if chosen is not None else None
    data = etree.Element("data")
    data.append(_filtered(replies.configuration(top, entry), wanted))
    return data


async def get_configuration(session: LabSession, operation: Element) -> Sequence[bytes | Element]:
    """JUNOS's own question: database, format, rollback, comparison, inheritance."""
    kept = operation.get("rollback")
    number = int(kept) if kept is not None and kept.isdecimal() else 0
    if operation.get("compare") is not None:
        return [_compared(session.compare(number))]
    database = operation.get("database", "candidate")
    top, entry = _database(session, database if kept is None else "committed", number)
    if operation.get("inherit") is not None:
        top = expand(top, [])
    wanted = child(operation, "configuration")
    if operation.get("format", "xml") == "xml":
        return [_filtered(replies.configuration(top, entry), wanted)]
    if wanted is not None:
        top = _part(top, wanted)
    if operation.get("format") == "set":
        return [replies.element("configuration-set", "\n" + "".join(f"{line}\n" for line in print_set(top)))]
    if operation.get("format") == "text":
        head = replies.last_commit(session.router.history.entries[0])
        return [replies.element("configuration-text", f"\n{head}{print_text(top)}", XNM)]
    raise session.router.refused("syntax error", bad=str(operation.get("format")))


async def get_rollback_information(session: LabSession, operation: Element) -> Sequence[bytes | Element]:
    """An earlier version as text, or what lies between two of them."""
    number, other = child_text(operation, "rollback") or "0", child_text(operation, "compare")
    if not number.isdecimal() or (other and not other.isdecimal()):
        raise session.router.refused("Invalid numeric value", bad=number)
    version = session.router.version(int(number)).root
    if other:
        information = _compared(compare(session.router.version(int(other)).root, version))
    else:
        text = replies.element("configuration-text", f"\n{print_text(version)}", XNM)
        information = b"<configuration-information>%b</configuration-information>" % text
    return [b"<rollback-information><ok/>%b</rollback-information>" % information]


def _compared(text: str) -> bytes:
    output = replies.element("configuration-output", text)
    return b"<configuration-information>%b</configuration-information>" % output


def _database(session: LabSession, database: str, rollback: int) -> tuple[Node, Entry | None]:
    """The configuration that was asked for, and its commit if it is one that ran."""
    router = session.router
    if database == "candidate":
        router.look()
        clean = not router.differs()
        return router.candidate.root, router.history.entries[0] if clean else None
    return router.version(rollback).root, router.history.entries[rollback]


def _filtered(configuration: Element, wanted: Element | None) -> Element:
    if wanted is None:
        return configuration
    found = select(configuration, wanted)
    return found if found is not None else etree.Element(configuration.tag, nsmap=configuration.nsmap)  # type: ignore[arg-type]


def _part(top: Node, wanted: Element) -> Node:
    """The part of a configuration that a filter leaves, as a tree."""
    part = Tree()
    reader = Reader(part)
    reader.load(from_element(_filtered(replies.configuration(top, None), wanted)))
    return part.root
