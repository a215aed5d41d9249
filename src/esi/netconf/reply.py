"""Replies as a client reads them: every error at any depth, warnings apart from errors.

JUNOS puts `<rpc-error>` directly into the reply, into load results and into commit results per routing engine; a few
daemons send `<xnm:error>` and `<xnm:warning>` instead. On routers with two routing engines a `<routing-engine>` may be
left open before the final `<ok/>`: such a reply is repaired once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from esi.errors import Unreachable
from esi.netconf.xml import XNM, Element, child, child_text, local, parse, text

_ENGINE_OPEN = re.compile(rb"<(?:\w+:)?routing-engine(?=[\s>])")
_ENGINE_CLOSE = re.compile(rb"</(?:\w+:)?routing-engine\s*>")
_AFTER_ENGINE = re.compile(rb"</(?:\w+:)?commit-results\s*>|<(?:\w+:)?ok\s*/>")


@dataclass(frozen=True)
class RpcError:
    """One error or warning in a peer's own words; a part that was not sent is empty."""

    message: str
    severity: str = "error"
    type: str = ""
    tag: str = ""
    path: str = ""
    bad_element: str = ""
    session_id: str = ""
    info: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join(part for part in (self.path, self.message) if part) or self.tag or self.severity


@dataclass(frozen=True)
class Reply:
    """A reply: `ok` is that no error was found; `root` is the whole `<rpc-reply>`."""

    message_id: str | None
    root: Element
    errors: list[RpcError]
    warnings: list[RpcError]

    @property
    def ok(self) -> bool:
        return not self.errors

    def find(self, name: str) -> Element | None:
        """The first element of this local name at any depth."""
        return next((one for one in self.root.iter() if local(one) == name), None)


def parse_reply(document: bytes, *, who: str = "peer") -> Reply:
    """Read a reply. Raises Unreachable for what is not an rpc-reply even after the repair."""
    try:
        root = parse(document, who=who)
    except Unreachable:
        repaired = close_routing_engine(document)
        if repaired == document:
            raise
        root = parse(repaired, who=who)
    if local(root) != "rpc-reply":
        raise Unreachable(f"{who}: expected an rpc-reply, got <{local(root)}>")
    found = list(_errors(root))
    errors = [one for one in found if one.severity != "warning"]
    warnings = [one for one in found if one.severity == "warning"]
    return Reply(root.get("message-id"), root, errors, warnings)


def close_routing_engine(document: bytes) -> bytes:
    """Close a `<routing-engine>` that was left open, where its parent ends or the final `<ok/>` stands."""
    opened = list(_ENGINE_OPEN.finditer(document))
    if len(opened) <= len(_ENGINE_CLOSE.findall(document)):
        return document
    after = _AFTER_ENGINE.search(document, opened[-1].end())
    if after is None:
        return document
    name = document[opened[-1].start() + 1 : opened[-1].end()]
    return b"%b</%b>%b" % (document[: after.start()], name, document[after.start() :])


def _errors(root: Element) -> Iterator[RpcError]:
    for element in root.iter():
        name = local(element)
        if name == "rpc-error":
            yield _rpc_error(element)
        elif (
            name in ("error", "warning") and element.tag == f"{{{XNM}}}{name}" and child(element, "message") is not None
        ):
            # A configuration may hold flags of these names (syslog severities): only the message makes it an error.
            yield RpcError(
                message=child_text(element, "message"),
                severity=name,
                type="application",
                tag="operation-failed",
                path=child_text(element, "edit-path"),
                bad_element=child_text(element, "token"),
            )


def _rpc_error(element: Element) -> RpcError:
    inside = child(element, "error-info")
    info = {local(one): text(one) for one in inside if local(one)} if inside is not None else {}
    return RpcError(
        message=child_text(element, "error-message"),
        severity=child_text(element, "error-severity") or "error",
        type=child_text(element, "error-type"),
        tag=child_text(element, "error-tag"),
        path=child_text(element, "error-path"),
        bad_element=info.get("bad-element", ""),
        session_id=info.get("session-id", ""),
        info=info,
    )
