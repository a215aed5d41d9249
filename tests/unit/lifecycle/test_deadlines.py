"""What is pending ends, what was seen grows old, and the reason says so."""

from __future__ import annotations

from typing import Any

from esi.bootstrap.services import load_services
from esi.lifecycle import Deadlines, timeouts
from esi.model.resource import Ref, Resource
from unit.lifecycle.ring import ADMIN, Ring

ESTABLISHED = {"primary": "ESTABLISHED", "secondary": "ESTABLISHED"}


async def row(ring: Ring, ref: Ref) -> Resource:
    found = await ring.store.read(lambda tx: tx.get(ref))
    assert found is not None
    return found


async def look(ring: Ring, ref: Ref, value: Any, **more: Any) -> bool:
    version = (await row(ring, ref)).config_version
    return await ring.lifecycle.apply_monitoring(ref, {"status": value, "version": version, **more})


async def over(ring: Ring, ref: Ref, waits_for: str = "nobody came") -> bool:
    """Go to the time at which the row is due, and say so."""
    due = (await row(ring, ref)).due
    assert due is not None
    ring.clock.time = due
    return await ring.lifecycle.overdue(ref, waits_for)


def test_the_deadline_is_the_templates_own_and_some_more() -> None:
    services = load_services("2017")
    deadlines = Deadlines(pending_seconds=100.0, timeouts=timeouts(services.templates))
    catalogue = services.catalogue
    assert deadlines.of(catalogue["vpn_gateway"], {}) == 3700.0
    assert deadlines.of(catalogue["ha_router"], {}) == 100.0
    newer = Deadlines(pending_seconds=100.0, timeouts=timeouts(load_services("2018").templates))
    assert newer.of(catalogue["edge_router"], {}) == 280.0


