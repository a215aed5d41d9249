"""A stage for one failure: a ring of three processes and a user; a fault begins and ends while a change is made.

The world after its prerequisites and with a standing interface are kept as snapshots, so each case begins at once.
Every step over a port lasts some milliseconds of the hand-turned clock: a fault that begins a second after the request
meets the change in the middle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from esi.agent.records import decode
from esi.bootstrap.ground import Ground
from esi.bootstrap.services import Services, load_services
from esi.bootstrap.workers import build_jobs
from esi.errors import NotFound, TemporaryError
from esi.model import keys
from esi.model.codec import decode_config
from esi.model.resource import Body, Ref
from esi.stacks.remains import StackRemains
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.testing import chain, invariants
from esi.testing.eyes import AGENT, near_eyes
from esi.testing.loop import run
from esi.testing.process import Process, StoreHandle
from esi.testing.ring import ADMIN, Snapshot, World

STEP_SECONDS = 0.02
PATIENCE_SECONDS = 20_000.0
INTERFACE = chain.interface()
REF = Ref(INTERFACE.schema, INTERFACE.id)
CHANGE: Body = {"bgp_md5": "another key"}
VERBS = ("create", "update", "delete")


class Stage(World):
    """`down` are the beginnings of points that fail now, for every process; see esi.testing.process. `since`: the world
    as it goes on from. `watched`: a collector agent looks at what is made.
    """

    def __init__(self, services: Services, *, since: Snapshot | None = None, watched: bool = False) -> None:
        time = since.time - asyncio.get_running_loop().time() if since is not None else World.start
        super().__init__(services, start=time, eyes=near_eyes if watched else None, agent=AGENT if watched else "")
        if since is not None:
            self.restore(since)
        self.down: tuple[str, ...] = ()
        for name in ("control", "master", "worker", "agent", "user"):
            self.losses[name] = self._lost
        self.delay = lambda: STEP_SECONDS

    def _lost(self, point: str) -> bool:
        return bool(self.down) and point.startswith(self.down) and not point.endswith(" after")

    def worker(self, process: Process, ground: Ground) -> Sequence[Any]:
        return self.work(process, ground)

    def master(self, process: Process, ground: Ground) -> Sequence[Any]:
        return [build_jobs(ground)]

    async def play(self, scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """`scenario` in a ring with a master of its own, and a user whose requests can fail as those of others do."""
        user: Any = StoreHandle(Process("user", lossy=self._lost), self.store)
        self.lifecycle = self._lifecycle(user)
        self.lifecycle.remains = StackRemains(self.kv, {NetconfNamedConfigs.type: NetconfNamedConfigs().claims})

        async def all_of_it() -> None:
            self.begin("master", self.master)
            await self.clock.sleep(1.0)  # it reads what stands before anything happens
            await scenario()

        await self.run(all_of_it())

    def keep(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Something that happens beside, and ends with the world."""
        return self._keeper.start(name, work)

    # What the user does: insists while the answer is "not now"

    async def insist(self, request: Callable[[], Awaitable[Any]]) -> Any:
        while True:
            try:
                return await request()
            except TemporaryError:
                await self.clock.sleep(1.0)

    async def make(self, verb: str) -> None:
        """Create, update or delete the interface; an update without a change tries again what failed."""
        if verb == "delete":
            await self.insist(lambda: self.lifecycle.delete(ADMIN, REF))
            return
        if verb == "create":
            await self.insist(lambda: self.lifecycle.put(ADMIN, REF, INTERFACE.body))
        else:  # users may change words only; a service's hooks may change what stands on routers
            await self.customer_follows()
            await self.insist(lambda: self.lifecycle.ensure(REF.schema, {"id": REF.id, **CHANGE}))

    async def customer_follows(self) -> None:
        """The customer's router takes the new key, too."""
        session = self.customer.open("customer")
        for peer in (INTERFACE.body[side]["bgp_router_id"] for side in ("primary", "secondary")):
            group = "set protocols bgp group provider"
            session.load_text("set", f'{group} neighbor {peer} authentication-key "{CHANGE["bgp_md5"]}"')
        await session.commit()
        session.close()

    async def targets(self) -> list[tuple[str, str, int]]:
        """What is watched: resource, name of the value, and how many versions the target is behind its resource."""
        found = []
        for entry in (await self.kv.list(keys.TARGETS)).entries:
            kept = decode(entry.value)
            config = await self.kv.get(keys.config_key(kept.path))
            assert config is not None, f"{kept.path} is gone, and still watched"
            behind = decode_config(config.value).version - kept.target.version
            found.append((kept.path, kept.target.field_name, behind))
        return sorted(found)

    async def again(self, verb: str) -> None:
        """What a user does after a failure."""
        if verb == "delete":
            await self.make(verb)
        else:
            await self.insist(lambda: self.lifecycle.update(ADMIN, REF, {}))

    async def over(self, *, within: float = PATIENCE_SECONDS) -> Body:
        """Wait until the change has ended, well or not; the interface as shown, empty when it is gone."""
        shown: Body = {}

        async def ended() -> bool:
            shown.clear()
            try:
                shown.update(await self.insist(lambda: self.lifecycle.show(ADMIN, REF)))
            except NotFound:
                return True
            return not str(shown["status"]).startswith("PENDING")

        await self.until(ended, within=within)
        return shown

    async def pending(self) -> bool:
        """Whether the change is still under way."""
        row = await self.store.read(lambda rows: rows.get(REF))
        return row is not None and str(row.body["status"]).startswith("PENDING")

    async def settle(self) -> None:
        """Wait until nothing is under way any more: the gateway has followed, the outbox is empty."""

        async def quiet() -> bool:
            gateway = await self.lifecycle.show(ADMIN, Ref("vpn_gateway", chain.GATEWAY))
            return gateway["status"] == "ACTIVE" and not await invariants.nothing_is_under_way(self)

        await self.until(quiet, within=PATIENCE_SECONDS)

    async def failures(self) -> list[str]:
        """Every failure that was ever shown of the interface."""
        lines = await self.store.read(lambda rows: rows.history(REF))
        return [line.detail for line in lines if line.action in ("state", "deadline") and _sentence(line.detail)]


