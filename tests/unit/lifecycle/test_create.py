"""What a create accepts, refuses, writes and tells."""

from __future__ import annotations

import pytest

from esi.errors import Conflict, Forbidden, Invalid
from esi.lifecycle import Change, Tx
from esi.model.resource import Ref
from esi.store import Cause
from unit.lifecycle.ring import ADMIN, ALICE, BOB, Ring, body_of


async def test_first_event_has_what_was_sent_defaulted_and_computed(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    await ring.make("interface", {"gateway_id": gateway.id, "tenant_id": "t" * 32})
    tenant, created = await ring.events()
    assert tenant.path == "/common/v1.0/tenants/" + "t" * 32
    assert body_of(tenant) == {"id": "t" * 32, "status": "active", "end_time": "", "delete_retries": 0}
    assert (created.kind, created.version, created.marked_for_deletion) == ("create", 1, False)
    assert body_of(created) == {
        "id": "00000000-0000-4000-8000-000000000005",
        "tenant_id": "t" * 32,
        "name": "",
        "gateway_id": gateway.id,
        "status": "PENDING_CREATE",
        "orchestration_state": "CREATE_IN_PROGRESS",
        "operational_state": "NO_STATE",
    }


async def test_a_known_tenant_is_not_made_again(ring: Ring) -> None:
    await ring.make("note", {"text": "one"}, ALICE)
    await ring.make("note", {"text": "two"}, ALICE)
    assert [row.path.split("/")[2] for row in await ring.events()] == ["v1.0", "notes", "notes"]


async def test_nested_defaults_are_filled_and_not_shared(ring: Ring) -> None:
    pair = (await ring.working_gateway(settings={"mtu": 9000})).id
    first = await ring.body(Ref("gateway", pair))
    assert first["settings"] == {"mtu": 9000, "mode": "l2"}

    async def spoil(tx: Tx, change: Change) -> None:
        change.body["settings"]["mtu"] = 1

    ring.hooks.on("gateway", "pre_create", spoil)
    await ring.make("gateway", {"pair_id": first["pair_id"]})
    assert ring.catalogue["gateway"].defaults()["settings"] == {"mtu": 1500}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "pair_id"),
        ({"pair_id": 5}, "pair_id"),
        ({"pair_id": "nonsense"}, "pair_id"),
        ({"pair_id": "00000000-0000-4000-8000-00000000dead"}, "pair_id"),
        ({"pair_id": "", "colour": "red"}, "colour"),
        ({"pair_id": "", "attached": "x"}, "attached"),
        ({"pair_id": "", "status": "ACTIVE"}, "status"),
        ({"pair_id": "", "name": "a\nb"}, "name"),
        ({"pair_id": "", "name": "a\ue000b"}, "name"),
        ({"pair_id": "", "settings": {"mtu": "much"}}, "settings.mtu"),
        ({"pair_id": "", "settings": {"speed": 1}}, "settings.speed"),
        ({"pair_id": "", "settings": {"a\x00": 1}}, "settings"),
        ({"pair_id": "", "id": "not/an/id"}, "id"),
    ],
)
async def test_refused_with_the_place_and_nothing_is_left(ring: Ring, body: dict[str, object], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        await ring.make("gateway", {"tenant_id": "n" * 32, **body})
    assert path in [place for place, _text in refused.value.errors]
    assert await ring.events() == []
    assert await ring.store.read(lambda tx: tx.count("tenant")) == 0


async def test_a_secret_does_not_stand_in_its_refusal(ring: Ring) -> None:
    with pytest.raises(Invalid) as refused:
        await ring.make("router", {"ip": "192.0.2.9", "password": ["hunter22"]})
    assert "hunter22" not in str(refused.value)
    assert refused.value.errors[0][0] == "password"


async def test_foreign_and_unknown_relations_get_the_same_answer(ring: Ring) -> None:
    gateway = await ring.working_gateway(tenant_id=BOB.tenant)
    answers = []
    for id_ in (gateway.id, "00000000-0000-4000-8000-00000000dead"):
        with pytest.raises(Invalid) as refused:
            await ring.make("interface", {"gateway_id": id_}, ALICE)
        answers.append(refused.value.errors)
    assert answers[0] == answers[1] == [("gateway_id", "there is no gateway with this id")]
    assert await ring.make("interface", {"gateway_id": gateway.id}, BOB)


async def test_relations_inside_lists_are_resolved_with_their_index(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    with pytest.raises(Invalid) as refused:
        await ring.make("interface", {"gateway_id": gateway.id, "peers": [gateway.id, "nobody"]})
    assert [place for place, _text in refused.value.errors] == ["peers[1]"]


async def test_a_resource_on_its_way_out_cannot_be_referred_to(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    await ring.lifecycle.delete(ADMIN, gateway)
    with pytest.raises(Invalid, match="being deleted"):
        await ring.make("interface", {"gateway_id": gateway.id})


async def test_tenants_create_for_themselves_only(ring: Ring) -> None:
    made = await ring.make("note", {"text": "mine"}, ALICE)
    assert (await ring.body(made))["tenant_id"] == ALICE.tenant
    with pytest.raises(Forbidden):
        await ring.make("note", {"text": "his", "tenant_id": BOB.tenant}, ALICE)


async def test_unique_values_and_ids(ring: Ring) -> None:
    router = await ring.make("router", {"ip": "192.0.2.1"})
    with pytest.raises(Conflict, match=r"192\.0\.2\.1"):
        await ring.make("router", {"ip": "192.0.2.1"})
    row, created = await ring.lifecycle.put(
        ADMIN, Ref("router", "00000000-0000-4000-8000-0000000000aa"), {"ip": "192.0.2.2"}
    )
    assert created
    assert row.id == "00000000-0000-4000-8000-0000000000aa"
    _row, created = await ring.lifecycle.put(ADMIN, row.ref, {"name": "again"})
    assert not created
    assert router != row.ref


async def test_hooks_run_in_order_and_their_changes_carry_the_cause(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    heard: list[str] = []
    for event in ("pre_create", "pre_create_in_transaction", "post_create_in_transaction", "post_create"):

        async def listen(tx: Tx, change: Change) -> None:
            heard.append(change.event)

        ring.hooks.on("interface", event, listen)

    async def attach(tx: Tx, change: Change) -> None:
        await tx.update(Ref("gateway", change.body["gateway_id"]), {"attached": change.id})

    ring.hooks.on("interface", "post_create_in_transaction", attach)
    row = await ring.lifecycle.create(ADMIN, "interface", {"gateway_id": gateway.id}, "req-1")
    assert heard == ["pre_create", "pre_create_in_transaction", "post_create_in_transaction", "post_create"]
    assert [(e.path.split("/")[2], e.version, e.request_id) for e in await ring.events()] == [
        ("interfaces", 1, "req-1"),
        ("gateways", 2, "req-1"),
    ]
    caused = await ring.store.read(lambda tx: tx.caused_by(Cause("interface", row.id, 1)))
    assert [(line.ref, line.version, line.action, line.user) for line in caused] == [(gateway, 2, "update", "root")]


async def test_a_failing_hook_undoes_everything(ring: Ring) -> None:
    gateway = await ring.working_gateway()

    async def fail(tx: Tx, change: Change) -> None:
        await tx.adjust(gateway, {"attached": "half"})
        await tx.allocate("vlans", "7")
        tx.effect("tell", {"id": change.id})
        raise Conflict("no")

    ring.hooks.on("interface", "post_create", fail)
    with pytest.raises(Conflict):
        await ring.make("interface", {"gateway_id": gateway.id})
    assert await ring.events() == []
    assert (await ring.body(gateway))["attached"] == ""
    assert await ring.store.read(lambda tx: tx.holder("vlans", "7")) is None


async def test_pools_counters_and_effects(ring: Ring) -> None:
    gateway = await ring.working_gateway()
    pair = Ref("pair", (await ring.body(gateway))["pair_id"])
    got: list[int] = []

    async def take(tx: Tx, change: Change) -> None:
        got.append(await tx.allocate_lowest("vlans", [(10, 10), (11, 11)]))
        row = await tx.get(pair)
        assert row is not None
        await tx.adjust(pair, {"free": row["free"] - 1})
        tx.effect("tell", {"vlan": got[-1]})

    ring.hooks.on("note", "pre_create_in_transaction", take)
    notes = [await ring.make("note", {"text": str(n)}) for n in range(2)]
    with pytest.raises(Conflict, match="nothing is left"):
        await ring.make("note", {"text": "late"})
    assert got == [10, 11]
    assert (await ring.body(pair))["free"] == 8
    events = await ring.events()
    assert [event.kind for event in events] == ["create", "effect", "create", "effect"]
    assert body_of(events[1]) == {"kind": "tell", "body": {"vlan": 10}, "resource": [*notes[0], 1]}
    await ring.lifecycle.delete(ADMIN, notes[0])
    assert await ring.make("note", {"text": "now"})
    assert got[-1] == 10


async def test_nobody_is_told_of_nosync_schemas(ring: Ring) -> None:
    await ring.make("journal", {"text": "dear diary"})
    assert await ring.events() == []


async def test_statements_of_one_interface_with_its_chained_update(ring: Ring) -> None:
    """Tenant look-up, gateway, then row, event and log twice: eight, whatever else grows."""
    gateway = await ring.working_gateway(tenant_id=ALICE.tenant)

    async def attach(tx: Tx, change: Change) -> None:
        await tx.update(Ref("gateway", change.body["gateway_id"]), {"attached": change.id})

    ring.hooks.on("interface", "post_create_in_transaction", attach)
    statements, commits = ring.store.statements, ring.store.commits
    await ring.make("interface", {"gateway_id": gateway.id}, ALICE)
    assert (ring.store.statements - statements, ring.store.commits - commits) == (8, 1)
