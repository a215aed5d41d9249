"""State and monitoring reports: versions, order, repetition, and whose status follows."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from esi.errors import Invalid
from esi.lifecycle import Change, Tx
from esi.model.resource import Ref
from unit.lifecycle.ring import ADMIN, Ring

ESTABLISHED = {"primary": "ESTABLISHED", "secondary": "ESTABLISHED"}


async def test_a_monitored_resource_is_active_when_done_and_seen(ring: Ring) -> None:
    router = await ring.make("router", {"ip": "192.0.2.1"})
    await ring.events()
    assert await ring.done(router)
    assert (await ring.body(router))["status"] == "PENDING_CREATE"
    assert await ring.seen(router, ESTABLISHED)
    body = await ring.body(router)
    assert (body["status"], body["operational_state"]) == ("ACTIVE", "UP")
    assert await ring.seen(router, {"primary": "ESTABLISHED", "secondary": "IDLE"})
    body = await ring.body(router)
    assert (body["status"], body["operational_state"]) == ("MONITORING_UNAVAILABLE", "FAIL")
    assert await ring.seen(router, ESTABLISHED)
    assert (await ring.body(router))["status"] == "ACTIVE"
    assert await ring.events() == []


async def test_without_monitoring_done_is_active(quirky: Ring) -> None:
    router = await quirky.make("router", {"ip": "192.0.2.1"})
    await quirky.done(router)
    body = await quirky.body(router)
    assert (body["status"], body["operational_state"]) == ("ACTIVE", "NO_STATE")


async def test_the_same_report_twice_changes_nothing(ring: Ring) -> None:
    router = await ring.make("router", {"ip": "192.0.2.1"})
    state = {"state": {"orchestration_state": "CREATE_COMPLETE"}, "version": 1, "error": ""}
    monitoring = {"it": "UP", "version": 1}
    assert await ring.lifecycle.apply_state(router, state)
    assert await ring.lifecycle.apply_monitoring(router, monitoring)
    snapshot = ring.store.snapshot()
    assert not await ring.lifecycle.apply_state(router, state)
    assert not await ring.lifecycle.apply_monitoring(router, monitoring)
    assert ring.store.snapshot() == snapshot


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_reports_in_any_order_and_doubled_end_the_same(ring: Ring, order: tuple[int, ...]) -> None:
    """Version 1 and its monitoring, version 2 and its monitoring: whatever overtakes, the newest counts in the end."""
    router = await ring.make("router", {"ip": "192.0.2.1"})
    await ring.lifecycle.update(ADMIN, router, {"name": "two"})
    reports: list[tuple[str, dict[str, Any]]] = [
        ("state", {"state": {"orchestration_state": "CREATE_COMPLETE"}, "version": 1}),
        ("monitoring", {"it": "FAIL", "version": 1}),
        ("state", {"state": {"orchestration_state": "UPDATE_COMPLETE"}, "version": 2}),
        ("monitoring", {"it": "UP", "version": 2}),
    ]
    for kind, payload in [reports[index] for index in order for _twice in range(2)]:
        apply = ring.lifecycle.apply_state if kind == "state" else ring.lifecycle.apply_monitoring
        await apply(router, payload)
    body = await ring.body(router)
    assert (body["status"], body["orchestration_state"], body["operational_state"]) == (
        "ACTIVE",
        "UPDATE_COMPLETE",
        "UP",
    )


async def test_an_old_state_does_not_end_a_newer_change(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    await ring.lifecycle.update(ADMIN, gateway, {"name": "two"})
    await ring.lifecycle.update(ADMIN, gateway, {"name": "three"})
    assert await ring.lifecycle.apply_state(
        gateway, {"state": {"orchestration_state": "UPDATE_COMPLETE"}, "version": 2}
    )
    body = await ring.body(gateway)
    assert (body["status"], body["orchestration_state"]) == ("PENDING_UPDATE", "UPDATE_IN_PROGRESS")
    assert not await ring.lifecycle.apply_state(gateway, {"state": {}, "version": 9})


@pytest.mark.parametrize(
    ("worker_state", "word"), [("READ_COMPLETE", "SYNC_COMPLETE"), ("CREATE_COMPLETED", "CREATE_COMPLETE")]
)
async def test_worker_states_mean_orchestration_states(ring: Ring, worker_state: str, word: str) -> None:
    gateway = await ring.working_gateway()
    again = await ring.make("gateway", {"pair_id": (await ring.body(gateway))["pair_id"]})
    await ring.lifecycle.apply_state(again, {"state": {"worker_state": worker_state}, "version": 1, "error": ""})
    body = await ring.body(again)
    assert (body["orchestration_state"], body["status"]) == (word, "ACTIVE")


async def test_an_update_whose_last_job_creates_is_an_update(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    await ring.lifecycle.update(ADMIN, gateway, {"name": "two"})
    await ring.lifecycle.apply_state(gateway, {"state": {"worker_state": "CREATE_COMPLETED"}, "version": 2})
    assert (await ring.body(gateway))["orchestration_state"] == "UPDATE_COMPLETE"


async def test_a_first_look_inside_the_state_counts(ring: Ring) -> None:
    router = await ring.make("router", {"ip": "192.0.2.1"})
    state = {"worker_state": "CREATE_COMPLETED", "state_monitoring": '{"primary": "ESTABLISHED"}'}
    await ring.lifecycle.apply_state(router, {"state": state, "version": 1, "error": ""})
    assert (await ring.body(router))["status"] == "ACTIVE"


async def test_a_failure_is_told_and_an_update_tries_again(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    await ring.lifecycle.update(ADMIN, gateway, {"name": "two"})
    await ring.lifecycle.apply_state(gateway, {"state": {}, "version": 2, "error": "MX-1: syntax error"})
    body = await ring.body(gateway)
    assert (body["status"], body["orchestration_state"], body["status_reason"]) == (
        "ERROR",
        "UPDATE_FAILED",
        "MX-1: syntax error",
    )
    row = await ring.lifecycle.update(ADMIN, gateway, body)
    assert (row.config_version, row.body["status"]) == (3, "PENDING_UPDATE")
    await ring.done(gateway, "UPDATE_COMPLETE")
    body = await ring.body(gateway)
    assert (body["status"], "status_reason" in body) == ("ACTIVE", False)


@pytest.mark.parametrize("state", [{"orchestration_state": "CREATE_FAILED"}, {"worker_state": "CREATE_FAILED"}])
async def test_a_failure_without_a_reason_is_a_failure(ring: Ring, state: dict[str, str]) -> None:
    router = await ring.make("router", {"ip": "192.0.2.1"})
    await ring.lifecycle.apply_state(router, {"state": state, "version": 1, "error": ""})
    body = await ring.body(router)
    assert (body["status"], body["orchestration_state"]) == ("ERROR", "CREATE_FAILED")
    assert "without a reason" in body["status_reason"]
    await ring.done(router)
    assert (await ring.body(router))["orchestration_state"] == "CREATE_COMPLETE"


async def test_status_spreads_to_those_who_stand_on_it(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    pair = Ref("pair", (await ring.body(gateway))["pair_id"])
    router = Ref("router", (await ring.body(pair))["primary_id"])
    await ring.seen(router, "FAIL")
    assert [(await ring.body(ref))["status"] for ref in (router, pair, gateway)] == ["MONITORING_UNAVAILABLE"] * 3
    await ring.seen(router, "UP")
    assert [(await ring.body(ref))["status"] for ref in (router, pair, gateway)] == ["ACTIVE"] * 3
    assert await ring.events() == []
    history = await ring.store.read(lambda tx: tx.history(gateway))
    assert [(line.action, line.detail) for line in history][-2:] == [
        ("status", "MONITORING_UNAVAILABLE"),
        ("status", "ACTIVE"),
    ]


async def test_a_pair_waits_for_both(ring: Ring) -> None:
    routers = [await ring.make("router", {"ip": f"192.0.2.{n}"}) for n in (1, 2)]
    pair = await ring.make("pair", {"primary_id": routers[0].id, "secondary_id": routers[1].id})
    await ring.done(pair, "SYNC_COMPLETE")
    for router, expected in zip(routers, ("PENDING_CREATE", "ACTIVE"), strict=True):
        await ring.done(router)
        await ring.seen(router)
        assert (await ring.body(pair))["status"] == expected


async def test_hooks_hear_reports_and_may_go_on(ring: Ring) -> None:
    gateway = await ring.working_gateway()

    async def follow(tx: Tx, change: Change) -> None:
        if change.payload["version"] == 2:
            await tx.update(gateway, {"attached": "done"})

    ring.hooks.on("gateway", "post_state_update_in_transaction", follow)
    await ring.lifecycle.update(ADMIN, gateway, {"name": "two"})
    await ring.events()
    await ring.done(gateway, "UPDATE_COMPLETE")
    (event,) = await ring.events()
    assert event.version == 3
    assert (await ring.body(gateway))["status"] == "PENDING_UPDATE"


async def test_reports_without_a_version_are_refused_and_of_strangers_ignored(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    for payload in ({}, {"version": "1"}, {"version": True}):
        with pytest.raises(Invalid):
            await ring.lifecycle.apply_state(gateway, payload)
        with pytest.raises(Invalid):
            await ring.lifecycle.apply_monitoring(gateway, payload)
    assert not await ring.lifecycle.apply_state(Ref("gateway", "nobody"), {"version": 1})
    note = await ring.make("note", {"text": "no states"})
    assert not await ring.lifecycle.apply_state(note, {"version": 1, "state": {}})
