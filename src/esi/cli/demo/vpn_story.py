"""The story of one VPN interface.

processes up → what must stand before → the gateway → the interface, as printed → what the routers, etcd and the
API hold → the record of the request → what was expected
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esi.cli.demo import vpn
from esi.cli.demo.routers import last_change
from esi.cli.demo.stage import Stage, member, together
from esi.client.resources import Client

HOPS = frozenset({"http", "sql", "etcd", "job", "stack", "device", "status"})
FLOW_HOP = {"2017": "topic", "2018": "target"}


@dataclass
class Seen:
    """What the story has found out, as it goes into `--json`."""

    shown: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    interface: str = ""
    trace: dict[str, Any] = field(default_factory=dict)


class VpnStory:
    """Implements Story."""

    command = "vpn"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.seen = Seen()

    async def start(self) -> None:
        await self.stage.start()

    async def tell(self, client: Client, page: Path | None, *, keep: bool) -> None:
        await self._prepare(client)
        await self._ask(client)
        await self._look()
        of = ("vpn_interface", self.seen.interface)
        self.seen.trace = await self.stage.record(client, of, self._unrecorded, page)

    async def _prepare(self, client: Client) -> None:
        """What stands before the gateway, by `PUT` of the recorded ids, and the gateway itself."""
        count, screen = sum(len(group) for group in vpn.PREREQUISITES), self.stage.screen
        with screen.step("prerequisites", f"PUT {count} prerequisites, from the access switch to the QoS option"):
            await self.stage.put(client, vpn.PREREQUISITES, vpn.TENANT)
        with screen.step("vpn_gateway", f"PUT vpn_gateway {vpn.GATEWAY} and wait until it is ACTIVE"):
            await client.put("vpn_gateway", vpn.GATEWAY, vpn.GATEWAY_REQUEST | {"tenant_id": vpn.TENANT})
            await self.stage.active(client, "vpn_gateway", vpn.GATEWAY, tell=True)

    async def _ask(self, client: Client) -> None:
        """The recorded request, as printed, and the wait for both resources that it changes."""
        with self.stage.screen.step("vpn_interface", "POST /v2.0/vpn_interfaces and wait until it is ACTIVE"):
            made = await client.create("vpn_interface", vpn.INTERFACE_REQUEST)
            self.seen.interface = str(made["id"])
            await self.stage.active(client, "vpn_interface", self.seen.interface, tell=True)
            await self.stage.active(client, "vpn_gateway", vpn.GATEWAY, tell=True)

    async def _look(self) -> None:
        """What the routers, the command line and etcd say now."""
        with self.stage.screen.step("look", "ask both routers over NETCONF, `gohan client`, and etcd"):
            asked = [self._ask_router(name) for name in vpn.CHANGES]
            await together(*asked, self._ask_commands(), self._ask_etcd())

    async def _ask_router(self, name: str) -> None:
        address = self.stage.facts[f"lab.{name}"]
        self.seen.changes[name] = await last_change(address, user=vpn.LOGIN, password=vpn.PASSWORD)

    async def _ask_commands(self) -> None:
        shows = (
            ("vpn_interface", "show", self.seen.interface),
            ("resource_mapping", "list", ""),
            ("vpn_gateway", "show", vpn.GATEWAY),
        )
        self.seen.shown = await self.stage.ask_commands(shows)

    async def _ask_etcd(self) -> None:
        self.seen.keys = await self.stage.ask_etcd()

    def _unrecorded(self, trace: Any) -> set[str]:
        """Hops and routers that the record does not have."""
        messages = trace.get("messages", [])
        wanted = {*HOPS, FLOW_HOP[self.stage.flow], *(label.split(", ")[1] for label, _ in vpn.CHANGES.values())}
        return wanted - {item["hop"] for item in messages} - {item["to"] for item in messages}

    def judge(self) -> None:
        """Everything that the record says."""
        expect, seen = self.stage.expectations, self.seen
        interface = member(seen.shown.get("vpn_interface"), "vpn_interface")
        gateway = member(seen.shown.get("vpn_gateway"), "vpn_gateway")
        wanted = vpn.INTERFACE_REQUEST | {"id": seen.interface, "status": "ACTIVE"}
        expect.contains("the interface is shown as recorded, ACTIVE", wanted, interface)
        expect.contains("the gateway is shown as recorded, ACTIVE", vpn.GATEWAY_SHOWN, gateway)
        expect.equal("the gateway names its interface", seen.interface, gateway.get("connected_vpn_interface"))
        expect.equal("the gateway's routing instance has the recorded name", vpn.VRF, gateway.get("vrf_name"))
        mappings = seen.shown.get("resource_mapping")
        listed = isinstance(mappings, dict) and isinstance(mappings.get("resource_mappings"), list)
        expect.holds("the mappings are listed", listed, str(mappings))
        for name, (label, lines) in vpn.CHANGES.items():
            expect.lines(f"{name} ({label}) has the recorded lines and no others", lines, seen.changes[name])
        if seen.keys:
            self._judge_keys()
        missing = self._unrecorded(seen.trace)
        expect.holds(
            "the record of the request has every hop and both routers", not missing, ", ".join(sorted(missing))
        )
        expect.holds("the record holds no password", vpn.PASSWORD not in json.dumps(seen.trace), "it does")
        self.stage.judge(seen.keys)

    def _judge_keys(self) -> None:
        expect, known = self.stage.expectations, self.seen.keys
        for path, id, version in (("vpn_interfaces", self.seen.interface, 1), ("vpn_gateways", vpn.GATEWAY, 2)):
            for root in ("config", "state"):
                found = member(known, f"/{root}/v2.0/{path}/{id}").get("version")
                expect.equal(f"etcd has version {version} of /{root}/v2.0/{path}", version, found)
        for key in (
            f"/config/common/v1.0/tenants/{vpn.TENANT}",
            "/config/v2.0/heat_templates/vpn_gateway",
            "/config/v2.0/heat_templates/vpn_interface",
        ):
            expect.holds(f"etcd has {key}", key in known, "it is not there")

    def show(self) -> None:
        """What was found, for people."""
        for name, (label, _) in vpn.CHANGES.items():
            self.stage.screen.heading(f"{name} ({label}): what the commit changed")
            self.stage.screen.lines(self.seen.changes[name])
        self.stage.show_keys(self.seen.keys, (self.seen.interface, vpn.GATEWAY))
        self.stage.show_commands()

    def as_facts(self) -> dict[str, Any]:
        """What goes into `--json` beside what every story tells."""
        return {
            "vpn_interface": self.seen.interface,
            "shown": self.seen.shown,
            "changes": self.seen.changes,
            "keys": sorted(self.seen.keys),
            "trace": self.seen.trace,
        }

    def ways(self) -> list[str]:
        """What to type into a shell to look around in a ring that is kept."""
        facts, interface = self.stage.facts, self.seen.interface
        lab = [f"{name.removeprefix('lab.')} is at {at}" for name, at in sorted(facts.items()) if name[:4] == "lab."]
        return [
            *self.stage.ways(),
            f"gohan client vpn_interface show {interface}",
            f"gohan client vpn_interface delete --wait {interface}",
            "etcdctl get --prefix --keys-only /",
            f"# {', '.join(lab)} (NETCONF over SSH, esi / esiesi0000)",
        ]
