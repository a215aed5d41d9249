"""Rules that are chosen per row, and a status that follows from those who name the row."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from esi.clock import SystemClock
from esi.errors import SchemaError
from esi.identity import SYSTEM
from esi.lifecycle import Hooks, Lifecycle, Ways
from esi.model.resource import Body, Ref
from esi.schema import load_documents
from esi.store.sqlite import SqliteStore

HEAD = "prefix: /v1, description: d, metadata: {state_versioning: true, status: "
SOCKET = (
    "{id: socket, singular: socket, plural: sockets, title: S, "
    + HEAD
    + "{rule: connected, by: [cable.socket_id]}}, schema: {type: object, properties: {status: {type: string}}}}"
)
CABLE = (
    "{id: cable, singular: cable, plural: cables, title: C, "
    + HEAD
    + """{rule: waits, of: [spare_id], cases: [
    {when: {use: "|store(:.*)?"}, rule: idle}, {when: {use: "lamp.*", lit: true}, rule: monitored, of: [spare_id]}]}},
    schema: {type: object, properties: {status: {type: string}, operational_state: {type: string, default: NO_STATE},
    use: {type: [string, "null"], permission: [create, update]}, lit: {type: boolean, permission: [update]},
    spare_id: {type: string, relation: cable, permission: [create, update]},
    socket_id: {type: string, format: hyph-uuid-or-empty, relation: socket, permission: [create, update]}}}}"""
)


class Bench:
    def __init__(self) -> None:
        catalogue = load_documents(f"schemas: [{SOCKET}, {CABLE}]")
        self.store = SqliteStore(":memory:", catalogue, clock=SystemClock(), inline=True)
        self.life = Lifecycle(catalogue, self.store, Hooks(), SystemClock(), Ways())

    async def make(self, schema: str, **body: object) -> Ref:
        row = await self.life.create(SYSTEM, schema, body)
        await self.done(row.ref)
        return row.ref

    async def change(self, ref: Ref, **body: object) -> None:
        await self.life.update(SYSTEM, ref, body)
        await self.done(ref)

    async def done(self, ref: Ref) -> None:
        row = await self.store.read(lambda rows: rows.get(ref))
        assert row is not None
        state: Body = {"worker_state": "DELETE_COMPLETED" if row.marked_for_deletion else "READ_COMPLETE"}
        await self.life.apply_state(ref, {"state": state, "version": row.config_version})

    async def seen(self, ref: Ref, word: str) -> None:
        row = await self.store.read(lambda rows: rows.get(ref))
        assert row is not None
        await self.life.apply_monitoring(ref, {"it": word, "version": row.config_version})

    async def status(self, ref: Ref) -> str:
        return str((await self.life.show(SYSTEM, ref))["status"])


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.store.close()


async def test_the_first_case_that_holds_says_how(bench: Bench) -> None:
    assert await bench.status(await bench.make("cable")) == "DOWN"
    assert await bench.status(await bench.make("cable", use="store:7")) == "DOWN"
    lamp = await bench.make("cable", use="lamp")
    assert await bench.status(lamp) == "PENDING_CREATE"
    await bench.change(lamp, lit=True)
    assert await bench.status(lamp) == "PENDING_CREATE"
    await bench.seen(lamp, "UP")
    assert await bench.status(lamp) == "ACTIVE"
    await bench.seen(lamp, "FAIL")
    assert await bench.status(lamp) == "MONITORING_UNAVAILABLE"
    await bench.change(lamp, use="")
    assert await bench.status(lamp) == "DOWN"


async def test_what_is_monitored_may_stand_on_others_too(bench: Bench) -> None:
    spare = await bench.make("cable", use="lamp")
    lamp = await bench.make("cable", use="lamp", spare_id=spare.id)
    for cable in (lamp, spare):
        await bench.change(cable, lit=True)
    await bench.seen(lamp, "UP")
    assert await bench.status(lamp) == "PENDING_CREATE"
    await bench.seen(spare, "UP")
    assert await bench.status(lamp) == "ACTIVE"
    await bench.seen(spare, "FAIL")
    shown = await bench.life.show(SYSTEM, lamp)
    assert shown["status"] == "MONITORING_UNAVAILABLE"
    assert shown["status_reason"] == f"cable {spare.id} is MONITORING_UNAVAILABLE"


async def test_a_status_follows_from_those_who_name_the_row(bench: Bench) -> None:
    socket, other = await bench.make("socket"), await bench.make("socket")
    assert await bench.status(socket) == "DOWN"
    cable = await bench.make("cable", use="lamp", socket_id=socket.id)
    await bench.change(cable, lit=True)
    await bench.seen(cable, "UP")
    assert (await bench.status(socket), await bench.status(other)) == ("ACTIVE", "DOWN")
    facts = await bench.life.why(SYSTEM, socket)
    assert (facts["of"], [one["id"] for one in facts["stands_on"]]) == (["cable.socket_id"], [cable.id])
    await bench.change(cable, socket_id=other.id)
    await bench.seen(cable, "UP")
    assert (await bench.status(socket), await bench.status(other)) == ("DOWN", "ACTIVE")
    await bench.life.delete(SYSTEM, cable)
    assert await bench.status(other) == "DOWN"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("by: [cable.socket_id]", "of: [cable.socket_id]", "connected needs by"),
        ("cable.socket_id", "cable.use", "by names cable.use"),
        ("cable.socket_id", "ghost.socket_id", "by names ghost.socket_id"),
        ('{use: "|store(:.*)?"}', '{use: "(("}', "is no pattern"),
        ('{use: "|store(:.*)?"}', "{colour: red}", "when names 'colour'"),
        ('when: {use: "|store(:.*)?"}', "when: {}", "cases is a list of rules"),
    ],
)
def test_what_makes_no_sense_is_named(old: str, new: str, words: str) -> None:
    text = f"schemas: [{SOCKET}, {CABLE}]"
    assert old in text
    with pytest.raises(SchemaError, match=words):
        load_documents(text.replace(old, new))
