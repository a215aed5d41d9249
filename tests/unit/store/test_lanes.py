"""A LoopLane ends a group when its turn is over: who is left comes first in the next one, and nobody is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from esi.store import lanes
from esi.store.lane import Lane, Ticket
from esi.store.lanes import LoopLane


class Note:
    """A transaction that writes its number."""

    sent = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def end(self) -> None:
        return


@pytest.mark.parametrize(("turn", "commits"), [(-1.0, 9), (60.0, 1)])
async def test_whoever_is_left_is_first_in_the_next_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: float, commits: int
) -> None:
    monkeypatch.setattr(lanes, "TURN_SECONDS", turn)
    connection = sqlite3.connect(tmp_path / "db", isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE notes (at INTEGER PRIMARY KEY, number INTEGER)")
    made: list[None] = []
    lane = LoopLane(
        "test", Lane(connection, "BEGIN IMMEDIATE", lambda: made.append(None)), lambda _sent: None, busy_seconds=1.0
    )

    def ticket(number: int) -> Ticket:
        async def write(note: Any) -> int:
            note.connection.execute("INSERT INTO notes (number) VALUES (?)", (number,))
            return number

        return Ticket(lambda: Note(connection), write)

    async with asyncio.timeout(30):
        values = await asyncio.gather(*(lane.submit(ticket(number)) for number in range(9)))
    await lane.close()
    with sqlite3.connect(tmp_path / "db") as again:
        kept = [number for (number,) in again.execute("SELECT number FROM notes ORDER BY at")]
    again.close()
    assert (values, kept, len(made)) == (list(range(9)), list(range(9)), commits)
