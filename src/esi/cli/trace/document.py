"""The answer of `GET /esi/trace/<schema>/<id>`, made ready to be shown.

Whatever stands in it was sent by somebody: control characters are replaced (an escape sequence in a name must not reach
a terminal), and secret names are masked again although the recorder has done so, since JSON that stood in a string is
unfolded here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from esi.errors import Broken
from esi.telemetry import masked

CLIENT = "client"
GONE = {"physical_delete": "DELETED", "force_delete": "DELETED"}  # what no status word tells: the row went with it
UNKNOWN = "\N{REPLACEMENT CHARACTER}"

_UUID = re.compile(r"(?<![0-9a-f-])([0-9a-f]{8})-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f-])")


class Version(NamedTuple):
    """One version of one resource."""

    schema: str
    id: str
    version: int


@dataclass(frozen=True, slots=True)
class Message:
    """One recorded exchange; `offset` counts seconds from the first message, `number` from 1."""

    number: int
    offset: float
    took: float
    hop: str
    sender: str
    receiver: str
    subject: str
    body: Any
    refs: tuple[Version, ...]
    process: str

    @property
    def told(self) -> bool:
        """Whether it is what readers look for first: the request, its answer, what a device's configuration became."""
        if self.hop == "device":
            return isinstance(self.body, Mapping) and bool(self.body.get("diff"))
        return self.hop == "http" and CLIENT in (self.sender, self.receiver)


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the change log."""

    offset: float
    of: Version
    name: str
    action: str
    status: str
    request: str
    cause: Version | None
    detail: Any


@dataclass(frozen=True, slots=True)
class Trace:
    """One request with everything that it set in motion."""

    schema: str
    id: str
    name: str
    request: str
    method: str
    at: float
    took: float
    complete: bool
    dropped: int
    parties: tuple[str, ...]
    changes: tuple[Change, ...]
    messages: tuple[Message, ...]

    @property
    def status(self) -> str:
        """The last status word of the resource itself; empty when none was told."""
        told = [change.status for change in self.changes if change.of[:2] == (self.schema, self.id) and change.status]
        return told[-1] if told else ""

    @property
    def end(self) -> float:
        """Seconds from the first message to the last thing that happened."""
        ends = [message.offset + message.took for message in self.messages]
        return max([self.took, *ends, *(change.offset for change in self.changes)])

    def name_of(self, schema: str, id: str) -> str:
        if (schema, id) == (self.schema, self.id):
            return self.name
        return next((change.name for change in self.changes if change.of[:2] == (schema, id) and change.name), "")

    def resources(self) -> list[tuple[str, str]]:
        """The resources that it changed, its own first, the others in the order of their first change."""
        return list(dict.fromkeys([(self.schema, self.id), *(change.of[:2] for change in self.changes)]))


def parse_trace(document: Mapping[str, Any]) -> Trace:
    """The member `trace` of the answer. Broken when it is not of the agreed shape."""
    try:
        return _trace(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Broken(f"the server's trace is not of the agreed shape: {error!r}") from error


def _trace(document: Mapping[str, Any]) -> Trace:
    at = float(document["at"])
    messages = sorted(document["messages"], key=lambda item: float(item["at"]))
    found = tuple(_message(item, number, at) for number, item in enumerate(messages, 1))
    met = [party for message in found for party in (message.sender, message.receiver)]
    return Trace(
        schema=readable(document["schema"]),
        id=readable(document["id"]),
        name=readable(document.get("name") or ""),
        request=readable(document.get("request_id") or ""),
        method=readable(document.get("method") or ""),
        at=at,
        took=float(document.get("took") or 0.0),
        complete=bool(document.get("complete")),
        dropped=int(document.get("dropped") or 0),
        parties=tuple(dict.fromkeys([*(readable(party) for party in document["parties"] if party in met), *met])),
        changes=tuple(sorted((_change(item, at) for item in document["changes"]), key=lambda change: change.offset)),
        messages=found,
    )


def _message(item: Mapping[str, Any], number: int, start: float) -> Message:
    return Message(
        number=number,
        offset=float(item["at"]) - start,
        took=float(item.get("took") or 0.0),
        hop=readable(item["hop"]),
        sender=readable(item["from"]),
        receiver=readable(item["to"]),
        subject=readable(item["subject"]),
        body=shown(item.get("body")),
        refs=tuple(_version(ref) for ref in item.get("refs") or ()),
        process=readable(item.get("process") or ""),
    )


def _change(item: Mapping[str, Any], start: float) -> Change:
    return Change(
        offset=float(item["at"]) - start,
        of=_version(item),
        name=readable(item.get("name") or ""),
        action=readable(item["action"]),
        status=readable(item.get("status") or GONE.get(item["action"], "")),
        request=readable(item.get("request_id") or ""),
        cause=_version(item["cause"]) if item.get("cause") else None,
        detail=shown(item.get("detail")),
    )


def _version(item: Mapping[str, Any]) -> Version:
    return Version(readable(item["schema"]), readable(item["id"]), int(item.get("version") or 0))


def shown(value: Any) -> Any:
    """A body as it may be shown."""
    return _readable_within(masked(_unfolded(value)))


def _unfolded(value: Any) -> Any:
    """JSON that stands in strings becomes part of the value, as `body` in /config does."""
    if isinstance(value, Mapping):
        return {name: _unfolded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_unfolded(item) for item in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _unfolded(json.loads(value))
        except (ValueError, RecursionError):
            return value
    return value


def _readable_within(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {readable(name): _readable_within(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_readable_within(item) for item in value]
    return readable(value, keep="\n\t") if isinstance(value, str) else value


def readable(value: Any, keep: str = "") -> str:
    """A text in which nothing is left that would not be seen, or would turn what stands around it."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in keep else UNKNOWN for sign in text)


def short(text: str) -> str:
    """A text with its UUIDs cut to their first eight digits."""
    return _UUID.sub(r"\1…", text)
