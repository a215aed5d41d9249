"""The words of a router's replies: its hello, errors in all their shapes, commit results and the commit log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from lxml import etree

from esi.lab.history import Entry, History
from esi.lab.words import Fault
from esi.netconf.hello import build_hello
from esi.netconf.xml import XNM, serialise
from esi.render.junos.tree import Node
from esi.render.junos.xml import JUNOS, to_elements

VERSION = "16.1R1.7"
OK = b"<ok/>"

_HALVES = ("urn:ietf:params:netconf", "urn:ietf:params:xml:ns:netconf")
_CAPABILITIES = ("candidate:1.0", "confirmed-commit:1.0", "validate:1.0")


def capabilities(*, chunks: bool = False) -> list[str]:
    """What a router of this release offers, in both spellings; `chunks` adds version 1.1, as release 24.4 does."""
    offered = []
    for half, scheme in zip(_HALVES, ("scheme", "protocol"), strict=True):
        offered += [f"{half}:base:1.0", *(f"{half}:capability:{one}" for one in _CAPABILITIES)]
        offered.append(f"{half}:capability:url:1.0?{scheme}=http,ftp,file")
    newer = [f"{_HALVES[0]}:base:1.1"] if chunks else []
    return [*offered, *newer, "http://xml.juniper.net/netconf/junos/1.0", "http://xml.juniper.net/dmi/system/1.0"]


def hello(number: int, user: str, *, chunks: bool = False) -> bytes:
    """The server's hello, with the comments that stand before it."""
    comments = (
        "<!-- No zombies were killed during the creation of this user interface -->\n"
        f"<!-- user {escape(user).replace('--', '- -')}, class j-super-user -->\n"
    )
    return comments.encode() + build_hello(capabilities(chunks=chunks), session_id=str(number))


def errors(faults: Iterable[Fault]) -> list[bytes]:
    """Faults as rpc-error elements."""
    return [_error(fault) for fault in faults]


def _error(fault: Fault) -> bytes:
    parts = [
        ("error-type", fault.type),
        ("error-tag", fault.tag),
        ("error-severity", fault.severity),
        ("source-daemon", fault.daemon),
        ("error-path", f"\n{fault.path}\n" if fault.path else ""),
        ("error-message", f"\n{fault.message}\n"),
    ]
    body = "".join(f"<{name}>{_clean(text)}</{name}>\n" for name, text in parts if text)
    info = f"<session-id>{fault.session}</session-id>" if fault.session else ""
    info += f"<bad-element>{_clean(fault.bad)}</bad-element>" if fault.bad else ""
    return f"<rpc-error>\n{body}{f'<error-info>{info}</error-info>' if info else ''}\n</rpc-error>".encode()


def _clean(text: str) -> str:
    """Text that may stand in XML: a value that a router refused may hold anything."""
    return escape("".join(one if one.isprintable() or one == "\n" else "?" for one in text))


def load_results(faults: list[Fault], warnings: list[Fault]) -> bytes:
    """The reply to a load: ok, or its errors and their number."""
    inside = errors([*faults, *warnings])
    count = f"<load-error-count>{len(faults)}</load-error-count>".encode() if faults else OK
    return b"<load-configuration-results>%b%b</load-configuration-results>" % (b"".join(inside), count)


def commit_results(faults: list[Fault]) -> bytes:
    """The reply to a commit that was refused, as the routing engine gives it."""
    return (
        b'<commit-results><routing-engine junos:style="show-name"><name>re0</name>%b</routing-engine></commit-results>'
        % b"".join(errors(faults))
    )


def configuration(top: Node, entry: Entry | None) -> etree._Element:
    """`<configuration>` with everything below `top`; `entry` tells who committed it."""
    root = etree.Element(f"{{{XNM}}}configuration", nsmap={None: XNM, "junos": JUNOS})  # type: ignore[dict-item]
    root.extend(list(to_elements(top)))
    for element in root.iter():
        if isinstance(element.tag, str) and not element.tag.startswith("{"):
            element.tag = f"{{{XNM}}}{element.tag}"
    if entry is not None:
        root.set(f"{{{JUNOS}}}commit-seconds", str(int(entry.at)))
        root.set(f"{{{JUNOS}}}commit-localtime", _time(entry.at))
        root.set(f"{{{JUNOS}}}commit-user", entry.user)
    return root


def last_commit(entry: Entry) -> str:
    """The comment that heads a configuration text."""
    return f"## Last commit: {_time(entry.at)} by {entry.user}\n"


def commit_information(history: History) -> bytes:
    """The commit log, newest first."""
    parts = []
    for number, entry in enumerate(history.entries):
        pending = number == 0 and history.pending is not None
        parts.append(
            f"<commit-history><sequence-number>{number}</sequence-number>"
            f"<user>{_clean(entry.user)}</user><client>{entry.client}</client>"
            f'<date-time junos:seconds="{int(entry.at)}">{_time(entry.at)}</date-time>'
            + (f"<comment>{_clean(entry.comment)}</comment>" if entry.comment else "")
            + (f"<log>{_clean(entry.log)}</log>" if entry.log else "")
            + ("<commit-confirmed>rollback pending</commit-confirmed>" if pending else "")
            + "</commit-history>"
        )
    return f"<commit-information>{''.join(parts)}</commit-information>".encode()


def software(name: str) -> bytes:
    """What `show version` says."""
    return (
        f"<software-information><host-name>{_clean(name)}</host-name><product-model>vmx</product-model>"
        f"<product-name>vmx</product-name><junos-version>{VERSION}</junos-version><package-information><name>junos</name>"
        f"<comment>JUNOS OS Kernel 64-bit [{VERSION}]</comment></package-information></software-information>"
    ).encode()


def serial_number(name: str) -> str:
    """A number that a router of this name keeps."""
    return f"VM{sum(name.encode()):08X}"


def system(name: str) -> bytes:
    """Model, version and name of the router."""
    return (
        "<system-information><hardware-model>vmx</hardware-model><os-name>junos</os-name>"
        f"<os-version>{VERSION}</os-version><serial-number>{serial_number(name)}</serial-number>"
        f"<host-name>{_clean(name)}</host-name></system-information>"
    ).encode()


def element(name: str, text: str, namespace: str = "") -> bytes:
    """An element that holds only text."""
    made = etree.Element(name, nsmap={None: namespace} if namespace else None)  # type: ignore[dict-item]
    made.text = text
    return serialise(made)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
