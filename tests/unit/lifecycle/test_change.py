"""Updates and deletes."""

from __future__ import annotations

import pytest

from esi.errors import Conflict, Forbidden, Invalid, NotFound, PluginError
from esi.identity import Identity
from esi.lifecycle import Change, Tx
from esi.model.resource import Ref
from unit.lifecycle.ring import ADMIN, ALICE, BOB, Ring, body_of


async def test_an_update_is_a_merge_with_a_version_and_a_full_event(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    row = await ring.lifecycle.update(ADMIN, gateway, {"settings": {"mode": "l3"}, "name": "new"})
    assert row.config_version == 2
    (event,) = await ring.events()
    body = body_of(event)
    assert (event.kind, event.version) == ("update", 2)
    assert body["settings"] == {"mtu": 1500, "mode": "l3"}
    assert body["limit"] is None
    assert (body["status"], body["orchestration_state"]) == ("PENDING_UPDATE", "UPDATE_IN_PROGRESS")


async def test_what_was_read_can_be_sent_back(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    shown = await ring.body(gateway)
    row, created = await ring.lifecycle.put(ADMIN, gateway, {**shown, "name": "renamed"})
    assert (created, row.body["name"]) == (False, "renamed")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"pair_id": ""}, "pair_id"),
        ({"attached": "me"}, "attached"),
        ({"name": 5}, "name"),
        ({"name": "a\x07"}, "name"),
        ({"settings": {"mtu": None}}, "settings.mtu"),
        ({"nothing": 1}, "nothing"),
        ({"id": None}, "id"),
        ({"pair_id": None}, "pair_id"),
        ({"status": None}, "status"),
        ({"id": "00000000-0000-4000-8000-00000000dead"}, "id"),
    ],
)
async def test_an_update_that_is_refused_changes_nothing(ring: Ring, body: dict[str, object], path: str) -> None:
    gateway = await ring.working_gateway()
    before = await ring.body(gateway)
    with pytest.raises(Invalid) as refused:
        await ring.lifecycle.update(ADMIN, gateway, body)
    assert path in [place for place, _text in refused.value.errors]
    assert await ring.body(gateway) == before
    assert await ring.events() == []


async def test_operational_state_becomes_init_once_it_has_been_seen(ring: Ring) -> None:
    router = await ring.make("router", {"ip": "192.0.2.1"})
    await ring.lifecycle.update(ADMIN, router, {"name": "a"})
    body = await ring.body(router)
    assert (body["operational_state"], body["status"]) == ("NO_STATE", "PENDING_CREATE")
    await ring.done(router, "UPDATE_COMPLETE")
    await ring.seen(router)
    await ring.lifecycle.update(ADMIN, router, {"name": "b"})
    body = await ring.body(router)
    assert (body["operational_state"], body["status"]) == ("INIT", "PENDING_UPDATE")


async def test_the_recorded_quirk_keeps_the_orchestration_state_of_chained_updates(quirky: Ring) -> None:
    gateway = await quirky.working_gateway()

    async def attach(tx: Tx, change: Change) -> None:
        await tx.update(gateway, {"attached": change.id})

    quirky.hooks.on("interface", "post_create_in_transaction", attach)
    await quirky.make("interface", {"gateway_id": gateway.id})
    body = await quirky.body(gateway)
    assert (body["orchestration_state"], body["status"]) == ("CREATE_COMPLETE", "PENDING_UPDATE")
    await quirky.done(gateway, "UPDATE_COMPLETE")
    body = await quirky.body(gateway)
    assert (body["orchestration_state"], body["status"]) == ("UPDATE_COMPLETE", "ACTIVE")


