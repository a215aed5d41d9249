"""Nova on its port. Its work ends with it."""

from __future__ import annotations

from collections.abc import Callable

from esi.clock import Clock
from esi.lab.nova.api import Nova
from esi.lab.nova.cloud import HttpNeutron
from esi.lab.nova.host import Images, Machines, Pace, World
from esi.lab.web import Identify, app
from esi.runtime.door import HttpDoor
from esi.tasks import Tasks


class NovaRoom(HttpDoor):
    """`build` makes the Nova from the world that this room gives it; `identify` says whose a token is."""

    def __init__(
        self, build: Callable[[Tasks], Nova], identify: Identify, *, clock: Clock, address: tuple[str, int]
    ) -> None:
        self.nova: Nova | None = None
        self._build, self._identify, self._clock = build, identify, clock
        super().__init__("nova", lambda: app(self._made(), clock, identify), host=address[0], port=address[1])

    def _made(self) -> Nova:
        assert self.nova is not None
        return self.nova

    async def run(self) -> None:
        async with Tasks("nova") as tasks:
            self.nova = self._build(tasks)
            try:
                await super().run()
            finally:
                if isinstance(self.nova.host.world.neutron, HttpNeutron):
                    await self.nova.host.world.neutron.close()


def world(
    neutron: HttpNeutron, images: Images, *, clock: Clock, machines: Machines | None = None, pace: Pace | None = None
) -> Callable[[Tasks], Nova]:
    """What NovaRoom builds."""
    return lambda tasks: Nova(World(clock, tasks, neutron, images, machines, pace or Pace()))
