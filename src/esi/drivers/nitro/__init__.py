"""Hands on load balancer appliances: the NITRO REST API of a NetScaler (10.5 and later).

What shall stand on an appliance is said in rows: one resource of NITRO with typed values, known by its keys. A row is
put (added, changed, or made anew where NITRO cannot change it) or removed, and both may be repeated; a value goes into
JSON as it is and never becomes a path, an argument or another field.

    kinds    what NITRO calls each kind of row, its keys, what cannot be changed
    wire     one request and its answer, errors as ours
    driver   sessions: log in, log in again, log out; rows put and removed; save, restart, licence
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

Value = str | int | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One resource of NITRO: its kind and its fields. Which fields are its keys stands in `kinds`."""

    kind: str
    fields: Mapping[str, Value] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are on which appliance (`ip`, its management address). `renewed` is the password that takes the place of
    the factory's, where an appliance insists on another one; "" when there is none.
    """

    ip: str
    username: str
    password: str = field(repr=False)
    renewed: str = field(default="", repr=False)
    ref: tuple[str, str, int] | None = None


@dataclass(frozen=True, slots=True)
class Licence:
    """What an appliance is licensed for: `edition` Standard, Enterprise, Platinum or "" for none; `size` in Mbit/s."""

    edition: str = ""
    size: str = ""


class Appliance(Protocol):
    """One appliance that we are logged in to. Everything may be repeated.

    Errors: Rejected (NITRO's own words, details `errorcode`), Unreachable and Busy (try again), Unsupported.
    """

    async def put(self, row: Row) -> bool:
        """Make it stand as it is; whether anything had to be done."""
        ...

    async def remove(self, row: Row) -> bool:
        """Make it be gone, and see that it is; absent is success. Whether it was there."""
        ...

    async def find(self, row: Row) -> Mapping[str, object] | None:
        """What stands under the keys of `row`."""
        ...

    async def licence(self) -> Licence: ...

    async def save(self) -> None:
        """Keep what runs over the next start; nothing is done when it is kept already."""
        ...

    async def restart(self) -> None:
        """Restart it warm: this session is over. What is not saved is lost."""
        ...


class Appliances(Protocol):
    """The way to appliances, one session at a time with each of them."""

    def open(self, login: Login) -> AbstractAsyncContextManager[Appliance]:
        """Log in, and out at the end. Unsupported for an address that no inventory has: it is not dialled."""
        ...