def _sentence(detail: str) -> bool:
    """A reason, not a worker's word for success."""
    return bool(detail) and not detail.endswith(("_COMPLETE", "_COMPLETED"))


@dataclass(frozen=True)
class Known:
    """What undisturbed lives leave: the world before each verb, routers and targets after it."""

    starts: dict[str, Snapshot] = field(default_factory=dict)
    ends: dict[str, dict[str, str]] = field(default_factory=dict)
    targets: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)


@cache
def services() -> Services:
    return load_services("2018")


@cache
def known(*, watched: bool = False) -> Known:
    found = Known()

    async def prepare() -> None:
        world = Stage(services(), watched=watched)

        async def gateway() -> None:
            for wish in [*chain.prerequisites(), chain.gateway()]:
                await world.ask(wish)
                await world.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]  # a service has no status
            await world.until(lambda: _quiet(world))

        await world.play(gateway)
        found.starts["create"] = world.snapshot()
        for verb in VERBS:
            stage = Stage(services(), since=found.starts[verb], watched=watched)

            async def once(stage: Stage = stage, verb: str = verb) -> None:
                await stage.make(verb)
                await stage.over()
                await stage.settle()

            await stage.play(once)
            found.ends[verb] = dict(invariants.configurations(stage))
            found.targets[verb] = await stage.targets()
            if verb == "create":
                found.starts["update"] = found.starts["delete"] = stage.snapshot()

    run(prepare())
    return found


async def _quiet(world: World) -> bool:
    return not await invariants.nothing_is_under_way(world)
