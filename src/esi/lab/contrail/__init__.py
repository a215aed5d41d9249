"""The lab's Contrail: the config API with its own refusals, and the analytics API over the same objects.

kinds              types, parents, references, values
objects            what stands: by uuid, by name, children, referrers
bodies, rules      documents in and out; what each type asks for; addresses: subnets and what is taken from them
config, face       what may be done, and as which requests (8082)
uves               what agents would tell (8081)

The two faces are pure: `face.handle(Asked) -> Answer`; `esi.lab.web.app` puts them on a port. A new process begins with
the built-in objects alone, as the lab's routers begin with their day-0 configurations.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from esi.clock import Clock
from esi.lab.contrail.config import SYSTEM, Config, TenantName
from esi.lab.contrail.face import ConfigFace
from esi.lab.contrail.uves import FAULTS, AnalyticsFace
from esi.lab.web import CloudFaults

__all__ = ["LabContrail"]


class LabContrail:
    """Both faces over one set of objects. `keystone`: the address that a 401 names; "" asks nobody for a token."""

    def __init__(self, clock: Clock, rng: Random, *, tenant_name: TenantName = str, keystone: str = "") -> None:
        self.faults = CloudFaults(FAULTS)
        self.config = Config(clock, rng, tenant_name)
        self.api = ConfigFace(self.config, self.faults, keystone)
        self.analytics = AnalyticsFace(self.config, self.faults, clock)

    def furnish(self) -> None:
        """With the access switches that the samples call existing, and the agents that serve new ones."""
        self.cable("QFX-NW01", ["xe-0/0/1", "xe-0/0/2"])
        self.cable("QFX-NW02")
        for agent in ("tor-agent-1", "tsn-1"):
            self.config.put("virtual-router", (SYSTEM, agent))

    def cable(self, router: str, interfaces: Iterable[str] = (), **fields: object) -> None:
        """A switch that somebody has told Contrail of, with its ports."""
        self.config.put("physical-router", (SYSTEM, router), **fields)
        for name in interfaces:
            self.config.put("physical-interface", (SYSTEM, router, name))