async def test_what_is_not_there_and_what_is_not_yours(ring: Ring) -> None:
    note = await ring.make("note", {"text": "hers"}, ALICE)
    for ref in (note, Ref("note", "nowhere")):
        with pytest.raises(NotFound):
            await ring.lifecycle.update(BOB, ref, {"text": "his"})
        with pytest.raises(NotFound):
            await ring.lifecycle.show(BOB, ref)
    with pytest.raises(Forbidden):
        await ring.lifecycle.delete(ALICE, note)  # denied to members by policy, though it is hers
    pair = Ref("pair", (await ring.body(await ring.working_gateway()))["pair_id"])
    assert (await ring.lifecycle.show(ALICE, pair)).keys() >= {"id", "status"}


async def test_deleting_in_two_steps(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    await ring.lifecycle.delete(ADMIN, gateway)
    (event,) = await ring.events()
    body = body_of(event)
    assert (event.kind, event.version, event.marked_for_deletion) == ("update", 2, True)
    assert (body["status"], body["orchestration_state"]) == ("PENDING_DELETE", "DELETE_IN_PROGRESS")
    await ring.lifecycle.delete(ADMIN, gateway)
    assert await ring.events() == []
    with pytest.raises(Conflict):
        await ring.lifecycle.update(ADMIN, gateway, {"name": "late"})
    assert not await ring.lifecycle.apply_state(gateway, {"state": {"worker_state": "DELETE_COMPLETED"}, "version": 1})
    assert await ring.lifecycle.apply_state(gateway, {"state": {"worker_state": "DELETE_COMPLETED"}, "version": 2})
    (event,) = await ring.events()
    assert (event.kind, event.version, event.path) == ("delete", 3, f"/v2.0/gateways/{gateway.id}")
    with pytest.raises(NotFound):
        await ring.body(gateway)
    assert not await ring.lifecycle.apply_state(gateway, {"state": {"worker_state": "DELETE_COMPLETED"}, "version": 2})


async def test_a_failed_delete_says_why_and_can_be_tried_again(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    await ring.lifecycle.delete(ADMIN, gateway)
    await ring.done(gateway, "DELETE_FAILED", error="router says no")
    body = await ring.body(gateway)
    assert (body["status"], body["orchestration_state"], body["status_reason"]) == (
        "ERROR",
        "DELETE_FAILED",
        "router says no",
    )
    await ring.lifecycle.delete(ADMIN, gateway)
    body = await ring.body(gateway)
    assert (body["status"], "status_reason" in body) == ("PENDING_DELETE", False)
    assert await ring.done(gateway, "DELETE_COMPLETE")


async def test_deleting_in_one_step(ring: Ring) -> None:
    note = await ring.make("note", {"text": "short"})
    await ring.events()
    await ring.lifecycle.delete(ADMIN, note)
    (event,) = await ring.events()
    assert (event.kind, event.version, event.marked_for_deletion) == ("delete", 2, False)
    with pytest.raises(NotFound):
        await ring.lifecycle.delete(ADMIN, note)


async def test_what_is_in_use_stays(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    pair = Ref("pair", (await ring.body(gateway))["pair_id"])
    one = await ring.make("interface", {"gateway_id": gateway.id})
    with pytest.raises(Conflict, match=f"interface {one.id}"):
        await ring.lifecycle.delete(ADMIN, gateway)
    with pytest.raises(Conflict, match=f"gateway {gateway.id}"):
        await ring.lifecycle.delete(ADMIN, pair)
    await ring.lifecycle.delete(ADMIN, one)
    await ring.lifecycle.delete(ADMIN, gateway)  # what refers to it is on its way out


async def test_a_reference_in_a_list_counts_too(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    lonely = await ring.make("gateway", {"pair_id": (await ring.body(gateway))["pair_id"]})
    holder = await ring.make("interface", {"gateway_id": gateway.id, "peers": [lonely.id]})
    with pytest.raises(Conflict, match="peers"):
        await ring.lifecycle.delete(ADMIN, lonely)
    await ring.lifecycle.update(ADMIN, holder, {"peers": []})
    await ring.lifecycle.delete(ADMIN, lonely)


async def test_hooks_of_both_steps(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    heard: list[str] = []

    async def listen(tx: Tx, change: Change) -> None:
        heard.append(change.event)

    events = ["pre_delete", "pre_delete_in_transaction", "post_delete_in_transaction", "post_delete"]
    physical = ["pre_physical_delete_in_transaction", "post_physical_delete_in_transaction"]
    for event in (*events, *physical):
        ring.hooks.on("gateway", event, listen)
    await ring.lifecycle.delete(ADMIN, gateway)
    assert heard == events
    await ring.done(gateway, "DELETE_COMPLETE")
    assert heard == events + physical


async def test_hooks_may_take_down_what_belongs_to_the_resource(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    interface = await ring.make("interface", {"gateway_id": gateway.id})

    async def children(tx: Tx, change: Change) -> None:
        await tx.delete(interface)

    ring.hooks.on("gateway", "pre_delete_in_transaction", children)
    await ring.events()
    await ring.lifecycle.delete(ADMIN, gateway)
    assert [event.path.split("/")[2] for event in await ring.events()] == ["interfaces", "gateways"]


async def test_ensure_writes_only_differences(ring: Ring) -> None:
    await ring.lifecycle.ensure("note", {"id": "n1", "text": "a"})
    await ring.lifecycle.ensure("note", {"id": "n1", "text": "a"})
    await ring.lifecycle.ensure("note", {"id": "n1", "text": "b"})
    assert [(event.kind, event.version) for event in await ring.events()] == [("create", 1), ("update", 2)]


async def test_who_may_do_nothing_learns_nothing_about_ids(ring: Ring) -> None:
    note = await ring.make("note", {"text": "hers"}, ALICE)
    visitor = Identity("eve", "e" * 32, ("visitor",))
    for ref in (note, Ref("note", "nowhere")):
        for attempt in (
            ring.lifecycle.show(visitor, ref),
            ring.lifecycle.update(visitor, ref, {"text": "x"}),
            ring.lifecycle.put(visitor, ref, {"text": "x"}),
            ring.lifecycle.delete(visitor, ref),
            ring.lifecycle.action(visitor, ref, "shout", {}),
        ):
            with pytest.raises(Forbidden):
                await attempt


async def test_part_of_an_object_may_be_sent(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    await ring.lifecycle.update(ADMIN, gateway, {"settings": {"mtu": 9000}})
    await ring.lifecycle.update(ADMIN, gateway, {"settings": {"mode": "l3"}})
    assert (await ring.body(gateway))["settings"] == {"mtu": 9000, "mode": "l3"}


async def test_hooks_that_would_never_run_are_found(ring: Ring) -> None:
    async def nothing(tx: Tx, change: Change) -> None: ...

    ring.hooks.on("note", "shout", nothing)
    ring.hooks.check(ring.catalogue)
    ring.hooks.on("note", "pre_craete", nothing)
    ring.hooks.on("ghost", "pre_create", nothing)
    with pytest.raises(PluginError) as refused:
        ring.hooks.check(ring.catalogue)
    assert len(refused.value.faults) == 2


async def test_actions_run_their_hook(ring: Ring) -> None:
    note = await ring.make("note", {"text": "hello"}, ALICE)

    async def shout(tx: Tx, change: Change) -> None:
        change.response = {"said": change.body["text"].upper(), "loud": change.sent.get("loud")}

    ring.hooks.on("note", "shout", shout)
    assert await ring.lifecycle.action(ALICE, note, "shout", {"loud": True}) == {"said": "HELLO", "loud": True}
    with pytest.raises(Invalid):
        await ring.lifecycle.action(ALICE, note, "shout", {"loud": "very"})
    with pytest.raises(NotFound):
        await ring.lifecycle.action(BOB, note, "shout", {})
    with pytest.raises(NotFound):
        await ring.lifecycle.action(ALICE, note, "whisper", {})
