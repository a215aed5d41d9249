"""Requests, built by a client and read by a server, and the replies a server builds (RFC 6241 section 4).

A reply repeats all attributes and namespace declarations of its request; `message-id` is how the client finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

from esi.errors import Unreachable
from esi.netconf.xml import BASE, Element, children, local, parse, serialise


@dataclass(frozen=True)
class Rpc:
    """One request as a server reads it. `operation` is the single element inside."""

    operation: Element
    attributes: Mapping[str, str] = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The operation's local name."""
        return local(self.operation)


def build_rpc(message_id: str, operation: Element | bytes) -> bytes:
    """A request document, not yet framed. An operation without namespace stays so, as JUNOS accepts both."""
    body = operation if isinstance(operation, bytes) else serialise(operation)
    return b'<nc:rpc xmlns:nc="%b" message-id=%b>%b</nc:rpc>' % (
        BASE.encode(),
        quoteattr(message_id).encode(),
        body,
    )


def parse_rpc(document: bytes, *, who: str = "peer") -> Rpc:
    """Read a request. Raises Unreachable when it is not an rpc with one operation."""
    root = parse(document, who=who)
    operations = list(children(root))
    if local(root) != "rpc" or len(operations) != 1:
        raise Unreachable(f"{who}: expected an rpc with one operation, got <{local(root)}>")
    attributes = {str(name): str(value) for name, value in root.attrib.items() if not str(name).startswith("{")}
    return Rpc(operations[0], attributes, {prefix: uri for prefix, uri in root.nsmap.items() if prefix})


def build_reply(
    request: Rpc | None, content: Sequence[bytes | Element], namespaces: Mapping[str, str] | None = None
) -> bytes:
    """A reply document, not yet framed: base namespace as default, the request's attributes and prefixes repeated."""
    prefixes = {**(namespaces or {}), **(request.namespaces if request else {})}
    # Written as text: content given as bytes takes its namespace from here, so no prefix may stand before the name.
    parts = [f"<rpc-reply xmlns={quoteattr(BASE)}"]
    parts += [f"xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in prefixes.items()]
    parts += [f"{name}={quoteattr(value)}" for name, value in (request.attributes if request else {}).items()]
    head = " ".join(parts).encode()
    body = b"\n".join(part if isinstance(part, bytes) else serialise(part) for part in content)
    return b"%b>\n%b\n</rpc-reply>" % (head, body) if body else head + b"/>"
