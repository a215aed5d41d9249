"""The OpenStack Heat that makes the stacks of a ring, where the settings name one; and the door for its intents."""

from __future__ import annotations

from esi.bootstrap.ground import Ground
from esi.bootstrap.logins import named_user
from esi.clock import Clock
from esi.devices import DeviceRoom
from esi.devices.door import devices_door
from esi.drivers.compute.session import Means, Session
from esi.errors import SettingsError
from esi.kv import holds
from esi.registry import Registry
from esi.runtime.door import HttpDoor
from esi.settings import Devices, Settings
from esi.stacks import StackResource
from esi.stacks.heat.backend import HeatBackend
from esi.stacks.heat.rest import Heat
from esi.telemetry import Recorder


def open_heat(settings: Settings, clock: Clock, recorder: Recorder) -> Heat:
    """Heat's API, with the tokens of its Keystone. SettingsError."""
    named = settings.heat
    if not named.password.reveal():
        raise SettingsError("heat.password: stacks are to be made by Heat (heat.auth_url), which asks for a password")
    who = named_user(named, named.auth_url)
    urls = {"orchestration": named.url} if named.url else {}
    return Heat(Session(Means(lambda: who, clock, recorder, urls, named.region)))


def build_backend(heat: Heat, ground: Ground, types: Registry[StackResource]) -> HeatBackend:
    return HeatBackend(heat, types, ground.clock, lambda guard: holds(ground.kv, guard))


def build_door(settings: Devices, room: DeviceRoom) -> HttpDoor:
    """For what runs inside heat-engine."""
    return devices_door(room, host=settings.host, port=settings.port, token=settings.token)
