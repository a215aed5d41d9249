"""Cells of the load balancer's failure matrix for real: the ring's processes, and the lab's clouds and appliances over
HTTP, each of which does something wrong while a load balancer is made, changed and deleted.

What stops by itself or is healed ends ACTIVE, or gone; what Nova or Glance refuse ends in ERROR with their words, and
goes through when it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.clients import ring
from e2e.processes import esi
from e2e.test_failures import Lab, heal_soon
from e2e.test_load_balancer import BLUE, Tenant, goes
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.errors import TerminalError

pytestmark = pytest.mark.real

MADE: dict[str, tuple[str, dict[str, object]]] = {
    "error-after": ("nova", {"times": 3}),
    "vm-error": ("nova", {"times": 2}),
    "refuse-attach": ("nova", {}),
    "deaf": ("nova", {}),
    "unreachable": ("contrail", {}),
}
"""Faults while one is made: kind → whose, and how they are begun."""

CHANGED: dict[str, tuple[str, dict[str, object]]] = {
    "error-after": ("nova", {"times": 2}),
    "refuse-attach": ("nova", {}),
    "unreachable": ("contrail", {}),
}
"""While one of its interfaces goes into a network, and out of it."""


async def test_what_clouds_do_wrong_and_stop_is_never_shown_as_a_failure(
    tmp_path: Path, require: Callable[[str], Path], report: Callable[[str], None]
) -> None:
    require("etcd")
    impatient = ("--flow", "2018", "--set", "lab.vif_plugging_timeout=3")
    async with esi(*ring(tmp_path, *impatient)) as (_, facts), Client(facts["api"], clock=SystemClock()) as client:
        tenant, lab = Tenant(client, facts, tmp_path), Lab(tmp_path)
        await tenant.prepare()
        cells = 0
        for kind, (who, how) in MADE.items():
            await lab.begin(who, kind, **how)
            made = await client.create("load_balancer", tenant.request)
            await heal_soon(lab)
            tenant.balancer = str(made["id"])
            await tenant.active("load_balancer", tenant.balancer)
            if kind == "unreachable":
                cells += await is_changed(tenant, lab)
            await lab.begin(who, kind, **how)
            await goes(tenant, before=lambda: heal_soon(lab))
            cells += 2
        cells += await is_refused(tenant, lab)
        report(f"failures for real: {cells} cells of clouds that end as the page says")
        assert cells >= 14


async def is_changed(tenant: Tenant, lab: Lab) -> int:
    await tenant.settled()
    for kind, (who, how) in CHANGED.items():
        id = str((await tenant.interface(1))["id"])
        await lab.begin(who, kind, **how)
        await tenant.client.set("load_balancer_interface", id, {"network_id": BLUE})
        await heal_soon(lab)
        assert (await tenant.active("load_balancer_interface", id))["network_id"] == BLUE
        await tenant.settled()
        assert (await tenant.plug(1, None))["network_id"] is None
    return len(CHANGED)


async def is_refused(tenant: Tenant, lab: Lab) -> int:
    """ERROR with Glance's words; then an update makes it, once the image is there."""
    await lab.begin("glance", "no-image")
    made = await tenant.client.create("load_balancer", tenant.request)
    tenant.balancer = str(made["id"])
    with pytest.raises(TerminalError, match="Glance has no active image"):
        await tenant.active("load_balancer", tenant.balancer)
    await lab.heal()
    await tenant.client.set("load_balancer", tenant.balancer, {"description": "again"})
    await tenant.active("load_balancer", tenant.balancer)
    await goes(tenant)
    return 1
