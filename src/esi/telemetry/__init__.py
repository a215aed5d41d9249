"""What the system says about itself: secrets that do not print, messages for the flight recorder, logs.

A *message* is one exchange over one port: which hop, which way, its body with secrets masked, and the (schema, id,
version) it belongs to. Every port reports its messages to a Recorder; the null recorder costs one call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

MASK = "•••"

SECRET_NAMES = frozenset(
    {"password", "bgp_md5", "md5", "authentication-key", "authentication_key", "secret", "token", "credentials"}
)
"""Names whose values are masked wherever a mapping is recorded or logged; also any name that ends in one of them."""


class Secret(str):
    """A string that prints as •••. `reveal()` gives the text to whoever must send it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def reveal(self) -> str:
        return str.__str__(self)


def is_secret(name: str) -> bool:
    """Whether a value of this name is masked."""
    return name in SECRET_NAMES or name.endswith(("_password", "_secret", "_md5", "_token"))


def masked(value: Any) -> Any:
    """A copy of plain JSON data with the values of secret names masked."""
    if isinstance(value, Mapping):
        return {name: MASK if is_secret(str(name)) and item else masked(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class Message:
    """One recorded exchange. `at` is epoch seconds, `took` seconds; `ref` names the resource version it belongs to."""

    hop: str
    direction: str
    subject: str
    body: Any = None
    at: float = 0.0
    took: float = 0.0
    ref: tuple[str, str, int] | None = None


class Recorder(Protocol):
    def message(self, m: Message) -> None: ...


class NullRecorder:
    """Records nothing."""

    def message(self, m: Message) -> None:
        return None


@dataclass
class MemoryRecorder:
    """Keeps the last `limit` messages in memory, for tests and short looks."""

    limit: int = 10_000
    messages: deque[Message] = field(init=False)

    def __post_init__(self) -> None:
        self.messages = deque(maxlen=self.limit)

    def message(self, m: Message) -> None:
        self.messages.append(m)

    def of(self, hop: str) -> Iterable[Message]:
        return [m for m in self.messages if m.hop == hop]
