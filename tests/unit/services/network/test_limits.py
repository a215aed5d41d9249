"""Quotas, races for the last one, the cost of an address, and what is billed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from esi.bootstrap.control import ensure_rows
from esi.bootstrap.services import load_services
from esi.clock import SystemClock
from esi.errors import Conflict, EsiError, QuotaExceeded
from esi.identity import SYSTEM, Identity
from esi.lifecycle import Lifecycle, Ways
from esi.model.resource import Body, Ref
from esi.store.sqlite import SqliteStore
from unit.services.desk import OTHER, TENANT, loaded
from unit.services.network.netdesk import NetDesk

LIMITS: Body = {name: 10 for name in loaded(False).catalogue["quota"].required if name != "tenant_id"}


async def test_the_first_rows_stay_as_an_operator_leaves_them(desk: NetDesk) -> None:
    default = await desk.row(Ref("quota", "default"))
    assert (default["tenant_id"], default["port"], default["network"]) == ("default", 30000, 10000)
    await desk.change(default.ref, network=7)
    await ensure_rows(desk.life, loaded(False))
    assert (await desk.row(default.ref))["network"] == 7
    assert (await desk.row(Ref("reserve_address", "default")))["subnets"] == ["169.254.0.0/16", "100.64.0.0/10"]


@pytest.mark.parametrize("kind", ["network", "subnet", "port"])
async def test_a_tenant_may_have_so_many_and_no_more(desk: NetDesk, kind: str) -> None:
    held = len(await desk.all(kind, tenant_id=TENANT))
    await desk.create("quota", tenant_id=TENANT, **{**LIMITS, kind: held})
    bodies = {
        "network": {"tenant_id": TENANT},
        "subnet": {"network_id": desk.network.id, "cidr": "198.51.100.0/24", "tenant_id": TENANT},
        "port": desk.port(),
    }
    with pytest.raises(QuotaExceeded, match=f"may have {held} {kind}s") as refused:
        await desk.create(kind, desk.member, **bodies[kind])
    assert refused.value.status == 409
    await desk.create("network", desk.stranger, tenant_id=OTHER)


async def test_the_default_row_is_for_everybody_else(desk: NetDesk) -> None:
    await desk.change(Ref("quota", "default"), network=1)
    with pytest.raises(QuotaExceeded):
        await desk.create("network", desk.member, tenant_id=TENANT)
    await desk.create("quota", tenant_id=TENANT, **LIMITS)
    await desk.create("network", desk.member, tenant_id=TENANT)


@pytest.mark.parametrize("named", [True, False], ids=["named", "whichever"])
async def test_two_tenants_race_for_the_last_address_and_one_has_it(tmp_path: Path, named: bool) -> None:
    """A hundred times, through the writer's thread, where transactions really wait for each other."""
    services = load_services("2018")
    clock = SystemClock()
    store = SqliteStore(tmp_path / "esi.db", services.catalogue, clock=clock)
    life = Lifecycle(services.catalogue, store, services.hooks, clock, Ways(monitoring=False))
    everybody = [Identity("jo", TENANT, ("admin",), is_admin=True), Identity("sam", OTHER, ("admin",), is_admin=True)]
    given = []
    for number in range(100):
        network = await life.create(SYSTEM, "network", {"tenant_id": TENANT})
        last = f"10.{number}.0.2"  # the gateway and the DHCP server's address stand beside it
        pools = [{"start": f"10.{number}.0.1", "end": last}]
        cidr: Body = {"cidr": f"10.{number}.0.0/29", "allocation_pools": pools, "gateway_ip": f"10.{number}.0.3"}
        await life.create(SYSTEM, "subnet", {"network_id": network.id, **cidr})
        wanted: Body = {"network_id": network.id, **({"fixed_ips": [{"ip_address": last}]} if named else {})}
        asked = [life.create(one, "port", {**wanted, "tenant_id": one.tenant}) for one in everybody]
        results = await asyncio.gather(*asked, return_exceptions=True)
        lost = [result for result in results if isinstance(result, EsiError)]
        assert [type(error) for error in lost] == [Conflict], (number, results)
        given += [result["fixed_ips"][0]["ip_address"] for result in results if not isinstance(result, BaseException)]
    assert given == [f"10.{number}.0.2" for number in range(100)]
    await store.close()


async def test_ten_thousand_addresses_cost_the_same_each() -> None:
    services = loaded(False)
    store = SqliteStore(":memory:", services.catalogue, clock=SystemClock(), inline=True)
    life = Lifecycle(services.catalogue, store, services.hooks, SystemClock(), Ways(monitoring=False))
    network = await life.create(SYSTEM, "network", {"tenant_id": TENANT})
    await life.create(SYSTEM, "subnet", {"network_id": network.id, "cidr": "10.0.0.0/16", "tenant_id": TENANT})
    costs: set[int] = set()
    last = ""
    for _ in range(10_000):
        before = store.statements
        row = await life.create(SYSTEM, "port", {"network_id": network.id})
        costs.add(store.statements - before)
        last = row["fixed_ips"][0]["ip_address"]
    assert last == "10.0.39.18"  # 10,000 after .2, none left out
    assert max(costs) <= 30
    assert max(costs) - min(costs) <= 3, costs  # a random MAC may touch one that is taken, or two
    await store.close()


async def test_a_network_is_billed_from_its_first_day_to_its_end(desk: NetDesk) -> None:
    network = await desk.create("network", desk.member, tenant_id=TENANT)
    (row,) = await desk.all("billing_resource", resource_id=network.id)
    assert (row["resource_type"], row["unique_resource_id"], row["tenant_id"]) == ("network", network.id, TENANT)
    assert (row["started"], row["ended"], row["info"], row["parent_billing_id"]) == (None, None, {}, None)
    await desk.done(network.ref)
    first = (await desk.row(row.ref))["started"]
    assert isinstance(first, int)
    await desk.ask_change(network.ref, name="renamed")
    await desk.done(network.ref)
    row = await desk.row(row.ref)
    assert (row["started"], row["config_version"], row["ended"]) == (first, 2, None)
    await desk.delete(network.ref)
    assert (await desk.row(row.ref))["ended"] is None
    await desk.done(network.ref)
    assert (await desk.row(row.ref))["ended"] >= first
    assert "billing_resources" not in [path for path, _ in await desk.told()]
    page = await desk.life.list(desk.stranger, "billing_resource")
    assert page.rows == []
