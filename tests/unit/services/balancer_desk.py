"""An operator who sells load balancers, over the real pipeline, and a Nova that plugs ports."""

from __future__ import annotations

from typing import Any

from esi.identity import SYSTEM, Identity
from esi.model.resource import Body, Ref, Resource
from esi.store import Query
from unit.services.desk import TENANT, Desk, loaded

LICENCE = "LA-0001969526-49522"


class BalancerDesk(Desk):
    """`plan` sells three interfaces of at most five; networks are 100.64.193.0/24 (management) and 10.121.232.0/24."""

    plan: Resource

    @property
    def default_quota(self) -> Body:
        return next(body for schema, body in loaded(False).rows if schema == "quota")

    async def network(self, cidr: str, by: Identity = SYSTEM, tenant: str = TENANT) -> Resource:
        network = await self.made("network", by, name=cidr, tenant_id=tenant)
        if cidr:
            await self.made("subnet", by, network_id=network.id, cidr=cidr, tenant_id=tenant)
        return network

    async def sell(self) -> None:
        self.management = await self.network("100.64.193.0/24")
        self.dummies = await self.network("10.121.232.0/24")
        self.template = await self.vnf_template()
        self.size = await self.vnf_plan()
        self.plan = await self.lb_plan()

    async def vnf_template(self, **changes: Any) -> Resource:
        body = {
            "name": "NetScaler VPX",
            "image": "NSVPX",
            "function": "load_balancer",
            "vendor": "citrix",
            "credentials": {"username": "nsroot", "password": "factory word"},
            "management_networks": [self.management.id],
            "dummy_networks": [self.dummies.id],
            "tenant_id": TENANT,
        }
        return await self.made("vnf_template", **{**body, **changes})

    async def vnf_plan(self, **changes: Any) -> Resource:
        body = {
            "name": "small",
            "flavor": "m1.xlarge",
            "function": "load_balancer",
            "vendor": "citrix",
            "default_interface_number": 3,
            "interface_limit": 5,
            "tenant_id": TENANT,
        }
        return await self.made("vnf_plan", **{**body, **changes})

    async def lb_plan(self, **changes: Any) -> Resource:
        body = {
            "name": "50 Mbps",
            "vendor": "citrix",
            "version": "10.5",
            "vnf_plan_id": self.size.id,
            "vnf_template_id": self.template.id,
            "license_code": LICENCE,
            "model": {"edition": "Standard", "size": "50"},
            "tenant_id": TENANT,
        }
        return await self.made("load_balancer_plan", **{**body, **changes})

    def order(self, **changes: Any) -> Body:
        return {"availability_zone": "nova", "load_balancer_plan_id": self.plan.id, "tenant_id": TENANT, **changes}

    async def sold(self, **changes: Any) -> Resource:
        """A load balancer that is made, plugged and configured."""
        made = await self.create("load_balancer", self.member, **self.order(**changes))
        await self.work_off()
        return await self.row(made.ref)

    async def all(self, schema: str) -> list[Resource]:
        return await self.store.read(lambda rows: rows.list(schema, Query()))

    async def work_off(self) -> None:
        """The workers do everything that is pending, what is needed first."""
        kinds = ("port", "vnf_instance", "load_balancer_conf", "load_balancer", "load_balancer_interface")
        others = ("vnf_interface", "load_balancer_syslog_server")
        for _ in range(3):
            for schema in (*kinds, *others):
                for row in await self.all(schema):
                    if row.state_version != row.config_version:
                        await self.done(row.ref)

    async def plug(self, *, server: str = "47531b14-72e9-439d-8949-fd941457ecde") -> None:
        """What Nova says of every port of the server."""
        (instance,) = await self.all("vnf_instance")
        for item in instance["networks"]:
            await self.life.update(
                SYSTEM, Ref("port", item["port"]), {"device_owner": "compute:nova", "device_id": server}
            )
        await self.work_off()

    async def slot(self, slot: int) -> Resource:
        return next(row for row in await self.all("load_balancer_interface") if row["slot_number"] == slot)

    async def told(self) -> list[tuple[str, int]]:
        """Kind and version of what the workers were told since the last time, in order."""
        rows = await self.store.outbox_batch(1000)
        await self.store.outbox_done([row.id for row in rows])
        return [(row.path.split("/")[2], row.version) for row in rows if row.kind != "effect"]
