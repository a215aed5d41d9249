"""The clouds of a ring: drivers to those that the settings name, else to the lab's.

The lab writes where its clouds are into the ring's folder (`clouds.json`: name → URL), as it writes the inventory of
its routers; it is read each time somebody asks, so a lab may start later, or again on other ports. A cloud that is
neither named nor there refuses with a sentence; nothing is asked of it before a stack or a target needs it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from esi.bootstrap.logins import named_user
from esi.client.keystone import Credentials
from esi.clock import Clock
from esi.drivers.contrail import Contrail
from esi.drivers.contrail.api import HttpAnalytics, HttpContrail
from esi.drivers.contrail.http import Door, HttpWire, Means
from esi.errors import Unsupported
from esi.settings import Settings
from esi.stacks import StackResource
from esi.stacks.resources.contrail.interfaces import InstanceIp, VirtualMachineInterface
from esi.stacks.resources.contrail.networks import VirtualNetwork, VnSubnet
from esi.stacks.resources.contrail.switches import (
    ExistingResource,
    LogicalInterface,
    PhysicalInterface,
    PhysicalRouter,
)
from esi.telemetry import Recorder

CLOUDS_FILE = "clouds.json"


def contrail_types(contrail: Contrail) -> tuple[StackResource, ...]:
    """The HOT types of a Contrail."""
    return (
        VirtualNetwork(contrail),
        VnSubnet(contrail),
        VirtualMachineInterface(contrail),
        InstanceIp(contrail),
        PhysicalRouter(contrail),
        PhysicalInterface(contrail),
        LogicalInterface(contrail),
        ExistingResource(contrail),
    )


def open_contrail(settings: Settings, clock: Clock, recorder: Recorder) -> HttpContrail:
    """The config API, for workers."""
    means = Means(clock, credentials=_credentials(settings), recorder=recorder)
    return HttpContrail(Door("contrail", HttpWire("contrail", _address(settings, "contrail", "url")), means))


def open_analytics(settings: Settings, clock: Clock, recorder: Recorder) -> HttpAnalytics:
    """The analytics API, for probes."""
    means, who = Means(clock, "agent", _credentials(settings), recorder), "contrail analytics"
    return HttpAnalytics(Door(who, HttpWire(who, _address(settings, "analytics", "analytics_url")), means))


def _credentials(settings: Settings) -> Credentials | None:
    named = settings.contrail
    if not named.auth_url:
        return None
    return named_user(named, named.auth_url)


def _address(settings: Settings, cloud: str, setting: str) -> Callable[[], str]:
    """The URL that the setting of Contrail names; else what the lab has written."""
    named: str = getattr(settings.contrail, setting)

    def at() -> str:
        url = named or read_clouds(Path(settings.ring.folder)).get(cloud)
        if not url:
            raise Unsupported(f"contrail.{setting} is not set, and no lab has said where its {cloud} is")
        return url

    return at


def read_clouds(folder: Path) -> Mapping[str, str]:
    """What the lab of this folder has written; nothing when there is none."""
    try:
        found = json.loads((folder / CLOUDS_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_clouds(folder: Path, urls: Mapping[str, str]) -> None:
    """Replace the file in one step, so that nobody reads half of it."""
    draft = folder / f"{CLOUDS_FILE}.new"
    draft.write_text(json.dumps(dict(urls), sort_keys=True))
    os.replace(draft, folder / CLOUDS_FILE)
