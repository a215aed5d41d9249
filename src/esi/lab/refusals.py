"""What a router refuses to commit, in its own words.

Every interface, unit, routing instance and section is looked at alone (`Findings`): what is wrong inside it, and what
it refers to. That is kept with the node: a commit looks again only at what changed. Then the references are followed:
groups, filters, policers, prefix-lists, policies, interfaces.

The management daemon checks constraints first; if they hold, the daemons for interfaces (dcd), routing (rpd) and
firewall (dfwd) say what they cannot use. Their errors have other shapes, a summary ends each list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from esi.lab.groups import expand, group
from esi.lab.interfaces import NO_VLANS, Vlans, interface_faults, vlans
from esi.lab.references import Reference, Use, references
from esi.lab.routing import instance_faults
from esi.lab.words import Fault
from esi.render.junos.reading import edit_path
from esi.render.junos.tree import Node, Tree

Way = tuple[Node, ...]
"""The statements from the first below the top to one."""


@dataclass(slots=True)
class Findings:
    """What one part of a configuration says about itself. `groups` is the groups that it was expanded with."""

    groups: Node | None
    faults: list[Fault] = field(default_factory=list)
    refers: list[Reference] = field(default_factory=list)
    vlans: Vlans = NO_VLANS


def refusals(tree: Tree) -> list[Fault]:
    """Why a router would not commit this configuration; empty when it would. The last is the summary."""
    top = tree.root
    faults: list[Fault] = []
    defined = _Defined(top)
    for way in parts(top):
        findings = find(top, way)
        faults += findings.faults
        for reference in findings.refers:
            faults += defined.faults(reference)
    if not faults:
        return []
    checked = [fault for fault in faults if fault.type == "application"]
    if any("Missing mandatory" in fault.message for fault in checked):
        return [*checked, Fault("commit failed: (missing mandatory statements)")]
    if checked:
        return [*checked, Fault("commit failed: (statements constraint check failed)")]
    return [*faults, Fault("configuration check-out failed")]


def parts(top: Node) -> Iterator[Way]:
    """The ways to the parts that are looked at alone."""
    for section in top.ordered():
        if section.inactive or section.spec.name == "groups" or not section.spec.inside:
            continue
        if section.spec.name not in ("interfaces", "routing-instances"):
            yield (section,)
            continue
        for entry in section.ordered():
            if entry.spec.inside and not entry.inactive:
                yield section, entry
                if entry.spec.name == "interface":
                    yield from ((section, entry, unit) for unit in entry.entries("unit"))


def find(top: Node, way: Way) -> Findings:
    """Look at one part, if that was not done before."""
    node = way[-1]
    groups = top.children.get("groups")
    known = node.facts
    # Groups applied above a part would change it from outside; then nothing is kept.
    plain = not top.values("apply-groups") and not any(one.values("apply-groups") for one in way[:-1])
    if plain and isinstance(known, Findings) and known.groups is groups:
        return known
    findings = Findings(groups)
    levels = tuple(" ".join(one.words()) for one in way)
    if node.spec.name == "interface":
        _look_at_interface(top, way, levels, findings)
    else:
        whole = expand(top, way)
        findings.refers += references(node, whole, levels)
        if node.spec.name in ("instance", "protocols"):
            findings.faults += instance_faults(whole, levels)
        elif node.spec.name == "unit":
            findings.vlans = vlans(whole)
    node.facts = findings if plain else None
    return findings


def _look_at_interface(top: Node, way: Way, levels: tuple[str, ...], findings: Findings) -> None:
    """An interface may have thousands of units: each is a part of its own, the rest is looked at without them."""
    node = way[-1]
    bare = node.holding({name: child for name, child in node.children.items() if child.spec.name != "unit"})
    whole = expand(top, (*way[:-1], bare))
    findings.refers += references(bare, whole, levels)
    units = [(str(unit.key), find(top, (*way, unit)).vlans) for unit in node.entries("unit")]
    findings.faults += interface_faults(whole, units)


class _Defined:
    """What a configuration defines, asked for by references; `instances` remembers which instance has an interface."""

    def __init__(self, top: Node) -> None:
        self._top = top
        self._known: dict[Use, bool] = {}
        self._instances: dict[str, str] = {}

    def faults(self, reference: Reference) -> Iterable[Fault]:
        """What is wrong with a reference."""
        if reference.use not in self._known:
            self._known[reference.use] = is_there(self._top, reference.use)
        there = self._known[reference.use]
        if reference.use.kind == "interface":
            return self._interface(reference, there=there)
        return () if there else _undefined(reference)

    def _interface(self, reference: Reference, *, there: bool) -> Iterator[Fault]:
        name, path = reference.use.name, edit_path(reference.path)
        if not there:
            yield Fault("mgd: Interface must be defined", path, f"interface {name}", "application", "invalid-value")
        instance = reference.path[1]
        owner = self._instances.setdefault(name, instance)
        if owner != instance:
            text = f"RT Instance: Interface {name} is already configured in instance {owner}"
            yield Fault(text, "[edit routing-instances]", f"'{instance}'", daemon="rpd")


def is_there(top: Node, use: Use) -> bool:
    """Whether a configuration defines what is used."""
    if use.kind == "interface":
        port, _, unit = use.name.partition(".")
        return use.name == "all" or _active(top.get("interfaces", ("interface", port), ("unit", unit or "0")))
    if use.kind == "group":
        return group(top, use.name) is not None
    entry = (use.kind, use.name)
    if use.kind in ("prefix-list", "policy-statement"):
        return _active(top.get("policy-options", entry))
    family = use.kind == "filter" and use.family and _active(top.get("firewall", "family", use.family, entry))
    return bool(family) or _active(top.get("firewall", entry))


def _undefined(reference: Reference) -> Iterator[Fault]:
    kind, name, path = reference.use.kind, reference.use.name, edit_path(reference.path)
    if kind == "group":
        yield Fault(f"apply group '{name}' is not defined", path, f"apply-groups {name}")
        yield Fault("apply-groups expansion failed", path)
    elif kind == "policy-statement":
        yield Fault(f"Policy error: Policy {name} referenced but not defined", path, reference.bad, daemon="rpd")
    else:
        yield Fault(f"Referenced {kind} '{name}' is not defined", path, reference.bad, daemon="dfwd")


def _active(node: Node | None) -> bool:
    return node is not None and not node.inactive
