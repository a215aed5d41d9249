"""Which routing instances a change of configurations can concern: what is in a changed instance, or shares a VLAN with
something that changed. A router with thousands of sessions decides few of them anew at a commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from esi.lab.view import MAIN, Unit, View

Place = tuple[str, str]
"""A router and one of its routing instances."""


def touched(before: Mapping[str, View], after: Mapping[str, View]) -> set[Place] | None:
    """The instances whose sessions may stand differently. None: all, because a router or a port changed."""
    if before.keys() != after.keys():
        return None
    found: set[Place] = set()
    vlans: set[str] = set()
    for router, new in after.items():
        old = before[router]
        if old is new:
            continue
        if _ports(old) != _ports(new):
            return None
        for name in _changed_instances(old, new):
            found.add((router, name))
            vlans |= {unit.vlan for view in (old, new) for unit in view.units_of(name)}
        for unit in _changed_units(old, new):
            found |= {(router, view.owners.get(unit.name, MAIN)) for view in (old, new)}
            vlans.add(unit.vlan)
    for router, view in after.items():
        found |= {(router, view.owners.get(unit.name, MAIN)) for unit in _units(view) if unit.vlan in vlans}
    return found


def _ports(view: View) -> list[tuple[str, bool, str]]:
    return [(one.name, one.disabled, one.bundle) for one in view.physicals.values()]


def _units(view: View) -> Iterator[Unit]:
    for physical in view.physicals.values():
        yield from physical.units.values()


def _changed_instances(old: View, new: View) -> Iterator[str]:
    for name in old.instances.keys() | new.instances.keys():
        one, other = old.instances.get(name), new.instances.get(name)
        if one is not other and one != other:
            yield name


def _changed_units(old: View, new: View) -> Iterator[Unit]:
    """Old and new forms of them."""
    for name in old.physicals.keys() | new.physicals.keys():
        before, after = (view.physicals[name].units if name in view.physicals else {} for view in (old, new))
        for unit in before.keys() | after.keys():
            one, other = before.get(unit), after.get(unit)
            if one is not other:
                yield from (form for form in (one, other) if form is not None)
