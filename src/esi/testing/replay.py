"""Play recorded requests on the whole ring in one process (ring.py), and keep what it did (facts.py).

    async def scene(ring: Ring) -> None:
        await ring.post("/v2.0/vpn_gateways", {"vpn_gateway": {…}})
        await ring.rest()

    facts = loop.run(on_ring(load_services("2017"), scene)).facts

Scenes know a ring by four verbs (`Player`), so that the same ones can be played on rings of other processes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from esi.bootstrap.ground import Ground
from esi.bootstrap.services import Services
from esi.drivers import Address, CommitRecord, Edit, Session
from esi.errors import NotFound, TimedOut
from esi.kv import Event
from esi.lab import Router
from esi.model import keys
from esi.model.resource import Body, Ref
from esi.model.status import PENDING
from esi.monitoring import Eyes
from esi.testing.facts import Facts, Load, Write
from esi.testing.hands import DriverHandle
from esi.testing.ring import ADMIN, World
from esi.testing.routers import NearDriver

REST_SECONDS = 1.0
"""Between two looks whether the ring rests."""

PATIENCE_SECONDS = 120.0
"""How long a ring may take to come to rest."""


class Player(Protocol):
    """A ring that can be played on; `post` takes a body as recorded, {schema: {…}}, and answers as shown."""

    facts: Facts

    async def post(self, path: str, body: Body) -> Body: ...
    async def show(self, schema: str, id: str) -> Body: ...
    async def list(self, schema: str) -> list[Body]: ...
    async def delete(self, schema: str, id: str) -> None: ...
    async def rest(self) -> None:
        """Returns when nothing is left to do."""
        ...


class RecordingDriver(NearDriver):
    """The ring's driver, with every load written down."""

    def __init__(self, routers: Mapping[str, Router], loads: list[Load]) -> None:
        super().__init__(routers)
        self._loads = loads

    async def open(self, address: Address) -> Session:
        return RecordingSession(await super().open(address), address, self._loads)


@dataclass
class RecordingSession:
    inner: Session
    address: Address
    loads: list[Load]

    async def load(self, edits: Sequence[Edit]) -> None:
        await self.inner.load(edits)
        self.loads.append(Load(self.address, tuple(edits)))

    @property
    def session_id(self) -> str:
        return self.inner.session_id

    @property
    def confirm_within(self) -> float | None:
        return self.inner.confirm_within

    async def kill(self, session_id: str) -> None:
        await self.inner.kill(session_id)

    async def lock(self) -> None:
        await self.inner.lock()

    async def diff(self) -> str:
        return await self.inner.diff()

    async def commit(self, *, comment: str, confirm_within: float | None = None) -> Sequence[str]:
        return await self.inner.commit(comment=comment, confirm_within=confirm_within)

    async def check(self) -> None:
        await self.inner.check()

    async def discard(self) -> None:
        await self.inner.discard()

    async def unlock(self) -> None:
        await self.inner.unlock()

    async def history(self) -> Sequence[CommitRecord]:
        return await self.inner.history()

    async def close(self) -> None:
        await self.inner.close()


class Ring:
    """A Player over a World; made by `on_ring`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.facts = Facts()
        world.kv.on_commit = self._note
        recording = RecordingDriver(world.routers, self.facts.loads)
        recording.objects, recording.analytics = world.driver.objects, world.driver.analytics
        world.driver = recording

    def _note(self, events: Sequence[Event]) -> None:
        self.facts.writes += [Write(event.key, event.value if event.kind == "put" else None) for event in events]

    async def post(self, path: str, body: Body) -> Body:
        schema = self.world.services.catalogue.collections[path]
        row = await self.world.lifecycle.create(ADMIN, schema.id, body[schema.singular], "replay")
        return self.world.lifecycle.view(ADMIN, row)

    async def show(self, schema: str, id: str) -> Body:
        return await self.world.lifecycle.show(ADMIN, Ref(schema, id))

    async def list(self, schema: str) -> list[Body]:
        return (await self.world.lifecycle.list(ADMIN, schema)).rows

    async def delete(self, schema: str, id: str) -> None:
        await self.world.lifecycle.delete(ADMIN, Ref(schema, id), "replay")

    async def gone(self, schema: str, id: str) -> bool:
        try:
            await self.show(schema, id)
        except NotFound:
            return True
        return False

    def running(self) -> dict[str, str]:
        """What each router holds, by management address."""
        return {ip: router.running_text() for ip, router in self.world.routers.items()}

    async def rest(self) -> None:
        """TimedOut when there is still something to do after two minutes of the ring's own time."""
        clock = self.world.clock
        deadline = clock.monotonic() + PATIENCE_SECONDS
        quiet = 0
        while quiet < 2:
            await clock.sleep(REST_SECONDS)
            quiet = quiet + 1 if await self._idle() else 0
            if clock.monotonic() > deadline:
                raise TimedOut("the ring does not come to rest")

    async def _idle(self) -> bool:
        if await self.world.store.outbox_batch(1):
            return False
        if (await self.world.kv.list(keys.JOBS)).entries:
            return False
        shown = [await self.show(*ref) for _, ref in await self.world.lifecycle.due(1000)]
        return not any(body["status"] in PENDING for body in shown)


async def on_ring(
    services: Services,
    scene: Callable[[Ring], Awaitable[None]],
    *,
    recorded_quirks: bool = False,
    seed: int = 1,
    eyes: Callable[[DriverHandle, Ground], Eyes] | None = None,
    agent: str = "",
) -> Ring:
    """Play a scene on a new ring and end it; the ring with its facts. Must run on a loop of esi.testing.loop."""
    world = World(services, seed=seed, recorded_quirks=recorded_quirks, eyes=eyes, agent=agent)
    ring = Ring(world)

    async def scenario() -> None:
        await scene(ring)

    await world.run(scenario())
    await world.store.close()
    return ring
