"""The outbox to etcd: order kept, no key twice in a commit, what cannot be written does not block the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from esi.errors import Outrun, Unreachable
from esi.kv import Guard, Put
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.codec import decode_config
from esi.store import Kind, OutboxRow
from esi.sync.writer import MAX_VALUE_BYTES, Writer, first_batch
from esi.testing.loop import run


def row(number: int, path: str = "/v2.0/things/a", *, kind: Kind = "update", body: bytes = b"{}") -> OutboxRow:
    return OutboxRow(number, kind, path, body, number, False, "request", 0.0)


class Woken:
    def __init__(self) -> None:
        self.event = asyncio.Event()

    def wake(self) -> None:
        self.event.set()

    async def wait(self, *, at_most: float) -> bool:
        await self.event.wait()
        self.event.clear()
        return True


@dataclass
class Outbox:
    """The outbox half of the store port, kept in a list."""

    rows: list[OutboxRow]
    parked: list[tuple[OutboxRow, str]] = field(default_factory=list)
    wake: Woken = field(default_factory=Woken)
    statements: int = 0
    commits: int = 0

    async def outbox_batch(self, limit: int) -> Sequence[OutboxRow]:
        return self.rows[:limit]

    async def outbox_done(self, ids: Sequence[int]) -> None:
        self.rows = [one for one in self.rows if one.id not in ids]

    async def outbox_park(self, id: int, error: str) -> None:
        self.parked += [(one, error) for one in self.rows if one.id == id]
        await self.outbox_done([id])


def drain(outbox: Outbox, kv: MemoryKV, guard: Guard | None = None) -> None:
    async def work() -> None:
        writer = Writer(kv, outbox, guard or Guard.absent("/nobody"))  # type: ignore[arg-type]  # only its outbox half
        while await writer.drain():
            pass

    run(work())


def test_a_batch_ends_where_a_key_would_stand_twice() -> None:
    rows = [row(1), row(2, "/v2.0/things/b"), row(3)]
    taken, ops = first_batch(rows)
    assert [one.id for one in taken] == [1, 2]
    assert [op.key for op in ops] == ["/config/v2.0/things/a", "/config/v2.0/things/b"]


def test_a_delete_takes_what_was_known_and_seen_along() -> None:
    _, ops = first_batch([row(1, kind="delete")])
    assert [op.key.split("/")[1] for op in ops] == ["config", "state", "monitoring"]


def test_an_effect_stands_under_its_number() -> None:
    _, ops = first_batch([row(7, "plug", kind="effect", body=b'{"port":1}')])
    assert ops == [Put(keys.effect_key(7), b'{"port":1}')]


def test_everything_is_written_in_order_and_then_forgotten() -> None:
    outbox, kv = Outbox([row(number, f"/v2.0/things/{number % 7}") for number in range(1, 500)]), MemoryKV()
    seen: list[int] = []
    kv.on_commit = lambda events: seen.extend(decode_config(event.value).version for event in events)
    drain(outbox, kv)
    assert seen == list(range(1, 500))
    assert outbox.rows == []


def test_many_rows_share_a_commit() -> None:
    kv = MemoryKV()
    drain(Outbox([row(number, f"/v2.0/things/{number}") for number in range(1, 301)]), kv)
    assert kv.commits == 3


def test_a_row_that_etcd_would_never_take_is_set_aside_and_the_rest_goes() -> None:
    outbox, kv = Outbox([row(1, body=b"x" * (MAX_VALUE_BYTES + 1)), row(2, "/v2.0/things/b")]), MemoryKV()
    drain(outbox, kv)
    ((parked, why),) = outbox.parked
    assert parked.id == 1
    assert str(MAX_VALUE_BYTES) in why
    assert outbox.rows == []


def test_who_does_not_lead_writes_nothing() -> None:
    outbox, kv = Outbox([row(1)]), MemoryKV()
    with pytest.raises(Outrun):
        drain(outbox, kv, Guard("/leader", 5, "create"))
    assert len(outbox.rows) == 1


def test_a_lost_answer_leaves_the_row_to_be_put_again() -> None:
    class Lossy(MemoryKV):
        async def commit(self, *args: object, **more: object) -> int:
            await super().commit(*args, **more)  # type: ignore[arg-type]
            if self.commits == 1:
                raise Unreachable("the answer is lost")
            return self.revision

    outbox, kv = Outbox([row(1)]), Lossy()
    with pytest.raises(Unreachable):
        drain(outbox, kv)
    assert len(outbox.rows) == 1
    drain(outbox, kv)
    assert outbox.rows == []
