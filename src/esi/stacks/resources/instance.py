"""ESI::VNF::Instance: a server that runs an appliance, its ports in the order of its slots (services.md B.11).

    create   a server with the first port → ACTIVE → if there are more ports: stop, attach them one after the other,
             start
    update   other networks: stop, detach the first slot that changes and all above it, attach in order, start;
             `reboot`: a reboot; a name. What else a server is made from cannot change
    delete   the server goes; absent is success

A guest numbers its interfaces by the order in which they are plugged, and Nova tells no order: where a kill leaves
open what stands in which slot, the slots in doubt are plugged again. A port is plugged when its own stack has said so,
which shows as `attached`, and gone when its device_id is: that is waited for, without holding a slot of the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, cast

from esi.clock import Clock, pauses
from esi.drivers.compute import ACTIVE, ERROR, SHUTOFF, Clouds, Compute, NewServer, Reboot, Server
from esi.errors import NotFound, Rejected, TemplateError, Unsupported
from esi.stacks import Context, Live, Property, Props
from esi.stacks.resources.structured import read_list

TYPE = "ESI::VNF::Instance"
FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.05, 3.0
"""Nova tells nobody when it is ready: it is asked, at first often. The recorded system asked every 3 s."""

BUILDS = 3
"""So often a server is built that Nova gives up; its own scheduler tries as often."""

PATIENCE_SECONDS = 30.0
MADE_FROM = ("image", "flavor", "availability_zone", "user_data", "config_drive")
"""What only a new server could change."""


class Instance:
    """The id is the server's."""

    type: ClassVar[str] = TYPE
    attributes: ClassVar[tuple[str, ...]] = ()
    properties: ClassVar[Mapping[str, Property]] = {
        "name": Property("string", required=True),
        "flavor": Property("string", required=True),
        "image": Property("string", required=True),
        "networks": Property("json", required=True),
        "availability_zone": Property("string", default=""),
        "reboot": Property("string", default="", values=("", "SOFT", "HARD")),
        "user_data": Property("string", default="", secret=True),
        "user_data_format": Property("string", default="RAW", values=("RAW",)),
        "config_drive": Property("boolean", default=False),
    }

    def __init__(self, clouds: Clouds, clock: Clock, *, first_look: float = FIRST_LOOK_SECONDS) -> None:
        self._clouds = clouds
        self._clock = clock
        self._first_look = first_look

    def check(self, props: Props) -> None:
        slots(props)

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset()

    async def create(self, ctx: Context, props: Props) -> Live:
        cloud, wanted = self._of(ctx), slots(props)
        id_ = await self._stands(ctx, props, wanted[0])
        work = self._work(ctx, id_)
        await work.plugged(wanted[0])
        present = set(await cloud.ports(id_))
        trusted = len(present) if present == set(wanted[: len(present)]) else 0
        await work.arrange(wanted, trusted=trusted)
        return Live(id_, props)

    async def _stands(self, ctx: Context, props: Props, port: str) -> str:
        """The id of a server that Nova has built. One that it has given up is thrown away, and another is built: what
        was in the way, as a network that came late, may be over.
        """
        cloud, mark = self._of(ctx), _mark(ctx)
        for last in (False,) * (BUILDS - 1) + (True,):
            server = await cloud.find(mark)
            if server is not None and server.status == ERROR:
                await self._throw_away(ctx, server.id, port)
                server = None
            id_ = server.id if server is not None else await self._boot(cloud, props, port, mark)
            try:
                await self._work(ctx, id_).look(lambda server: server.status in (ACTIVE, SHUTOFF))
            except Rejected:
                if last:
                    raise
                continue
            return id_
        raise AssertionError("the last build has returned or raised")

    async def _throw_away(self, ctx: Context, id: str, port: str) -> None:
        """A server goes, and lets go of the port that the next one boots with."""
        work = self._work(ctx, id)
        await self._of(ctx).delete(id)
        await work.gone()
        await work.free(port)

    async def _boot(self, cloud: Compute, props: Props, port: str, mark: str) -> str:
        return await cloud.create(
            NewServer(
                name=props["name"],
                flavor=await cloud.flavor(props["flavor"]),
                image=await cloud.image(props["image"]),
                port=port,
                mark=mark,
                zone=props.get("availability_zone", ""),
                user_data=props.get("user_data", ""),
                config_drive=props.get("config_drive", False),
            )
        )

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        for name in MADE_FROM:
            if new.get(name) != live.props.get(name):
                raise Unsupported(f"the {name} of a server cannot change: delete the resource and make it anew")
        cloud, wanted = self._of(ctx), slots(new)
        if new["name"] != live.props["name"] or any(new["name"] != props["name"] for props in live.attempted):
            await cloud.rename(live.physical_id, new["name"])
        work = self._work(ctx, live.physical_id)
        before = [slots(props) for props in (live.props, *live.attempted)]
        restarted = await work.arrange(wanted, trusted=_common(wanted, *before), order=before[0])
        if new.get("reboot") and new.get("reboot") != live.props.get("reboot") and not restarted:
            await cloud.reboot(live.physical_id, cast(Reboot, new["reboot"]))
            await work.look(lambda server: server.status == ACTIVE)
        return Live(live.physical_id, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        cloud, id_ = self._of(ctx), live.physical_id
        if not id_:
            server = await cloud.find(_mark(ctx))
            if server is None:
                return
            id_ = server.id
        await cloud.delete(id_)
        await self._work(ctx, id_).gone()

    def _of(self, ctx: Context) -> Compute:
        return self._clouds.of(ctx.tenant, ctx.ref)

    def _work(self, ctx: Context, id: str) -> Work:
        return Work(ctx, self._of(ctx), self._clock, id, self._first_look)


class Work:
    """One piece of work on one server."""

    def __init__(self, ctx: Context, cloud: Compute, clock: Clock, id: str, first_look: float) -> None:
        self._ctx = ctx
        self._cloud = cloud
        self._clock = clock
        self._id = id
        self._first_look = first_look

    async def arrange(self, wanted: Sequence[str], *, trusted: int, order: Sequence[str] = ()) -> bool:
        """Plug exactly `wanted`, the first `trusted` slots staying as they are, and see it run. Whether it was started.

        `order` is that in which what has to go was plugged, as far as it is known.
        """
        present = set(await self._cloud.ports(self._id))
        while not set(wanted[:trusted]) <= present:
            trusted -= 1
        spare = sorted(present - set(wanted[:trusted]), key=lambda port: _place(port, order))
        server = await self.look(lambda server: server.status in (ACTIVE, SHUTOFF))
        if spare or trusted < len(wanted):
            if server.status == ACTIVE:
                await self._cloud.stop(self._id)
                await self.look(lambda server: server.status == SHUTOFF)
            await self._unplug(spare)
            for port in wanted[trusted:]:
                await self._cloud.attach(self._id, port)
                await self.plugged(port)
        elif server.status == ACTIVE:
            return False
        await self._cloud.start(self._id)
        await self.look(lambda server: server.status == ACTIVE)
        return True

    async def _unplug(self, ports: Sequence[str]) -> None:
        for port in ports:
            await self._cloud.detach(self._id, port)
            await self._again(partial(self._without, port), f"Nova has not unplugged port {port} yet")
        for port in ports:
            await self.free(port)

    async def free(self, port: str) -> None:
        """Wait until a port is plugged in this server no more."""
        await self._ctx.until(("port", port), self._free, f"port {port} is not free of server {self._id} yet")

    async def _without(self, port: str) -> bool:
        return port not in await self._cloud.ports(self._id)

    def _free(self, port: Mapping[str, Any] | None) -> bool:
        return port is None or (port.get("device_id") != self._id and not port.get("attached"))

    async def plugged(self, port: str) -> None:
        """Wait until the port's own stack has plugged it."""

        def settled(found: Mapping[str, Any] | None) -> bool:
            return found is None or (bool(found.get("attached")) and found.get("device_id") == self._id)

        why = f"port {port} of server {self._id} is not plugged yet"
        if await self._ctx.until(("port", port), settled, why) is None:
            raise Rejected("nova", f"server {self._id} waits for port {port}, which is not there any more")

    async def look(self, ready: Callable[[Server], bool]) -> Server:
        """The server as soon as Nova has done with it and it is `ready`. Rejected when it is in ERROR."""
        found: list[Server] = []

        async def done() -> bool:
            found[:] = [await self._cloud.get(self._id)]
            if found[0].status == ERROR:
                raise Rejected("nova", f"server {self._id} is in ERROR: {found[0].fault or 'no reason is given'}")
            return not found[0].task and ready(found[0])

        await self._again(done, f"Nova is still at work on server {self._id}")
        return found[0]

    async def gone(self) -> None:
        async def done() -> bool:
            try:
                await self._cloud.get(self._id)
            except NotFound:
                return True
            return False

        await self._again(done, f"Nova has not deleted server {self._id} yet")

    async def _again(self, done: Callable[[], Any], why: str) -> None:
        """Ask until it is done; who waits holds no slot."""
        if await done():
            return
        waited = 0.0
        hear = self._ctx.held or (lambda words: None)
        async with self._ctx.rest():
            try:
                for pause in pauses(self._first_look, LAST_LOOK_SECONDS):
                    await self._clock.sleep(pause)
                    if await done():
                        return
                    waited += pause
                    if waited >= PATIENCE_SECONDS:
                        hear(why)
            finally:
                hear("")


def slots(props: Props) -> list[str]:
    """The ports in the order of their slots. Raises TemplateError."""
    found = []
    for index, raw in enumerate(read_list(props["networks"], "networks")):
        port = raw.get("port") if isinstance(raw, Mapping) else None
        if not isinstance(port, str) or not port:
            raise TemplateError(f"networks[{index}]", "must name a port")
        if port in found:
            raise TemplateError(f"networks[{index}]", "is a port that has a slot already")
        found.append(port)
    if not found:
        raise TemplateError("networks", "must name at least one port")
    return found


def _mark(ctx: Context) -> str:
    """What our server is known by, also after a create whose answer was lost."""
    return f"{ctx.stack}/{ctx.resource}"


def _common(first: Sequence[str], *others: Sequence[str]) -> int:
    """How many leading ports they all have in common."""
    count = 0
    while count < len(first) and all(other[count : count + 1] == first[count : count + 1] for other in others):
        count += 1
    return count


def _place(port: str, order: Sequence[str]) -> tuple[int, str]:
    return (order.index(port) if port in order else len(order), port)
