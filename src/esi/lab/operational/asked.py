"""A question to a router, and the tree of elements that answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from lxml import etree

from esi.lab import replies
from esi.lab.engine import Engine
from esi.lab.topology import Topology
from esi.netconf.xml import Element, child, child_text
from esi.render.junos.xml import JUNOS

RELEASE = ".".join(replies.VERSION.split(".")[:2])


class Asked(NamedTuple):
    """A question: to which router, in which topology."""

    topology: Topology
    router: Engine
    operation: Element

    def has(self, name: str) -> bool:
        return child(self.operation, name) is not None

    def text(self, name: str) -> str:
        return child_text(self.operation, name)


Content = Sequence[bytes | Element]
Question = Callable[[Asked], Content]


class Reply:
    """A tree of elements in one of JUNOS's namespaces."""

    def __init__(self, root: str, daemon: str, style: str = "") -> None:
        self._space = f"http://xml.juniper.net/junos/{RELEASE}/junos-{daemon}"
        self.root = etree.Element(f"{{{self._space}}}{root}", nsmap={None: self._space, "junos": JUNOS})  # type: ignore[dict-item]
        if style:
            self.root.set(f"{{{JUNOS}}}style", style)

    def add(self, parent: Element, name: str, text: object = None, **junos: str) -> Element:
        """An element below `parent`; `junos` are attributes in JUNOS's own namespace."""
        made = etree.SubElement(parent, f"{{{self._space}}}{name}")
        for key, value in junos.items():
            made.set(f"{{{JUNOS}}}{key}", value)
        if text is not None:
            made.text = "".join(one if one.isprintable() else "?" for one in str(text))
        return made


def moment(at: float) -> str:
    """Epoch seconds as a router writes them."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: float) -> str:
    """As a router writes it: 4:05, 1:02:03, 2d 1:02:03 from a day on."""
    days, rest = divmod(int(seconds), 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if not days and not hours:
        return f"{minutes}:{rest:02}"
    clock = f"{hours}:{minutes:02}:{rest:02}"
    return f"{days}d {clock}" if days else clock
