"""The VLAN pool of an interface pair: 4096 bits, kept as base64 in `vlan_pool_state`.

Bit n is VLAN n, the most significant bit of each byte first; 1 means used or restricted. There is no VLAN 0 or 4095.
The recorded system set bit 31 when nothing was restricted, a slip in reading an empty text; `recorded_quirks` repeats
it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from esi.plugin import Broken, Invalid

SIZE = 4096
RESERVED = (0, 4095)
RECORDED_SLIP = 31
_RANGE = re.compile(r"([0-9]{1,4})(?:\s*-\s*([0-9]{1,4}))?")


def parse_restricted(text: str, *, recorded_quirks: bool = False) -> frozenset[int]:
    """VLAN ids in a text such as "0-1024,4094". Invalid names the part that is no number or range."""
    if not text.strip():
        return frozenset({RECORDED_SLIP}) if recorded_quirks else frozenset()
    found: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < SIZE:
            raise Invalid(
                "the restricted VLANs cannot be read",
                [("restricted_vlans", f"{part.strip()!r} is no VLAN id or range of them from 0 to {SIZE - 1}")],
            )
        found.update(range(first, last + 1))
    return frozenset(found)


class VlanPool:
    """The bits, to be changed and written back."""

    def __init__(self, bits: bytearray) -> None:
        self._bits = bits

    @classmethod
    def of(cls, restricted: frozenset[int]) -> VlanPool:
        """A fresh pool with nothing used."""
        pool = cls(bytearray(SIZE // 8))
        for vlan in (*RESERVED, *restricted):
            pool.take(vlan)
        return pool

    @classmethod
    def decode(cls, text: str) -> VlanPool:
        try:
            bits = bytearray(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError) as error:
            raise Broken("vlan_pool_state is not base64") from error
        if len(bits) != SIZE // 8:
            raise Broken(f"vlan_pool_state holds {len(bits)} bytes, not {SIZE // 8}")
        return cls(bits)

    def encode(self) -> str:
        return base64.b64encode(self._bits).decode()

    def is_free(self, vlan: int) -> bool:
        return not self._bits[vlan >> 3] & (0x80 >> (vlan & 7))

    def take(self, vlan: int) -> None:
        self._bits[vlan >> 3] |= 0x80 >> (vlan & 7)

    def give_back(self, vlan: int) -> None:
        self._bits[vlan >> 3] &= ~(0x80 >> (vlan & 7))

    def free(self) -> Iterator[int]:
        """Free VLAN ids, the lowest first."""
        parts = (start for start, bits in zip(range(0, SIZE, 8), self._bits, strict=True) if bits != 0xFF)
        return (vlan for start in parts for vlan in range(start, start + 8) if self.is_free(vlan))

    @property
    def available(self) -> int:
        return SIZE - int.from_bytes(self._bits, "big").bit_count()
