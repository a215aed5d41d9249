"""Glance on its port."""

from __future__ import annotations

from esi.clock import Clock
from esi.lab.glance.images import Glance
from esi.lab.web import Identify, app
from esi.runtime.door import HttpDoor


class GlanceRoom(HttpDoor):
    def __init__(self, glance: Glance, identify: Identify, *, clock: Clock, address: tuple[str, int]) -> None:
        super().__init__("glance", lambda: app(glance, clock, identify), host=address[0], port=address[1])
