"""The desk of the services' tests with what networks need: the first rows, a network, a subnet, a switch."""

from __future__ import annotations

from typing import Any

import orjson

from esi.bootstrap.control import ensure_rows
from esi.identity import SYSTEM
from esi.model.resource import Body, Ref, Resource
from esi.store import Query
from unit.services.desk import TENANT, Desk, loaded


class NetDesk(Desk):
    async def furnish(self) -> None:
        await ensure_rows(self.life, loaded(False))
        self.network = await self.made("network", name="n", tenant_id=TENANT)
        self.subnet = await self.made("subnet", network_id=self.network.id, cidr="192.0.2.0/28", tenant_id=TENANT)

    async def switch_port(self, **changes: Any) -> Resource:
        switch = await self.made("ese_device", hostname="leaf", name="leaf", existing="existing", tenant_id=TENANT)
        body = {"ese_device_id": switch.id, "name": "xe-0/0/1", "existing": "existing", "tenant_id": TENANT}
        return await self.made("ese_physical_port", **{**body, **changes})

    async def bare_metal(self) -> tuple[Resource, Body]:
        """A physical port on a switch, and the body of a port for what is behind it."""
        physical = await self.made("physical_port", name="p", service_owner="server", service_id="s", tenant_id=TENANT)
        await self.switch_port(connected_port_id=physical.id, connected_port_owner="physical_port")
        body = {"device_owner": "physical_port", "device_id": physical.id, "segmentation_type": "vlan"}
        return physical, self.port(segmentation_id=1003, **body)

    def port(self, **changes: Any) -> Body:
        return {"network_id": self.network.id, "tenant_id": TENANT, **changes}

    async def all(self, schema: str, **filters: Any) -> list[Resource]:
        query = Query(filters={name: [value] for name, value in filters.items()})
        return await self.store.read(lambda rows: rows.list(schema, query))

    async def change(self, ref: Ref, **body: Any) -> Resource:
        return await self.life.update(SYSTEM, ref, body)

    async def ask_change(self, ref: Ref, **body: Any) -> Resource:
        return await self.life.update(self.member, ref, body)

    async def delete(self, ref: Ref) -> None:
        await self.life.delete(SYSTEM, ref)

    async def status(self, ref: Ref) -> str:
        return str((await self.row(ref))["status"])

    async def effects(self) -> list[Body]:
        rows = await self.store.outbox_batch(10_000)
        return [orjson.loads(row.body)["body"] for row in rows if row.kind == "effect" and row.path == "server_event"]

    async def told(self) -> list[tuple[str, int]]:
        """Path and version of what has been told to the workers so far, without ids; forgotten then."""
        rows = await self.store.outbox_batch(10_000)
        await self.store.outbox_done([row.id for row in rows])
        return [(row.path.split("/")[2], row.version) for row in rows if row.kind != "effect"]
