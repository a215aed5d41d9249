"""The templates that a release ships are the templates that a ring has: what a newer one drops, goes."""

from __future__ import annotations

from dataclasses import replace

from esi.bootstrap.control import build_lifecycle, ensure_rows
from esi.bootstrap.services import load_services
from esi.clock import SystemClock
from esi.model.resource import Body, Ref, Resource
from esi.store.sqlite import MEMORY, SqliteStore


async def test_a_parameter_that_a_newer_template_drops_is_gone_and_a_restart_writes_nothing() -> None:
    services = load_services("2018")
    newer: Body = next(one for one in services.templates if one["id"] == "vpn_gateway")
    older = {**newer, "parameter_mappings": {**newer["parameter_mappings"], "dropped": "Cvalue"}}
    clock = SystemClock()
    store = SqliteStore(MEMORY, services.catalogue, clock=clock, inline=True)
    lifecycle = build_lifecycle(services, store, clock)

    async def boot(template: Body) -> Resource:
        await ensure_rows(lifecycle, replace(services, templates=[template]))
        row = await store.read(lambda rows: rows.get(Ref("heat_template", "vpn_gateway")))
        assert row is not None
        return row

    assert "dropped" in (await boot(older))["parameter_mappings"]
    upgraded = await boot(newer)
    assert upgraded["parameter_mappings"] == newer["parameter_mappings"]
    sent = len(await store.outbox_batch(100))
    await boot(newer)
    assert len(await store.outbox_batch(100)) == sent
    await store.close()
