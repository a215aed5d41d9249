"""A transaction's SQL on an asyncpg connection. The coroutine that asks never meets the event loop: it yields what it
asks for, the driver says it to PostgreSQL and sends the answer in. So whatever else it awaits is seen, and refused.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg

from esi.errors import Broken, Busy, Conflict, EsiError, Invalid, Unreachable
from esi.store.notices import FAULTS
from esi.store.rows import Count

AGAIN = ("40", "55P03")
"""SQL states after which the same may be tried again at once: serialization, deadlock, a lock."""

AWAY = ("08", "25006", "28", "3D", "53", "57", "58")
"""Connection, a standby that cannot be written, who we are, no such database, resources, operator, system."""

Columns = Mapping[str, Sequence[str]]
"""The columns of each unique index by its name."""


class Asked:
    """One statement that waits for its answer."""

    __slots__ = ("sql", "text", "values", "writes")

    def __init__(self, sql: AskedSql, text: str, values: Sequence[Any], *, writes: bool) -> None:
        self.sql = sql
        self.text = text
        self.values = values
        self.writes = writes

    def __await__(self) -> Generator[Asked, Any, Any]:
        return (yield self)


class AskedSql:
    """The SQL of one transaction. PostgreSQL goes on with none that has failed: `failed` is raised for whatever is
    asked after it, and `taken` says which unique value was the reason.
    """

    def __init__(self, count: Count, columns: Columns) -> None:
        self._count = count
        self._columns = columns
        self._ended = False
        self.failed: EsiError | None = None
        self.taken = ""

    async def rows(self, text: str, values: Sequence[Any] = ()) -> Sequence[Sequence[Any]]:
        found: Sequence[Sequence[Any]] = await self._ask(text, values, writes=False)
        return found

    async def run(self, text: str, values: Sequence[Any] = ()) -> int:
        status: str = await self._ask(text, values, writes=True)
        return int(status.rpartition(" ")[2])

    def _ask(self, text: str, values: Sequence[Any], *, writes: bool) -> Asked:
        if self._ended:
            raise Broken("a transaction is used after its end")
        self._count.statements += 1
        return Asked(self, text, values, writes=writes)

    async def drive(self, connection: Any, work: Coroutine[Any, Any, Any]) -> Any:
        """Run `work` to its end on `connection`."""
        step, value = work.send, None
        try:
            while True:
                asked = step(value)
                if not isinstance(asked, Asked) or asked.sql is not self:
                    raise Broken("a transaction awaited something that is not its own")
                step, value = work.send, None
                if self.failed is None:
                    value = await self._answer(connection, asked)
                if self.failed is not None:
                    step, value = work.throw, self.failed
        except StopIteration as end:
            if self.failed is not None:
                raise self.failed from None
            return end.value
        finally:
            self._ended = True
            work.close()

    async def _answer(self, connection: Any, asked: Asked) -> Any:
        try:
            with self.faults():
                return await (connection.execute if asked.writes else connection.fetch)(asked.text, *asked.values)
        except EsiError:
            return None  # stands in `failed`

    @contextmanager
    def faults(self) -> Generator[None]:
        """What PostgreSQL or the way to it says, as an error of ours, in `failed` too."""
        try:
            yield
        except asyncpg.UniqueViolationError as error:
            self.taken = f"{error.constraint_name} {error.detail}"
            self.failed = Conflict("a value is taken", columns=self._columns.get(error.constraint_name or "", ()))
            raise self.failed from error
        except FAULTS as error:
            self.failed = translated(error)
            raise self.failed from (None if isinstance(self.failed, Invalid) else error)  # its words hold the value


def translated(error: Exception) -> EsiError:
    """What a fault means: once more, not now (connection, disk), the caller's fault or our own mistake."""
    state = getattr(error, "sqlstate", "") or ""
    if isinstance(error.__cause__, OverflowError) or isinstance(error, asyncpg.NumericValueOutOfRangeError):
        return Invalid("a number does not fit into 64 bits")
    if state.startswith(AGAIN) or isinstance(error, asyncpg.InvalidCachedStatementError):
        return Busy("others write the same rows, again and again", reason=state)
    if isinstance(error, OSError | TimeoutError) or state.startswith(AWAY) or not state:
        words = getattr(error, "args", ("",))[0] if state else f"{type(error).__name__} {error}".strip()
        return Unreachable(f"the database cannot be written or read now: {words}", reason=state)
    return Broken(f"the database refused a statement: {error.args[0]}", reason=state)
