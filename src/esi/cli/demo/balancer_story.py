"""The story of one load balancer.

processes up → what must stand before → the load balancer, as printed → what API, Nova, Contrail and its appliance hold
→ the record of the request → its delete, and what is left → what was expected
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esi.cli.demo import balancer
from esi.cli.demo.children import ESI
from esi.cli.demo.clouds import appliance_rows, contrail_names, servers
from esi.cli.demo.stage import WAIT_SECONDS, Stage, member, together
from esi.client.resources import Client
from esi.errors import Rejected

HOPS = frozenset({"http", "sql", "etcd", "job", "stack", "target", "monitoring", "status"})
MADE = ("load_balancer", "load_balancer_interface", "load_balancer_conf", "vnf_interface", "vnf_instance", "port")
"""What one POST makes, outermost first."""

DHCP = "network:dhcp"

Rows = list[dict[str, Any]]


@dataclass
class World:
    """What stands at one moment: rows of the API by schema, bills, servers of Nova, names in Contrail, appliances by
    management address."""

    rows: dict[str, Rows] = field(default_factory=dict)
    bills: Rows = field(default_factory=list)
    servers: Rows = field(default_factory=list)
    contrail: dict[str, list[str]] = field(default_factory=dict)
    appliances: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    """What the story has found out, as it goes into `--json`."""

    balancer: str = ""
    shown: dict[str, Any] = field(default_factory=dict)
    standing: World = field(default_factory=World)
    appliance: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    trace: dict[str, Any] = field(default_factory=dict)
    left: World | None = None


class BalancerStory:
    """Implements Story."""

    command = "load-balancer"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.seen = Seen()

    async def start(self) -> None:
        await self.stage.start(openstack=True)

    async def tell(self, client: Client, page: Path | None, *, keep: bool) -> None:
        await self._prepare(client)
        await self._ask(client)
        await self._look(client)
        of = ("load_balancer", self.seen.balancer)
        self.seen.trace = await self.stage.record(client, of, _unrecorded, page)
        if not keep:
            await self._take_away(client)

    async def _prepare(self, client: Client) -> None:
        count = sum(len(group) for group in balancer.PREREQUISITES)
        title = f"PUT {count} prerequisites, from the dummy network to the plan"
        with self.stage.screen.step("prerequisites", title):
            await self.stage.put(client, balancer.PREREQUISITES, balancer.TENANT)

    async def _ask(self, client: Client) -> None:
        """The recorded request, as printed, and the wait for the load balancer and all that it has made."""
        with self.stage.screen.step("load_balancer", "POST /v2.0/load_balancers and wait until all of it is ACTIVE"):
            made = await client.create("load_balancer", balancer.REQUEST)
            self.seen.balancer = str(made["id"])
            await self.stage.active(client, "load_balancer", self.seen.balancer, tell=True)
            for schema in ("port", "vnf_interface", "load_balancer_interface"):
                rows = (await client.list_all(schema)).rows
                ids = [row["id"] for row in rows if row.get("device_owner") != "network:empty"]
                await together(*(self.stage.active(client, schema, id) for id in ids))

    async def _look(self, client: Client) -> None:
        with self.stage.screen.step("look", "ask Nova, Contrail, the appliance over NITRO, `gohan client`, and etcd"):
            shows = (("load_balancer", "show", self.seen.balancer), ("billing_resource", "list", ""))
            self.seen.shown = await self.stage.ask_commands(shows)
            self.seen.standing = await self._world(client)
            for url in self.seen.standing.appliances.values():
                login = {"user": balancer.LOGIN, "password": balancer.PASSWORD}
                self.seen.appliance = await appliance_rows(url, tuple(balancer.APPLIANCE), **login)
            self.seen.keys = await self.stage.ask_etcd()

    async def _world(self, client: Client) -> World:
        facts, clock = self.stage.facts, self.stage.clock
        rows = {schema: (await client.list_all(schema)).rows for schema in MADE}
        rows["port"] = [row for row in rows["port"] if row["device_owner"] != DHCP]
        bills = [row for row in (await client.list_all("billing_resource")).rows if row["resource_type"] != "network"]
        return World(
            rows,
            bills,
            await servers(facts["keystone"], clock),
            await contrail_names(facts["cloud.contrail"], clock),
            await self._appliances(),
        )

    async def _appliances(self) -> dict[str, str]:
        code, out = await self.stage.run([*ESI, "lab", "list", "--folder", str(self.stage.children.folder), "--json"])
        if code:
            raise Rejected("esi lab list", out.strip())
        return {one["ip"]: one["nitro"] for one in json.loads(out)["appliances"]}

    async def _take_away(self, client: Client) -> None:
        with self.stage.screen.step("delete", "DELETE the load balancer and wait until all of it is gone"):
            await client.delete("load_balancer", self.seen.balancer)
            for schema in MADE:
                gone = (client.wait_gone(schema, row["id"], at_most=WAIT_SECONDS) for row in self._made(schema))
                await together(*gone)
            self.seen.left = await self._world(client)
            self.seen.keys = await self.stage.ask_etcd()

    def _made(self, schema: str) -> Rows:
        return self.seen.standing.rows.get(schema, [])

    def judge(self) -> None:
        """Everything that the record says."""
        expect, seen = self.stage.expectations, self.seen
        shown = member(seen.shown.get("load_balancer"), "load_balancer")
        expect.contains("the load balancer is shown as recorded, ACTIVE", balancer.SHOWN, shown)
        interfaces = _chosen(shown.get("interfaces") or [], balancer.INTERFACES)
        expect.equal("its interfaces are shown as recorded, ACTIVE", balancer.INTERFACES, interfaces)
        ports = {row["fixed_ips"][0]["ip_address"]: row for row in self._made("port")}
        told = {ip: (row["name"], row["device_owner"], row["status"]) for ip, row in sorted(ports.items())}
        expect.equal("its ports have the recorded addresses, names, owners", balancer.PORTS, told)
        states = [row["status"] for row in (*self._made("vnf_instance"), *self._made("vnf_interface"))]
        expect.equal("its instance and three interfaces are ACTIVE", ["ACTIVE"] * 4, states)
        self._judge_clouds(ports)
        for kind, wanted in balancer.APPLIANCE.items():
            found = seen.appliance.get(kind, [])
            found = _chosen(found if isinstance(found, list) else [found], wanted)
            expect.equal(f"the appliance has {len(wanted)} {kind} over NITRO", wanted, found)
        self._judge_bills()
        missing = _unrecorded(seen.trace)
        expect.holds("the record of the request has every hop", not missing, ", ".join(sorted(missing)))
        if seen.left is not None:
            self._judge_left(seen.left)
        self.stage.judge(seen.keys)

    def _judge_clouds(self, ports: Mapping[str, Mapping[str, Any]]) -> None:
        expect, standing = self.stage.expectations, self.seen.standing
        expect.equal("Nova has one server", 1, len(standing.servers))
        for server in standing.servers:
            expect.equal("its name is recorded", f"load_balancer-{self.seen.balancer}", server["name"])
            expect.equal("it is ACTIVE", "ACTIVE", server["status"])
            found = {name: [one["addr"] for one in many] for name, many in server["addresses"].items()}
            expect.equal("it has the recorded addresses, slot by slot", balancer.ADDRESSES, found)
        plugged = sorted(str(row["id"]) for row in ports.values() if row["attached"])
        expect.equal("Contrail has its three ports", plugged, standing.contrail["virtual-machine-interface"])
        expect.equal("the lab has one appliance", ["100.64.193.3"], list(standing.appliances))

    def _judge_bills(self) -> None:
        expect, standing = self.stage.expectations, self.seen.standing
        bills = {str(row["resource_type"]): row for row in standing.bills}
        whole, plan = bills.get("load_balancer", {}), bills.get("load_balancer_plan", {})
        expect.equal("the load balancer is billed, and its plan below it", 2, len(standing.bills))
        expect.equal("both are named", (self.seen.balancer, balancer.PLAN), (
            whole.get("resource_id"), plan.get("resource_id"),
        ))  # fmt: skip
        expect.equal("the plan's bill is below the other", whole.get("id"), plan.get("parent_billing_id"))
        began = {whole.get("started"), plan.get("started")}
        expect.holds("both have started together", len(began) == 1 and None not in began, str(began))
        expect.equal("neither has ended", [None, None], [row["ended"] for row in standing.bills])

    def _judge_left(self, left: World) -> None:
        expect = self.stage.expectations
        for schema in MADE:
            rest = [str(row["id"]) for row in left.rows[schema]]
            expect.holds(f"deleted: no {schema} is left", not rest, ", ".join(rest))
        expect.equal("Nova has no server any more", [], [row["name"] for row in left.servers])
        for type, names in left.contrail.items():
            expect.equal(f"Contrail has no {type} any more", [], names)
        expect.equal("the lab has no appliance any more", {}, left.appliances)
        ended = [row["ended"] is not None for row in left.bills]
        expect.equal("both bills have ended, and there are no others", [True, True], ended)
        known = [key for key in self.seen.keys if self.seen.balancer in key and key.startswith("/config/")]
        expect.holds("etcd does not want it any more", not known, ", ".join(known))

    def show(self) -> None:
        """What was found, for people."""
        screen, standing = self.stage.screen, self.seen.standing
        screen.heading("ports")
        for row in self._made("port"):
            ip = row["fixed_ips"][0]["ip_address"]
            screen.lines([f"{ip:14}{row['mac_address']}  {row['status']:8}{row['device_owner']:15}{row['name']}"])
        screen.heading("Nova")
        for server in standing.servers:
            screen.lines([f"{server['id']}  {server['status']}  {server['name']}"])
        for ip, url in standing.appliances.items():
            screen.heading(f"the appliance {ip}, over NITRO at {url}")
        for kind, rows in self.seen.appliance.items():
            for row in rows if isinstance(rows, list) else [rows]:
                screen.lines([f"{kind:14}" + ", ".join(f"{name} {value}" for name, value in row.items())])
        self.stage.show_commands()

    def as_facts(self) -> dict[str, Any]:
        """What goes into `--json` beside what every story tells."""
        seen = self.seen
        return {
            "load_balancer": seen.balancer,
            "shown": seen.shown,
            "standing": vars(seen.standing),
            "appliance": seen.appliance,
            "left": vars(seen.left) if seen.left is not None else None,
            "keys": sorted(seen.keys),
            "trace": seen.trace,
        }

    def ways(self) -> list[str]:
        """What to type into a shell to look around in a ring that is kept."""
        keystone, folder = self.stage.facts["keystone"], self.stage.children.folder
        return [
            *self.stage.ways(),
            f"export OS_AUTH_URL={keystone}/v3 OS_IDENTITY_API_VERSION=3 OS_USERNAME=admin OS_PASSWORD=admin "
            "OS_PROJECT_NAME=admin OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default",
            f"gohan client load_balancer show {self.seen.balancer}",
            f"gohan client load_balancer delete --wait {self.seen.balancer}",
            "openstack server list --all-projects",
            f"esi lab list --folder {folder}",
        ]


def _unrecorded(trace: Any) -> set[str]:
    """Hops, Contrail, Nova and the appliance, as far as the record does not have them."""
    messages = trace.get("messages", [])
    return (
        {*HOPS, "contrail", "nova", "100.64.193.3"}
        - {item["hop"] for item in messages}
        - {item["to"] for item in messages}
    )


def _chosen(rows: Sequence[Mapping[str, Any]], like: Sequence[Mapping[str, Any]]) -> Rows:
    """Of each row what those of the record tell."""
    names = like[0].keys() if like else ()
    return [{name: row.get(name) for name in names} for row in rows]
