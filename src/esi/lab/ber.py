"""The Basic Encoding Rules as far as SNMP v2c goes (RFC 3416, X.690): values to bytes and back.

Values are tagged pairs, because Counter64 7 and Integer 7 differ on the wire. What is not encoded so is a Malformed,
whatever bytes come: nothing is read past its end, lengths and depths are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

INTEGER, OCTETS, NULL, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
ADDRESS, COUNTER32, GAUGE32, TICKS, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x46
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_VIEW = 0x80, 0x81, 0x82
GET, GET_NEXT, RESPONSE, SET, GET_BULK = 0xA0, 0xA1, 0xA2, 0xA3, 0xA5

_UNSIGNED = (COUNTER32, GAUGE32, TICKS, COUNTER64)
_NOTHING = (NULL, NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_VIEW)

Oid = tuple[int, ...]


class Malformed(ValueError):
    """Bytes that are no message."""


class Value(NamedTuple):
    """A value and what it is. Unknown kinds keep their bytes."""

    tag: int
    value: int | bytes | Oid | None = None


class Binding(NamedTuple):
    """A name and its value."""

    oid: Oid
    value: Value


@dataclass(frozen=True, slots=True)
class Message:
    """One SNMP message. In a bulk request `status` counts the names that do not repeat, `index` the repetitions."""

    version: int
    community: bytes
    kind: int
    number: int
    status: int
    index: int
    bindings: tuple[Binding, ...]


def build_message(message: Message) -> bytes:
    """A message as bytes."""
    bindings = b"".join(build_binding(binding) for binding in message.bindings)
    head = b"".join(_integer(number) for number in (message.number, message.status, message.index))
    body = _wrap(message.kind, head + _wrap(SEQUENCE, bindings))
    return _wrap(SEQUENCE, _integer(message.version) + _wrap(OCTETS, message.community) + body)


def build_binding(binding: Binding) -> bytes:
    return _wrap(SEQUENCE, _oid(binding.oid) + build_value(binding.value))


def build_value(value: Value) -> bytes:
    """One value as bytes. Raises Malformed for what its kind cannot hold."""
    tag, content = value
    if tag in _NOTHING:
        return bytes((tag, 0))
    if tag == OID and isinstance(content, tuple):
        return _oid(content)
    if isinstance(content, int) and (tag == INTEGER or tag in _UNSIGNED):
        return _wrap(tag, _number(content % 2 ** (64 if tag == COUNTER64 else 32) if tag in _UNSIGNED else content))
    if isinstance(content, bytes):
        return _wrap(tag, content)
    raise Malformed(f"{content!r} is no value of kind {tag:#x}")


def parse_message(data: bytes) -> Message:
    """Read a message. Raises Malformed."""
    outer = _Reader(data).enter(SEQUENCE, last=True)
    version = outer.integer()
    community = outer.take(OCTETS)
    kind, content = outer.any()
    outer.ended()
    pdu = _Reader(content)
    number, status, index = pdu.integer(), pdu.integer(), pdu.integer()
    listed = pdu.enter(SEQUENCE, last=True)
    bindings = []
    while listed.left():
        pair = listed.enter(SEQUENCE)
        oid = _parse_oid(pair.take(OID))
        tag, value = pair.any()
        pair.ended()
        bindings.append(Binding(oid, _parse_value(tag, value)))
    return Message(version, community, kind, number, status, index, tuple(bindings))


class _Reader:
    """Bytes that are read from the front."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def left(self) -> int:
        return len(self._data) - self._at

    def any(self) -> tuple[int, bytes]:
        """The next element, whatever it is."""
        if self.left() < 2:
            raise Malformed("cut short")
        tag, length = self._data[self._at], self._data[self._at + 1]
        self._at += 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4 or self.left() < count:
                raise Malformed("length of a length")
            length = int.from_bytes(self._data[self._at : self._at + count])
            self._at += count
        if length > self.left():
            raise Malformed("cut short")
        content = self._data[self._at : self._at + length]
        self._at += length
        return tag, content

    def take(self, tag: int) -> bytes:
        found, content = self.any()
        if found != tag:
            raise Malformed(f"expected {tag:#x}, found {found:#x}")
        return content

    def enter(self, tag: int, *, last: bool = False) -> _Reader:
        inside = _Reader(self.take(tag))
        if last:
            self.ended()
        return inside

    def integer(self) -> int:
        return _parse_integer(self.take(INTEGER))

    def ended(self) -> None:
        if self.left():
            raise Malformed("something follows")


def _parse_value(tag: int, content: bytes) -> Value:
    if tag in _NOTHING:
        return Value(tag)
    if tag == OID:
        return Value(tag, _parse_oid(content))
    if tag == INTEGER:
        return Value(tag, _parse_integer(content))
    if tag in _UNSIGNED:
        if not 1 <= len(content) <= 9:
            raise Malformed("length of a number")
        return Value(tag, int.from_bytes(content))
    return Value(tag, content)


def _parse_integer(content: bytes) -> int:
    if not 1 <= len(content) <= 8:
        raise Malformed("length of a number")
    return int.from_bytes(content, signed=True)


def _parse_oid(content: bytes) -> Oid:
    if not content or content[-1] & 0x80 or len(content) > 600:
        raise Malformed("name")
    numbers: list[int] = []
    number = 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if number >= 2**32 + 80:
            raise Malformed("name")
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return (first, numbers[0] - 40 * first, *numbers[1:])


def _oid(oid: Oid) -> bytes:
    first = oid[0] * 40 + (oid[1] if len(oid) > 1 else 0)
    return _wrap(OID, b"".join(_base128(number) for number in (first, *oid[2:])))


def _base128(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def _integer(number: int) -> bytes:
    return _wrap(INTEGER, _number(number))


def _number(number: int) -> bytes:
    return number.to_bytes(((number if number >= 0 else ~number).bit_length()) // 8 + 1, signed=True)


def _wrap(tag: int, content: bytes) -> bytes:
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content
