"""What the system says about itself: secrets that do not print, messages for the flight recorder, logs.

A *message* is one exchange over one port: which hop, from whom to whom, its body, and the (schema, id, version)s that
it belongs to. Every port reports its messages to a Recorder; the null recorder costs one call.

    masks      takes secrets out of a message      segments   the recorder of a served process: bounded files
    shipping   from there to where the API keeps them
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

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


Named: TypeAlias = tuple[str, str, int]
"""(schema, id, version); version 0: it is not known which."""

ABOUT: ContextVar[tuple[Named, ...]] = ContextVar("about", default=())
"""What the running task works for. A stack's operation says it; a driver that is not told by its callers asks here."""


class Message(NamedTuple):
    """One recorded exchange. `at` is epoch seconds, `took` seconds; `refs` name the resource versions it belongs to:
    one commit may carry many. `request` is the id of the request that it is part of, where that is known.
    """

    hop: str
    sender: str
    receiver: str
    subject: str
    body: Any = None
    at: float = 0.0
    took: float = 0.0
    refs: tuple[Named, ...] = ()
    request: str = ""


Make: TypeAlias = Callable[[], Iterable[Message]]


class Recorder(Protocol):
    """`skips`, asked before something begins: what is told of it would only be dropped, so nobody need make it.
    `later`: messages that are made when there is time to write them down, in their order, from what changes no more.
    """

    def message(self, m: Message) -> None: ...

    def later(self, make: Make) -> None: ...

    def skips(self) -> bool: ...


class NullRecorder:
    """Records nothing."""

    def message(self, m: Message) -> None:
        return None

    def later(self, make: Make) -> None:
        return None

    def skips(self) -> bool:
        return True


def _as_it_is(m: Message) -> Message:
    return m


@dataclass
class MemoryRecorder:
    """Keeps the last `limit` messages in memory, for tests and short looks. `clean` takes secrets out of each."""

    limit: int = 10_000
    clean: Callable[[Message], Message] = _as_it_is
    messages: deque[Message] = field(init=False)

    def __post_init__(self) -> None:
        self.messages = deque(maxlen=self.limit)

    def message(self, m: Message) -> None:
        self.messages.append(self.clean(m))

    def later(self, make: Make) -> None:
        for message in make():
            self.message(message)

    def skips(self) -> bool:
        return False

    def of(self, hop: str) -> Iterable[Message]:
        return [m for m in self.messages if m.hop == hop]
