"""How a topic lies in the KV, and how it is trimmed. Numbers begin with 1 and never come back.

    topic_key      {"first": 5, "last": 9}              which messages are kept; first > last: none
    message_key    {"at": 1494478858.2, "key": "…", "value": "…"}     at: epoch seconds; "base64" instead of "value"
                                                                        where the value is no text
    group_key      4                                    the group has finished everything up to this number

Trimming takes a few messages at a time, oldest first: those that every group has finished, and those that are too old.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from esi.errors import Broken, Invalid
from esi.kv import KV, Delete, Guard, Put
from esi.model.codec import dumps, loads, loads_object
from esi.model.keys import GROUPS, group_key, message_key, topic_key

TRIM_EVERY = 32
"""Messages between two trims; one trim takes twice as many, so it keeps pace."""

TRIM_MOST = 2 * TRIM_EVERY

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")


def checked_name(name: str, what: str) -> str:
    """`name`, if it can stand in a key. Raises Invalid."""
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} is no name of a {what}: letters, digits and . _ - only")
    return name


@dataclass(frozen=True, slots=True)
class Message:
    """One message as kept; `at` is the time of publishing in epoch seconds."""

    key: str
    value: bytes
    at: float

    def encode(self) -> bytes:
        try:
            value = {"value": self.value.decode()}
        except UnicodeDecodeError:
            value = {"base64": base64.b64encode(self.value).decode()}
        return dumps({"at": self.at, "key": self.key, **value})

    @classmethod
    def decode(cls, raw: bytes, key: str) -> Message:
        """Raises Broken."""
        fields = loads_object(raw, key)
        try:
            text = fields.get("value")
            value = base64.b64decode(fields["base64"]) if text is None else text.encode()
            return cls(fields["key"], value, float(fields["at"]))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise Broken(f"{key} is no message: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Head:
    """Which messages of a topic are kept, and the guard that this is still so."""

    first: int
    last: int
    guard: Guard


async def read_head(kv: KV, topic: str) -> Head:
    key = topic_key(topic)
    entry = await kv.get(key)
    if entry is None:
        return Head(1, 0, Guard(key, 0))
    fields = loads_object(entry.value, key)
    return Head(fields["first"], fields["last"], Guard(key, entry.mod_revision))


def head_put(topic: str, first: int, last: int) -> Put:
    return Put(topic_key(topic), dumps({"first": first, "last": last}))


def number_of(key: str) -> int:
    """The number in a message's key."""
    return int(key.rsplit("/", 1)[1])


async def read_position(kv: KV, topic: str, group: str) -> int | None:
    entry = await kv.get(group_key(topic, group))
    return None if entry is None else int(loads(entry.value, entry.key))


async def trim(kv: KV, topic: str, *, before: float) -> int:
    """Take away up to TRIM_MOST of the oldest messages: finished by all groups, or older than `before` (epoch seconds).

    How many went. A topic without groups keeps what is young enough. Raises Outrun when somebody has written meanwhile.
    """
    head = await read_head(kv, topic)
    groups = (await kv.list(f"{GROUPS}{topic}/")).entries
    finished = min((int(loads(entry.value, entry.key)) for entry in groups), default=0)
    most = min(head.last, head.first + TRIM_MOST - 1)
    upto = max(min(finished, most), head.first - 1)
    while upto < most and await _too_old(kv, message_key(topic, upto + 1), before):
        upto += 1
    if upto < head.first:
        return 0
    gone = [Delete(message_key(topic, number)) for number in range(head.first, upto + 1)]
    await kv.commit([head_put(topic, upto + 1, head.last), *gone], guards=[head.guard])
    return len(gone)


async def _too_old(kv: KV, key: str, before: float) -> bool:
    entry = await kv.get(key)
    if entry is None:
        return True
    try:
        return Message.decode(entry.value, key).at < before
    except Broken:
        return True
