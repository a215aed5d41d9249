"""The numbers that are taken out of a pool, as runs: 2, 3, 4, 9 are the runs 2..4 and 9..9, and never two that touch.

So the lowest free number of a range is the range's first, or the one after the run that holds it: one look in an index,
whether ten numbers are taken or ten thousand. What makes a number unique is `esi_allocations`; a run only says where
to look, and is written in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, bindparam, insert, select
from sqlalchemy.engine.interfaces import Dialect

from esi.store.statements import Sql, compiled


@dataclass(frozen=True, slots=True)
class RunStatements:
    around: str
    insert: str
    delete: str

    @classmethod
    def of(cls, runs: Table, dialect: Dialect) -> RunStatements:
        pool: Any = bindparam("p")
        first: Any = bindparam("n")
        at_or_below = select(runs.c.first, runs.c.last).where(runs.c.pool == pool, runs.c.first <= first)
        values: Any = {"pool": bindparam("p"), "first": bindparam("n"), "last": bindparam("m")}
        page = at_or_below.order_by(runs.c.first.desc()).limit(bindparam("limit")).offset(bindparam("offset"))
        return cls(
            compiled(page, dialect, ["p", "n", "limit", "offset"]),
            compiled(insert(runs).values(values), dialect, ["p", "n", "m"]),
            compiled(runs.delete().where(runs.c.pool == pool, runs.c.first == first), dialect, ["p", "n"]),
        )


class Runs:
    """The runs of every pool, inside one transaction."""

    def __init__(self, statements: RunStatements, sql: Sql) -> None:
        self._statements = statements
        self._sql = sql

    async def lowest_free(self, pool: str, first: int, last: int) -> int | None:
        run = await self._at_or_below(pool, first)
        lowest = run[1] + 1 if run is not None and run[1] >= first else first
        return lowest if lowest <= last else None

    async def take(self, pool: str, number: int) -> None:
        """The number was free. Runs that it touches become one with it."""
        first = last = number
        for run in await self._sql.rows(self._statements.around, (pool, number + 1, 2, 0)):
            if run[0] == number + 1:
                last = run[1]
            elif run[1] == number - 1:
                first = run[0]
            else:
                continue
            await self._sql.run(self._statements.delete, (pool, run[0]))
        await self._sql.run(self._statements.insert, (pool, first, last))

    async def give_back(self, pool: str, value: str) -> None:
        """Take a value out of its run; one that was allocated as a text stands in none."""
        if not value.isdecimal() or (run := await self._at_or_below(pool, int(value))) is None or run[1] < int(value):
            return
        first, last, number = *run, int(value)
        await self._sql.run(self._statements.delete, (pool, first))
        if first < number:
            await self._sql.run(self._statements.insert, (pool, first, number - 1))
        if number < last:
            await self._sql.run(self._statements.insert, (pool, number + 1, last))

    async def _at_or_below(self, pool: str, number: int) -> tuple[int, int] | None:
        rows = await self._sql.rows(self._statements.around, (pool, number, 1, 0))
        return (rows[0][0], rows[0][1]) if rows else None