async def test_a_create_that_nobody_ends_fails_and_a_late_success_counts(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    again = await ring.make("gateway", {"pair_id": (await ring.body(gateway))["pair_id"]})
    assert not await ring.lifecycle.overdue(again, "too early")
    assert (await ring.body(again))["status"] == "PENDING_CREATE"
    assert [ref for _at, ref in await ring.lifecycle.due(10)] == [again]
    assert await over(ring, again, "create by heat_worker is at work")
    body = await ring.body(again)
    assert (body["status"], body["orchestration_state"]) == ("ERROR", "CREATE_FAILED")
    assert body["status_reason"] == "not done within 600 s: create by heat_worker is at work"
    assert await ring.lifecycle.due(10) == []
    assert await ring.done(again)
    body = await ring.body(again)
    assert (body["status"], body["orchestration_state"], "status_reason" in body) == (
        "ACTIVE",
        "CREATE_COMPLETE",
        False,
    )


async def test_updates_and_deletes_have_deadlines_too(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    await ring.lifecycle.update(ADMIN, gateway, {"name": "two"})
    assert await over(ring, gateway)
    assert (await ring.body(gateway))["orchestration_state"] == "UPDATE_FAILED"
    await ring.lifecycle.update(ADMIN, gateway, {})
    assert (await ring.body(gateway))["status"] == "PENDING_UPDATE"
    await ring.lifecycle.delete(ADMIN, gateway)
    assert await over(ring, gateway)
    body = await ring.body(gateway)
    assert (body["status"], body["orchestration_state"]) == ("ERROR", "DELETE_FAILED")
    version = (await row(ring, gateway)).config_version
    await ring.lifecycle.delete(ADMIN, gateway)
    assert (await row(ring, gateway)).config_version == version + 1
    assert (await ring.body(gateway))["status"] == "PENDING_DELETE"
    assert await ring.done(gateway, "DELETE_COMPLETE")
    assert await ring.store.read(lambda tx: tx.get(gateway)) is None


async def test_a_late_failure_brings_the_devices_own_words(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    await ring.lifecycle.update(ADMIN, gateway, {"name": "two"})
    await over(ring, gateway)
    assert await ring.done(gateway, "UPDATE_FAILED", "primary: MX-1: syntax error")
    assert (await ring.body(gateway))["status_reason"] == "primary: MX-1: syntax error"


async def test_done_and_never_seen_is_not_an_error(ring: Ring) -> None:
    router = await ring.make("router", {"ip": "192.0.2.1"})
    await ring.done(router)
    assert await over(ring, router)
    body = await ring.body(router)
    assert (body["status"], body["orchestration_state"]) == ("MONITORING_UNAVAILABLE", "CREATE_COMPLETE")
    assert body["status_reason"] == "done, but not seen working within 600 s"
    assert await look(ring, router, ESTABLISHED)
    body = await ring.body(router)
    assert (body["status"], "status_reason" in body) == ("ACTIVE", False)


async def test_who_waits_for_others_names_them(ring: Ring) -> None:
    routers = [await ring.make("router", {"ip": f"192.0.2.{n}"}) for n in (1, 2)]
    pair = await ring.make("pair", {"primary_id": routers[0].id, "secondary_id": routers[1].id})
    await ring.done(pair, "SYNC_COMPLETE")
    await ring.done(routers[0])
    await look(ring, routers[0], "UP")
    assert await over(ring, pair)
    body = await ring.body(pair)
    assert body["status"] == "MONITORING_UNAVAILABLE"
    assert body["status_reason"] == f"router {routers[1].id} is PENDING_CREATE"
    await ring.done(routers[1])
    await look(ring, routers[1], "UP")
    assert (await ring.body(pair))["status"] == "ACTIVE"
    await look(ring, routers[1], "FAIL")
    assert (await ring.body(pair))["status_reason"] == f"router {routers[1].id} is MONITORING_UNAVAILABLE"


async def test_the_reason_says_who_sees_what(ring: Ring) -> None:
    router = await ring.make("router", {"ip": "192.0.2.1"})
    await ring.done(router)
    words = {"status": "primary 192.0.2.1 sees 192.168.8.1 as Active"}
    await look(ring, router, {"primary": "ACTIVE?", "secondary": "ESTABLISHED"}, reasons=words)
    body = await ring.body(router)
    assert (body["status"], body["status_reason"]) == ("MONITORING_UNAVAILABLE", words["status"])
    await look(ring, router, {"primary": "IDLE", "secondary": "ESTABLISHED"})
    assert (await ring.body(router))["status_reason"] == "status.primary is IDLE"
    await look(ring, router, ESTABLISHED, reasons=words)
    body = await ring.body(router)
    assert (body["status"], "status_reason" in body) == ("ACTIVE", False)


async def test_what_nobody_looks_at_any_more_is_unknown(ring: Ring) -> None:
    router = await ring.make("router", {"ip": "192.0.2.1"})
    await ring.done(router)
    start = ring.clock.time
    assert await look(ring, router, ESTABLISHED, seen=start)
    assert [at for at, _ref in await ring.lifecycle.due(10)] == [start + 300.0]
    assert await look(ring, router, ESTABLISHED, seen=start + 60.0), "the same, looked at again, counts for longer"
    assert not await look(ring, router, ESTABLISHED, seen=start + 10.0)
    assert [at for at, _ref in await ring.lifecycle.due(10)] == [start + 360.0]
    assert await over(ring, router)
    body = await ring.body(router)
    assert (body["status"], body["operational_state"]) == ("MONITORING_UNAVAILABLE", "UNKNOWN")
    assert body["status_reason"] == "nobody has looked since 2017-07-14 02:41:00 UTC: older than 300 s"
    assert not await look(ring, router, ESTABLISHED, seen=start + 60.0)
    assert await look(ring, router, ESTABLISHED, seen=start + 500.0)
    body = await ring.body(router)
    assert (body["status"], body["operational_state"]) == ("ACTIVE", "UP")


async def test_a_first_look_that_nobody_repeats_ages(ring: Ring) -> None:
    router = await ring.make("router", {"ip": "192.0.2.1"})
    state = {"worker_state": "CREATE_COMPLETED", "state_monitoring": '{"primary": "ESTABLISHED"}'}
    await ring.lifecycle.apply_state(router, {"state": state, "version": 1, "error": ""})
    assert await over(ring, router)
    assert (await ring.body(router))["status_reason"].startswith("nobody has looked since 2017-07-14 02:40:00 UTC")


async def test_early_values_come_after_the_first_look_with_all_that_is_about_them(ring: Ring) -> None:
    router = await ring.make("router", {"ip": "192.0.2.1"})
    words = {"status": "the key is wrong"}
    assert await look(ring, router, "IDLE", reasons=words, seen=ring.clock.time)
    state = {"worker_state": "CREATE_COMPLETED", "state_monitoring": '{"primary": "ESTABLISHED"}'}
    await ring.lifecycle.apply_state(router, {"state": state, "version": 1, "error": ""})
    body = await ring.body(router)
    assert (body["status"], body["status_reason"]) == ("MONITORING_UNAVAILABLE", "the key is wrong")
    assert (await row(ring, router)).due == ring.clock.time + 300.0


async def test_nobody_watches_and_nothing_grows_old(quirky: Ring) -> None:
    router = await quirky.make("router", {"ip": "192.0.2.1"})
    await quirky.done(router)
    await look(quirky, router, "UP", seen=quirky.clock.time)
    assert await quirky.lifecycle.due(10) == []
