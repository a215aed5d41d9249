"""The real pipeline over SQLite in memory, and workers that do everything at once: their reports, nothing else."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

from esi.bootstrap.services import Services, load_services
from esi.clock import SystemClock
from esi.identity import SYSTEM, Identity
from esi.lifecycle import Lifecycle, Ways
from esi.model.resource import Body, Ref, Resource
from esi.render.mapping import template_id
from esi.store.sqlite import SqliteStore

TENANT = "0a0b0c0d0e0f40a0a0b0c0d0e0f0a0b0"
OTHER = "1a1b1c1d1e1f41a1b1c1d1e1f1a1b1c1"


@lru_cache(maxsize=2)
def loaded(recorded_quirks: bool) -> Services:
    return load_services("2018", recorded_quirks=recorded_quirks)


Rows = tuple[Resource, Resource, Resource, Resource, Resource]
_LAID_OUT: dict[bool, tuple[bytes, Rows]] = {}


class Desk:
    """An operator with one router pair, a service and a QoS option; `member` is a tenant's user."""

    def __init__(self, *, recorded_quirks: bool = False) -> None:
        services = loaded(recorded_quirks)
        self.catalogue = services.catalogue
        clock = SystemClock()
        self.store = SqliteStore(":memory:", self.catalogue, clock=clock, inline=True)
        ways = Ways(recorded_quirks, monitoring=False)
        self.life = Lifecycle(self.catalogue, self.store, services.hooks, clock, ways)
        self.member = Identity("jo", TENANT, ("Member",))
        self.stranger = Identity("sam", OTHER, ("Member",))
        self._number = itertools.count(1)
        self.router_row: Resource
        self.uplink: Resource
        self.downlink: Resource
        self.service: Resource
        self.qos: Resource

    async def create(self, schema: str, by: Identity = SYSTEM, **body: Any) -> Resource:
        return await self.life.create(by, schema, body)

    async def made(self, schema: str, by: Identity = SYSTEM, **body: Any) -> Resource:
        """Created, and done by the workers."""
        resource = await self.create(schema, by, **body)
        await self.done(resource.ref)
        return await self.row(resource.ref)

    async def row(self, ref: Ref) -> Resource:
        found = await self.store.read(lambda rows: rows.get(ref))
        assert found is not None, ref
        return found

    async def gone(self, ref: Ref) -> bool:
        return await self.store.read(lambda rows: rows.get(ref)) is None

    async def done(self, ref: Ref, error: str = "") -> None:
        """The workers report about the newest version."""
        row = await self.row(ref)
        if row.marked_for_deletion:
            state = {"worker_state": "DELETE_COMPLETED", "orchestration_state": "DELETE_COMPLETE"}
        elif template_id(self.catalogue[ref.schema].template_path.get("heat_worker"), row.body):
            verb, past = ("CREATE", "CREATE") if row.config_version == 1 else ("MODIFY", "UPDATE")
            ending = "FAILED" if error else "COMPLETE"
            state = {"worker_state": f"{verb}_COMPLETED", "orchestration_state": f"{past}_{ending}"}
        else:
            state = {"worker_state": "READ_COMPLETE"}
        await self.life.apply_state(ref, {"state": state, "version": row.config_version, "error": error})

    async def router_pair(self, **changes: Any) -> Resource:
        number = next(self._number)
        ids = [await self.router(f"192.0.2.{number * 2 + side}") for side in (0, 1)]
        return await self.made("ha_router", primary_router_id=ids[0], secondary_router_id=ids[1], **changes)

    async def router(self, ip: str) -> str:
        made = await self.made("edge_router", ip=ip, login="esi", password="hunter2", ssh_port=830)
        return made.id

    async def interface_pair(self, router: Resource, link: str, port: str, **changes: Any) -> Resource:
        members = {}
        for side in ("primary", "secondary"):
            device = router[f"{side}_router_id"]
            members[f"{side}_interface_id"] = (await self.made("er_physical_interface", name=port, device_id=device)).id
        body = {"ha_router_id": router.id, "link_type": link, "name": link, **members}
        return await self.made("ha_interface", **{**body, **changes})

    async def lay_out(self) -> None:
        """Everything up to the QoS option: made once, then copied."""
        kept = _LAID_OUT.get(self.life.world.ways.recorded_quirks)
        if kept is None:
            await self._lay_out()
            rows = (self.router_row, self.uplink, self.downlink, self.service, self.qos)
            kept = _LAID_OUT[self.life.world.ways.recorded_quirks] = (self.store.snapshot(), rows)
        self.store.restore(kept[0])
        self.router_row, self.uplink, self.downlink, self.service, self.qos = kept[1]

    async def _lay_out(self) -> None:
        self.router_row = await self.router_pair()
        self.uplink = await self.interface_pair(self.router_row, "uplink", "ge-0/0/1")
        self.downlink = await self.interface_pair(
            self.router_row,
            "downlink",
            "ae0",
            restricted_vlans="0-99,4094",
            maximum_ga_bandwidth=100,
            maximum_be_bandwidth=50,
        )
        self.service = await self.made(
            "vpn_service",
            tenant_id=OTHER,
            downlink_interfaces=[self.downlink.id],
            uplink_interfaces=[self.uplink.id],
        )
        self.qos = await self.qos_option()

    async def qos_option(self, bandwidth: str = "10", qos_type: str = "guarantee", **changes: Any) -> Resource:
        body = {
            "service_type": "vpn",
            "vpn_service_id": self.service.id,
            "qos_type": qos_type,
            "bandwidth": bandwidth,
            "incoming_policer_name": "IN",
            "incoming_policer_config": "single-rate { color-blind; }",
            "outgoing_policer_name": "OUT",
            "outgoing_policer_config": "then discard;",
        }
        return await self.made("qos_option", **{**body, **changes})

    def gateway(self, **changes: Any) -> Body:
        body = {
            "vpn_service_id": self.service.id,
            "qos_option_id": self.qos.id,
            "uplink_vlan_id": "7",
            "local_as_number": "64512",
            "tenant_id": TENANT,
        }
        return {**body, **changes}

    def interface(self, gateway: Resource, **changes: Any) -> Body:
        body = {
            "vpn_gw_id": gateway.id,
            "primary": {"ip_address": "198.51.100.2/30", "bgp_peer_ip": "198.51.100.1"},
            "secondary": {"ip_address": "198.51.100.6/30", "bgp_peer_ip": "198.51.100.5"},
            "bgp_remote_as": "64999",
            "bgp_md5": "shared word",
            "tenant_id": TENANT,
        }
        return {**body, **changes}
