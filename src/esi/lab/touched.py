"""What a change of configurations can concern: what is in a changed routing instance, and what shares a VLAN with
something that changed. A router with thousands of sessions decides few of them anew at a commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from esi.lab.view import MAIN, Unit, View

Place = tuple[str, str]
"""A router, and one of its routing instances or units."""


class Touched(NamedTuple):
    """The instances whose sessions may stand differently, and the units whose VRRP groups may; gone ones too."""

    instances: set[Place]
    units: set[Place]


def everything(before: Mapping[str, View], after: Mapping[str, View]) -> Touched:
    """All that was there and all that is."""
    views = [(router, view) for some in (before, after) for router, view in some.items()]
    return Touched(
        {(router, name) for router, view in views for name in view.instances},
        {(router, name) for router, view in views for port in view.physicals.values() for name in port.units},
    )


def touched(before: Mapping[str, View], after: Mapping[str, View]) -> Touched:
    """What may stand differently while the links are the same: each new view was read after the one `before`."""
    if before.keys() != after.keys() or any(_ports(before[name]) != _ports(view) for name, view in after.items()):
        return everything(before, after)
    found, vlans = Touched(set(), set()), set[str]()
    for router, new in after.items():
        old = before[router]
        if old is new:
            continue
        found.instances.update((router, name) for name in new.changed)
        for unit in _changed_units(old, new):
            vlans.add(unit.vlan)
            found.units.add((router, unit.name))
            owners = (view.owners.get(unit.name, MAIN) for view in (old, new) if view.unit(unit.name) is not None)
            found.instances.update((router, name) for name in owners)
    for router, view in after.items():
        for units in (port.vlans.get(vlan, ()) for port in view.physicals.values() for vlan in vlans):
            found.units.update((router, unit.name) for unit in units)
            found.instances.update((router, view.owners.get(unit.name, MAIN)) for unit in units)
    return found


def gone(old: View, new: View) -> Iterator[str]:
    """The units that are there no more; `new` was read after `old`."""
    for name, port in old.physicals.items():
        now = new.physicals.get(name)
        for unit in port.units if now is None else now.changed if now is not port else ():
            if unit in port.units and (now is None or unit not in now.units):
                yield unit


def _ports(view: View) -> list[tuple[str, bool, str]]:
    return [(one.name, one.disabled, one.bundle) for one in view.physicals.values()]


def _changed_units(old: View, new: View) -> Iterator[Unit]:
    """Old and new forms of units that changed, or that are or were in a changed instance."""
    ports = (port for port in new.physicals.values() if port is not old.physicals[port.name])
    names = {name for port in ports for name in port.changed}
    for view in (old, new):
        yield from (unit for unit in map(view.unit, names) if unit is not None)
        for instance in new.changed:
            yield from view.units_of(instance)
