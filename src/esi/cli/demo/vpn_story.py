"""The story of one VPN interface, told on a ring that lives as long as the story.

processes up → what must stand before → the gateway → the interface, as printed → what the routers, etcd and the
API hold → the record of the request → what was expected
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from esi.cli.demo import keys, vpn
from esi.cli.demo.children import ESI, Children, gohan
from esi.cli.demo.expectations import Expectations
from esi.cli.demo.routers import last_change
from esi.cli.demo.screen import Screen
from esi.cli.output import as_json
from esi.client.resources import Body, Client
from esi.clock import Clock
from esi.tasks import Tasks

T = TypeVar("T")

ACTIVE_SECONDS = 60.0
RECORD_SECONDS = 10.0
HOPS = frozenset({"http", "sql", "etcd", "job", "stack", "device", "status"})
FLOW_HOP = {"2017": "topic", "2018": "target"}


@dataclass
class Seen:
    """What the story has found out, as it goes into `--json`."""

    facts: dict[str, str] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    interface: str = ""
    commands: list[tuple[str, str]] = field(default_factory=list)
    trace: dict[str, Any] = field(default_factory=dict)


class Story:
    """Tells it: `prepare`, `ask`, `look`, `record`, `judge`, in this order.

    Raises the errors of the client and the children."""

    def __init__(self, children: Children, screen: Screen, *, flow: str, clock: Clock) -> None:
        self._children = children
        self._screen = screen
        self._flow = flow
        self.clock = clock
        self.folder = children.folder
        self.seen = Seen()
        self.expectations = Expectations()

    async def start(self) -> None:
        """The ring: etcd and the lab first, because the others need them."""
        folder = self._children.folder
        (folder / "esi.yaml").write_text("# everything is given by flags: no other esi.yaml is read\n")
        common = ("--folder", str(folder), "--config", str(folder / "esi.yaml"))
        ring = (*common, "--flow", self._flow)
        with self._screen.step("ring", "start etcd, lab, api, agent and worker, each a process of its own"):
            await self._serve(("etcd", *common, "--etcd-port", "0"), ("lab", *common, "--lab-ports", ""))
            etcd = ("--etcd", self.seen.facts["etcd"])
            await self._serve(
                ("api", *ring, *etcd, "--host", "127.0.0.1", "--port", "0"),
                ("agent", *ring, *etcd, "--agent-port", "0"),
            )
            await self._serve(("worker", *ring, *etcd, "--set", f"agent.url={self.seen.facts['agent']}"))
        if "note" in self.seen.facts:
            self._screen.note(self.seen.facts["note"])

    async def _serve(self, *commands: tuple[str, ...]) -> None:
        for facts in await _together(*(self._children.serve(*command) for command in commands)):
            self.seen.facts.update(facts)

    async def prepare(self, client: Client) -> None:
        """What stands before the gateway, by `PUT` of the recorded ids, and the gateway itself."""
        count = sum(len(group) for group in vpn.PREREQUISITES)
        with self._screen.step("prerequisites", f"PUT {count} prerequisites, from the access switch to the QoS option"):
            for group in vpn.PREREQUISITES:
                for item in group:
                    await client.put(item.schema, item.id, item.body | {"tenant_id": vpn.TENANT})
                await _together(*(self._active(client, item.schema, item.id) for item in group))
        with self._screen.step("vpn_gateway", f"PUT vpn_gateway {vpn.GATEWAY} and wait until it is ACTIVE"):
            await client.put("vpn_gateway", vpn.GATEWAY, vpn.GATEWAY_REQUEST | {"tenant_id": vpn.TENANT})
            await self._active(client, "vpn_gateway", vpn.GATEWAY, tell=True)

    async def ask(self, client: Client) -> None:
        """The recorded request, as printed, and the wait for both resources that it changes."""
        with self._screen.step("vpn_interface", "POST /v2.0/vpn_interfaces and wait until it is ACTIVE"):
            made = await client.create("vpn_interface", vpn.INTERFACE_REQUEST)
            self.seen.interface = str(made["id"])
            await self._active(client, "vpn_interface", self.seen.interface, tell=True)
            await self._active(client, "vpn_gateway", vpn.GATEWAY, tell=True)

    async def _active(self, client: Client, schema: str, id: str, *, tell: bool = False) -> Body:
        last = ""
        began = self.clock.monotonic()

        def seen(body: Body) -> None:
            nonlocal last
            if tell and body.get("status") != last:
                last = str(body.get("status"))
                states = f"{last}, orchestration {body.get('orchestration_state')}"
                self._screen.note(f"{self.clock.monotonic() - began:5.2f} s  {schema} {states}")

        return await client.wait(schema, id, at_most=ACTIVE_SECONDS, seen=seen)

    async def look(self) -> None:
        """What the routers, the command line and etcd say now."""
        with self._screen.step("look", "ask both routers over NETCONF, `gohan client`, and etcd"):
            asked = [self._ask_router(name) for name in vpn.CHANGES] + [self._ask_commands()]
            await _together(*asked, *([self._ask_etcd()] if keys.etcdctl() else []))

    async def _ask_router(self, name: str) -> None:
        address = self.seen.facts[f"lab.{name}"]
        self.seen.changes[name] = await last_change(address, user=vpn.LOGIN, password=vpn.PASSWORD)

    async def _ask_commands(self) -> None:
        shows = (
            ("vpn_interface", "show", self.seen.interface),
            ("resource_mapping", "list", ""),
            ("vpn_gateway", "show", vpn.GATEWAY),
        )
        calls = [
            (schema, ["client", schema, verb, "--output-format", "json", *([id] if id else [])])
            for schema, verb, id in shows
        ]
        answers = await _together(
            *(self._children.run([*gohan(), *words], environment=self._environment()) for _, words in calls)
        )
        for (schema, words), (code, out) in zip(calls, answers, strict=True):
            self.seen.commands.append((" ".join(["gohan", *words]), out.rstrip()))
            self.expectations.equal(f"`gohan {' '.join(words[:3])}` exits with 0", 0, code)
            self.seen.shown[schema] = _json(out)

    def _environment(self) -> dict[str, str]:
        return {
            "GOHAN_ENDPOINT_URL": self.seen.facts["api"],
            "GOHAN_SCHEMA_URL": "/gohan/v0.1/schemas",
            "GOHAN_CACHE_PATH": str(self._children.folder / "schemas.json"),
        }

    async def _ask_etcd(self) -> None:
        self.seen.keys = await keys.read_keys(self._children, self.seen.facts["etcd"])

    async def record(self, client: Client, page: Path | None) -> None:
        """What the ring has recorded of the request, and the page of it where one is wanted. The workers bring their
        last messages a moment after the last status."""
        with self._screen.step("trace", "read the record of the request" + (", write its page" if page else "")):
            end = self.clock.monotonic() + RECORD_SECONDS
            while self._unrecorded() and self.clock.monotonic() < end:
                self.seen.trace = await client.trace("vpn_interface", self.seen.interface)
                await self.clock.sleep(0.1)
            if page is not None:
                words = ["trace", "vpn_interface", self.seen.interface, "--html", str(page)]
                code, out = await self._children.run([*ESI, *words], environment=self._environment())
                self.expectations.holds("`esi trace` writes the page", code == 0, out)

    def _unrecorded(self) -> set[str]:
        """Hops and routers that the record does not have."""
        messages = self.seen.trace.get("messages", [])
        wanted = set(HOPS) | {FLOW_HOP[self._flow], *(label.split(", ")[1] for label, _ in vpn.CHANGES.values())}
        return wanted - {item["hop"] for item in messages} - {item["to"] for item in messages}

    def judge(self) -> None:
        """Everything that the record says."""
        expect, seen = self.expectations, self.seen
        interface = _member(seen.shown.get("vpn_interface"), "vpn_interface")
        gateway = _member(seen.shown.get("vpn_gateway"), "vpn_gateway")
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
        missing = self._unrecorded()
        expect.holds(
            "the record of the request has every hop and both routers", not missing, ", ".join(sorted(missing))
        )
        expect.holds("the record holds no password", vpn.PASSWORD not in json.dumps(seen.trace), "it does")
        ended = self._children.ended()
        expect.holds("every process is still there", not ended, ", ".join(ended))

    def _judge_keys(self) -> None:
        expect, known = self.expectations, self.seen.keys
        for path, id, version in (("vpn_interfaces", self.seen.interface, 1), ("vpn_gateways", vpn.GATEWAY, 2)):
            for root in ("config", "state"):
                found = _member(known, f"/{root}/v2.0/{path}/{id}").get("version")
                expect.equal(f"etcd has version {version} of /{root}/v2.0/{path}", version, found)
        for key in (
            f"/config/common/v1.0/tenants/{vpn.TENANT}",
            "/config/v2.0/heat_templates/vpn_gateway",
            "/config/v2.0/heat_templates/vpn_interface",
        ):
            expect.holds(f"etcd has {key}", key in known, "it is not there")
        unfinished = [name for name in known if name.startswith("/jobs/")]
        expect.holds("no job is left in etcd", not unfinished, ", ".join(unfinished))

    def show(self) -> None:
        """What was found, for people."""
        screen, seen = self._screen, self.seen
        for name, (label, _) in vpn.CHANGES.items():
            screen.heading(f"{name} ({label}): what the commit changed")
            screen.lines(seen.changes[name])
        screen.heading("etcd")
        if not keys.etcdctl():
            screen.lines(["etcdctl is not on PATH: neither shown nor judged"])
        for id in (seen.interface, vpn.GATEWAY):
            for key, value in keys.of_resource(seen.keys, id).items():
                screen.lines([key, f"    {keys.summary(value)}"])
        for line, out in seen.commands:
            screen.heading(f"$ {line}")
            screen.lines(out.splitlines())

    def as_facts(self, *, held: bool) -> dict[str, Any]:
        """Everything, for `--json`; a story that ended early has not `held`, whatever was judged until then."""
        return {
            "flow": self._flow,
            "ok": held,
            "ring": self.seen.facts,
            "seconds": {name: round(took, 3) for name, took in self._screen.times.items()},
            "vpn_interface": self.seen.interface,
            "shown": self.seen.shown,
            "changes": self.seen.changes,
            "keys": sorted(self.seen.keys),
            "trace": self.seen.trace,
            "expectations": [
                {"text": item.text, "held": item.held, "seen": item.seen} for item in self.expectations.all
            ],
        }


def write_facts(file: Path, facts: Mapping[str, Any]) -> None:
    file.write_text(as_json(facts) + "\n")


async def _together(*work: Coroutine[Any, Any, T]) -> list[T]:
    """Run side by side; the first failure ends the others and is raised as itself."""
    async with Tasks("demo", on_error=lambda name, error: None) as tasks:
        results: list[T] = await asyncio.gather(*(tasks.start(str(number), item) for number, item in enumerate(work)))
        return results


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _member(value: Any, name: str) -> dict[str, Any]:
    member = value.get(name) if isinstance(value, dict) else None
    return member if isinstance(member, dict) else {}
