"""The hello: what each side can do (RFC 6241 section 8.1).

JUNOS lists most capabilities twice, in the registered spelling and with `xml:ns` in the middle; old releases send only
the second. Here a capability is known by its short name: `base:1.0`, `candidate:1.0`, `confirmed-commit:1.0`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from esi.errors import Unreachable
from esi.netconf.framing import Version
from esi.netconf.xml import BASE, child, child_text, children, local, parse, text

_SPELLINGS = re.compile(r"urn:ietf:params:(?:xml:ns:)?netconf:(?:capability:)?([^?]+)")


@dataclass(frozen=True)
class Hello:
    """What a peer said: its capabilities as sent, and the session id that only a server gives."""

    capabilities: frozenset[str]
    session_id: str | None = None

    def can(self, name: str) -> bool:
        """Whether a capability was offered, by its short name in either spelling, any version if none is given."""
        for capability in self.capabilities:
            found = _SPELLINGS.match(capability)
            if found and (found[1] == name or found[1].rpartition(":")[0] == name):
                return True
        return False


def build_hello(capabilities: Iterable[str], *, session_id: str | None = None) -> bytes:
    """A hello document, not yet framed. Full URNs are sent in the given order."""
    offered = "".join(f"<capability>{escape(capability)}</capability>\n" for capability in capabilities)
    session = f"<session-id>{escape(session_id)}</session-id>\n" if session_id is not None else ""
    return f'<hello xmlns="{BASE}">\n<capabilities>\n{offered}</capabilities>\n{session}</hello>'.encode()


def parse_hello(document: bytes, *, who: str = "peer") -> Hello:
    """Read a hello; comments before it are skipped. Raises Unreachable for anything else."""
    root = parse(document, who=who)
    offered = child(root, "capabilities")
    if local(root) != "hello" or offered is None:
        raise Unreachable(f"{who}: expected a hello, got <{local(root)}>")
    capabilities = frozenset(text(one) for one in children(offered) if local(one) == "capability")
    return Hello(capabilities, child_text(root, "session-id") or None)


def choose_version(ours: Hello, theirs: Hello) -> Version:
    """Version 1.1 only if both sides offer it. Raises Unreachable when there is no version in common."""
    if ours.can("base:1.1") and theirs.can("base:1.1"):
        return "1.1"
    if ours.can("base:1.0") and theirs.can("base:1.0"):
        return "1.0"
    raise Unreachable("the hellos have no NETCONF version in common")
