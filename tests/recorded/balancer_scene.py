"""The recorded load balancer, played: what stands before it, the POST of the seed, and the network of its interface.

Nova and the appliance are stand-ins here: the record of this chain is about what our side writes, and Nova's part in
that is to ask for its ports in order, which `Server` does. What drives the real ones has tests of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from esi.bootstrap.ground import Ground
from esi.bootstrap.services import load_services
from esi.bus.kv import KvBus
from esi.clock import Clock
from esi.lifecycle import Lifecycle
from esi.model import keys
from esi.model.resource import Body, Ref
from esi.monitoring import Eyes
from esi.stacks import Context, Live, Property, Props, StackResource
from esi.stacks.resources.instance import Instance
from esi.stacks.resources.netscaler import NetscalerConfig
from esi.testing.compare import Ids
from esi.testing.facts import Facts
from esi.testing.hands import DriverHandle
from esi.testing.loop import run
from esi.testing.process import Process
from esi.testing.replay import Ring
from esi.testing.ring import ADMIN, World
from esi.work.effects import Teller
from recorded.cases import case
from recorded.collector import KINDS, AsRecorded

FOLDER = "load_balancer"
AGENT = "http://collector-agents-se:7070"
TENANT = "fe3a4a1a72c04479bb6c19c2c0ccba4c"
OUR_TENANT = "5c1e5c1e5c1e45c1a5c1e5c1e5c1e5c1"
SERVER = "0a0b0c0d-0e0f-40a0-a0b0-c0d0e0f0a0b0"
BOOT_SECONDS = 5.0


class Standing:
    """What all stand-ins have in common: they take what the real type takes."""

    def check(self, props: Props) -> None:
        return None

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset()


class Server(Standing):
    """A server as Nova treats its ports: it names itself to each when it is plugged, in the order of the slots, and
    deletes each when it lets go; the changed slot and all above it.
    """

    type: ClassVar[str] = Instance.type
    attributes: ClassVar[tuple[str, ...]] = Instance.attributes
    properties: ClassVar[Mapping[str, Property]] = Instance.properties

    def __init__(self, lifecycle: Lifecycle, clock: Clock) -> None:
        self._lifecycle = lifecycle
        self._clock = clock

    async def create(self, ctx: Context, props: Props) -> Live:
        await self._clock.sleep(BOOT_SECONDS)
        await self._plug(ctx, _ports(props))
        return Live(SERVER, props)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        old, wanted = _ports(live.props), _ports(new)
        first = next((slot for slot, pair in enumerate(zip(old, wanted, strict=True)) if pair[0] != pair[1]), len(old))
        for port in old[first:]:
            await self._lifecycle.delete(ADMIN, Ref("port", port))
            await ctx.until(("port", port), lambda body: not (body and body["device_id"]), "let go")
        await self._clock.sleep(BOOT_SECONDS)
        await self._plug(ctx, wanted[first:])
        return Live(SERVER, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        for port in _ports(live.props):
            await self._lifecycle.delete(ADMIN, Ref("port", port))

    async def _plug(self, ctx: Context, ports: Sequence[str]) -> None:
        for port in ports:
            await self._lifecycle.update(
                ADMIN, Ref("port", port), {"device_owner": "compute:nova", "device_id": SERVER}
            )
            await ctx.until(("port", port), lambda body: bool(body and body["attached"]), "plugged")


def _ports(props: Props) -> list[str]:
    return [item["port"] for item in props["networks"]]


class Appliance(Standing):
    """An appliance that does whatever it is told."""

    type: ClassVar[str] = NetscalerConfig.type
    attributes: ClassVar[tuple[str, ...]] = NetscalerConfig.attributes
    properties: ClassVar[Mapping[str, Property]] = NetscalerConfig.properties

    async def create(self, ctx: Context, props: Props) -> Live:
        return Live(SERVER, props)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        return Live(SERVER, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        return None


class Rented(World):
    """A world whose workers have the stand-ins."""

    def seen_by(self, process: Process) -> tuple[Sequence[StackResource], Mapping[str, Teller]]:
        return (Server(self.lifecycle, self.clock), Appliance()), {}


def all_up(hands: DriverHandle, ground: Ground) -> Eyes:
    return Eyes(KvBus(ground.kv, clock=ground.clock), dict.fromkeys(KINDS, AsRecorded({})), ground.clock)


@dataclass
class Played:
    """What our side did: `shown` by part of the record, in its form; `marks`: how many writes, jobs, stacks and targets
    there were before each part.
    """

    ids: Ids = field(default_factory=Ids)
    facts: Facts = field(default_factory=Facts)
    shown: dict[str, list[Any]] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)

    def between(self, first: str, last: str = "") -> Facts:
        """The writes of one part, and of all parts up to the beginning of another."""
        begin = self.marks[first]
        earlier = Facts(self.facts.writes[:begin]).worker
        records = [item["value"] for item in earlier if item["key"].startswith(keys.HEAT_STACKS)]
        return Facts(self.facts.writes[begin : self.marks[last] if last else None], earlier=records)


def play(then: Callable[[Ring], Awaitable[None]] | None = None) -> Played:
    """Play it on a ring of its own; `then` goes on with that ring."""
    return run(_play(then))


async def _play(then: Callable[[Ring], Awaitable[None]] | None) -> Played:
    played = Played()
    played.ids.learn(TENANT, OUR_TENANT)
    world = Rented(load_services("2018"), eyes=all_up, agent=AGENT)
    ring = Ring(world)
    played.facts = ring.facts

    async def scene() -> None:
        await _scene(ring, played)
        if then is not None:
            await then(ring)

    await world.run(scene())
    await world.store.close()
    return played


async def _scene(ring: Ring, played: Played) -> None:
    played.marks["before"] = 0
    for chapter in case(f"{FOLDER}/prerequisites"):
        await _chapter(ring, played, "prerequisites", chapter)
    played.marks["seed"] = len(ring.facts.writes)
    request = case(f"{FOLDER}/request")
    await ring.post(request["path"], played.ids.translated(request["body"]))
    await ring.rest()
    played.ids.learn_from(_configs(), played.between("seed").configs)
    for name in ("shown", "billing", "ports"):
        recorded = case(f"{FOLDER}/{name}")
        entries = recorded if isinstance(recorded, list) else [_listed(recorded)]
        played.shown[name] = [await _look(ring, played, entry) for entry in entries]
    *before, last = case(f"{FOLDER}/update_interface/steps")
    played.marks["steps"] = len(ring.facts.writes)
    for chapter in before:
        await _chapter(ring, played, "steps", chapter)
    played.marks["update"] = len(ring.facts.writes)
    put = played.ids.translated(last["requests"][0])
    schema, id_ = ring.world.services.catalogue.by_path(put["path"]) or (None, "")
    assert schema is not None
    await ring.world.lifecycle.update(ADMIN, Ref(schema.id, id_), put["body"][schema.id], "replay")
    await ring.rest()
    played.ids.learn_from(case(f"{FOLDER}/update_interface/etcd_config"), played.between("update").configs)
    played.shown["steps"].append([await _look(ring, played, entry) for entry in last["shown"]])


def _configs() -> list[Any]:
    order = case(f"{FOLDER}/etcd_config/_order")
    return [case(f"{FOLDER}/etcd_config/{item['file']}")[0] for item in order]


def _listed(recorded: Body) -> Body:
    ((plural, _),) = recorded.items()
    return {"resource": plural.removesuffix("s"), "verb": "list", "body": recorded}


async def _chapter(ring: Ring, played: Played, part: str, chapter: Any) -> None:
    (request,) = chapter["requests"]
    ((kind, body),) = request["body"].items()
    shown = next(entry["body"][kind] for entry in chapter["shown"] if entry["resource"] == kind)
    sent = _unmasked(body, shown)
    answer = await ring.post(request["path"], {kind: played.ids.translated(sent)})
    played.ids.learn(shown["id"], answer["id"])
    await ring.rest()
    played.shown.setdefault(part, []).append([await _look(ring, played, entry) for entry in chapter["shown"]])


def _unmasked(sent: Any, shown: Any) -> Any:
    """What was sent, with what the record masks taken from what it shows."""
    if isinstance(sent, dict):
        return {
            name: _unmasked(value, shown.get(name) if isinstance(shown, dict) else None) for name, value in sent.items()
        }
    return shown if sent == "***" else sent


async def _look(ring: Ring, played: Played, entry: Any) -> Any:
    """What our side shows of the same thing; lists by our own ids, in the order of the record."""
    kind = entry["resource"]
    if entry["verb"] == "show":
        recorded = entry["body"][kind]
        if kind == "port" and not played.ids.knows(recorded["id"]):
            body = await _of_subnet(ring, played, recorded)
        else:
            body = await ring.show(kind, played.ids.translate(recorded["id"]))
        played.ids.learn(recorded["id"], body["id"])
        return {**entry, "body": {kind: body}}
    ((plural, recorded),) = entry["body"].items()
    rows = await ring.list(kind)
    found = []
    for one in recorded:
        same = "resource_id" if kind == "billing_resource" else "id"
        match = next(row for row in rows if row[same] == played.ids.translate(one[same]))
        played.ids.learn(one["id"], match["id"])
        found.append(match)
    return {**entry, "body": {plural: found}}


async def _of_subnet(ring: Ring, played: Played, recorded: Body) -> Body:
    device = played.ids.translate(recorded["device_id"])
    return next(row for row in await ring.list("port") if row["device_id"] == device)
