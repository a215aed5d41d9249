"""The throw-away ring of a story, and what every story does there: start it, put what must stand before, wait, look."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from esi.cli.demo import keys
from esi.cli.demo.children import ESI, Children, gohan
from esi.cli.demo.expectations import Expectations
from esi.cli.demo.screen import Screen
from esi.client.resources import Body, Client
from esi.clock import Clock
from esi.tasks import Tasks

T = TypeVar("T")

WAIT_SECONDS = 60.0
RECORD_SECONDS = 10.0


class Put(NamedTuple):
    """One prerequisite, made by `PUT` of this id."""

    schema: str
    id: str
    body: dict[str, Any]


class Stage:
    """`facts` is where its processes are; `expectations` what was judged so far, `commands` what `gohan` printed."""

    def __init__(self, children: Children, screen: Screen, *, flow: str, clock: Clock) -> None:
        self.children = children
        self.screen = screen
        self.flow = flow
        self.clock = clock
        self.facts: dict[str, str] = {}
        self.expectations = Expectations()
        self.commands: list[tuple[str, str]] = []

    async def start(self, *, openstack: bool = False) -> None:
        """The ring: etcd and the lab first, because the others need them. `openstack`: with Neutron's API, for a Nova,
        and a Keystone.
        """
        folder = self.children.folder
        (folder / "esi.yaml").write_text("# everything is given by flags: no other esi.yaml is read\n")
        common = ("--folder", str(folder), "--config", str(folder / "esi.yaml"))
        ring = (*common, "--flow", self.flow)
        api = ("room api sync neutron", "--neutron-port", "0") if openstack else ("api",)
        names = "etcd, lab, api, agent, worker" + (" and keystone" if openstack else "")
        with self.screen.step("ring", f"start {names}, each a process of its own"):
            await self._serve(("etcd", *common, "--etcd-port", "0"), ("lab", *common, "--lab-ports", ""))
            etcd = ("--etcd", self.facts["etcd"])
            await self._serve(
                (*api, *ring, *etcd, "--host", "127.0.0.1", "--port", "0"),
                ("agent", *ring, *etcd, "--agent-port", "0"),
                *([("room keystone", *common, "--keystone-port", "0")] if openstack else []),
            )
            await self._serve(("worker", *ring, *etcd, "--set", f"agent.url={self.facts['agent']}"))
        if "note" in self.facts:
            self.screen.note(self.facts["note"])

    async def _serve(self, *commands: tuple[str, ...]) -> None:
        for facts in await together(*(self.children.serve(*command) for command in commands)):
            self.facts.update(facts)

    async def put(self, client: Client, groups: Iterable[Iterable[Put]], tenant: str) -> None:
        """What is in one group needs only the groups before it."""
        for group in groups:
            for item in group:
                await client.put(item.schema, item.id, item.body | {"tenant_id": tenant})
            await together(*(self.active(client, item.schema, item.id) for item in group))

    async def active(self, client: Client, schema: str, id: str, *, tell: bool = False) -> Body:
        """Wait until it is ACTIVE. `tell`: say each status on the screen."""
        last = ""
        began = self.clock.monotonic()

        def seen(body: Body) -> None:
            nonlocal last
            if tell and body.get("status") != last:
                last = str(body.get("status"))
                states = f"{last}, orchestration {body.get('orchestration_state')}"
                self.screen.note(f"{self.clock.monotonic() - began:5.2f} s  {schema} {states}")

        return await client.wait(schema, id, at_most=WAIT_SECONDS, seen=seen)

    async def ask_commands(self, shows: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
        """What `gohan client SCHEMA VERB [ID]` prints, by schema."""
        calls = [
            (schema, ["client", schema, verb, "--output-format", "json", *([id] if id else [])])
            for schema, verb, id in shows
        ]
        answers = await together(*(self.run([*gohan(), *words]) for _, words in calls))
        found: dict[str, Any] = {}
        for (schema, words), (code, out) in zip(calls, answers, strict=True):
            self.commands.append((" ".join(["gohan", *words]), out.rstrip()))
            self.expectations.equal(f"`gohan {' '.join(words[:3])}` exits with 0", 0, code)
            found[schema] = _json(out)
        return found

    async def ask_etcd(self) -> keys.Keys:
        """Every key with its value; nothing without an `etcdctl`."""
        return await keys.read_keys(self.children, self.facts["etcd"]) if keys.etcdctl() else {}

    async def record(
        self, client: Client, of: tuple[str, str], missing: Callable[[Any], set[str]], page: Path | None
    ) -> dict[str, Any]:
        """What the ring has recorded of the newest request about `of`, and the page of it where one is wanted. The
        workers bring their last messages a moment after the last status: nothing may be `missing`.
        """
        trace: dict[str, Any] = {}
        with self.screen.step("trace", "read the record of the request" + (", write its page" if page else "")):
            end = self.clock.monotonic() + RECORD_SECONDS
            while missing(trace) and self.clock.monotonic() < end:
                trace = await client.trace(*of)
                await self.clock.sleep(0.1)
            if page is not None:
                code, out = await self.run([*ESI, "trace", *of, "--html", str(page)])
                self.expectations.holds("`esi trace` writes the page", code == 0, out)
        return trace

    async def run(self, command: Sequence[str]) -> tuple[int, str]:
        """A short command that knows where the API is: its code, and what it wrote."""
        known = {
            "GOHAN_ENDPOINT_URL": self.facts["api"],
            "GOHAN_SCHEMA_URL": "/gohan/v0.1/schemas",
            "GOHAN_CACHE_PATH": str(self.children.folder / "schemas.json"),
        }
        return await self.children.run(command, environment=known)

    def judge(self, known: keys.Keys) -> None:
        """What holds at the end of every story."""
        if known:
            unfinished = [name for name in known if name.startswith("/jobs/")]
            self.expectations.holds("no job is left in etcd", not unfinished, ", ".join(unfinished))
        ended = self.children.ended()
        self.expectations.holds("every process is still there", not ended, ", ".join(ended))

    def show_keys(self, known: keys.Keys, ids: Iterable[str]) -> None:
        self.screen.heading("etcd")
        if not keys.etcdctl():
            self.screen.lines(["etcdctl is not on PATH: neither shown nor judged"])
        for id in ids:
            for key, value in keys.of_resource(known, id).items():
                self.screen.lines([key, f"    {keys.summary(value)}"])

    def show_commands(self) -> None:
        for line, out in self.commands:
            self.screen.heading(f"$ {line}")
            self.screen.lines(out.splitlines())

    def as_facts(self, *, held: bool) -> dict[str, Any]:
        """For `--json`; a story that ended early has not `held`, whatever was judged until then."""
        return {
            "flow": self.flow,
            "ok": held,
            "ring": self.facts,
            "seconds": {name: round(took, 3) for name, took in self.screen.times.items()},
            "expectations": [
                {"text": item.text, "held": item.held, "seen": item.seen} for item in self.expectations.all
            ],
        }

    def ways(self) -> list[str]:
        """What to type into a shell to look around."""
        return [
            f"export GOHAN_ENDPOINT_URL={self.facts['api']} GOHAN_SCHEMA_URL=/gohan/v0.1/schemas",
            f"export ETCDCTL_API=3 ETCDCTL_ENDPOINTS={self.facts['etcd']}",
        ]


async def together(*work: Coroutine[Any, Any, T]) -> list[T]:
    """Run side by side; the first failure ends the others and is raised as itself."""
    async with Tasks("demo", on_error=lambda name, error: None) as tasks:
        results: list[T] = await asyncio.gather(*(tasks.start(str(number), item) for number, item in enumerate(work)))
        return results


def member(value: Any, name: str) -> dict[str, Any]:
    """The object of this name in another; empty when there is none."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, dict) else {}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
