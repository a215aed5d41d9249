"""What a router refuses to commit, in its own words.

Every interface, routing instance and section is looked at alone (`Findings`): what is wrong inside it, and what it
refers to. That is kept with the node, so a commit looks again only at what changed. Then the references are followed:
groups, filters, policers, prefix-lists, policies, interfaces.

The management daemon checks constraints first; if they hold, the daemons for interfaces (dcd), routing (rpd) and
firewall (dfwd) say what they cannot use. Their errors have other shapes, a summary ends each list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from esi.lab.groups import expand, group
from esi.lab.interfaces import interface_faults
from esi.lab.references import Reference, references
from esi.lab.routing import instance_faults
from esi.lab.words import Fault
from esi.render.junos.reading import edit_path
from esi.render.junos.tree import Ident, Node, Tree


@dataclass(slots=True)
class Findings:
    """What one part of a configuration says about itself. `groups` is the groups that it was expanded with."""

    groups: Node | None
    faults: list[Fault] = field(default_factory=list)
    refers: list[Reference] = field(default_factory=list)


def refusals(tree: Tree) -> list[Fault]:
    """Why a router would not commit this configuration; empty when it would. The last is the summary."""
    top = tree.root
    faults: list[Fault] = []
    instances: dict[str, str] = {}
    for way in _parts(top):
        findings = _findings(top, way)
        faults += findings.faults
        for reference in findings.refers:
            faults += _follow(top, reference, instances)
    if not faults:
        return []
    checked = [fault for fault in faults if fault.type == "application"]
    if any("Missing mandatory" in fault.message for fault in checked):
        return [*checked, Fault("commit failed: (missing mandatory statements)")]
    if checked:
        return [*checked, Fault("commit failed: (statements constraint check failed)")]
    return [*faults, Fault("configuration check-out failed")]


def _parts(top: Node) -> Iterator[tuple[Node, ...]]:
    """The ways to the parts that are looked at alone."""
    for section in top.ordered():
        if section.inactive or section.spec.name == "groups" or not section.spec.inside:
            continue
        if section.spec.name in ("interfaces", "routing-instances"):
            yield from ((section, entry) for entry in section.ordered() if entry.spec.inside and not entry.inactive)
        else:
            yield (section,)


def _findings(top: Node, way: tuple[Node, ...]) -> Findings:
    node = way[-1]
    groups = top.children.get("groups")
    known = node.facts
    # Groups applied above a part would change it from outside; then nothing is kept.
    plain = not top.values("apply-groups") and not any(one.values("apply-groups") for one in way[:-1])
    if plain and isinstance(known, Findings) and known.groups is groups:
        return known
    findings = Findings(groups)
    whole = expand(top, way)
    levels = tuple(" ".join(one.words()) for one in way)
    findings.refers += references(node, whole, levels)
    if node.spec.name == "interface":
        findings.faults += interface_faults(whole)
    elif node.spec.name in ("instance", "protocols"):
        findings.faults += instance_faults(whole, levels)
    node.facts = findings if plain else None
    return findings


def _follow(top: Node, reference: Reference, instances: dict[str, str]) -> Iterator[Fault]:
    """What is wrong with a reference. `instances` remembers which instance has an interface."""
    kind, name, path = reference.kind, reference.name, edit_path(reference.path)
    if kind == "interface":
        yield from _interface(top, reference, instances)
    elif kind == "group":
        if group(top, name) is None:
            yield Fault(f"apply group '{name}' is not defined", path, f"apply-groups {name}")
            yield Fault("apply-groups expansion failed", path)
    elif not any(_active(top.get(*place)) for place in _places(reference)):
        if kind == "policy-statement":
            yield Fault(f"Policy error: Policy {name} referenced but not defined", path, reference.bad, daemon="rpd")
        else:
            yield Fault(f"Referenced {kind} '{name}' is not defined", path, reference.bad, daemon="dfwd")


def _places(reference: Reference) -> list[tuple[Ident, ...]]:
    """Where what is referred to may be defined."""
    entry = (reference.kind, reference.name)
    if reference.kind in ("prefix-list", "policy-statement"):
        return [("policy-options", entry)]
    if reference.kind == "filter" and reference.family:
        return [("firewall", entry), ("firewall", "family", reference.family, entry)]
    return [("firewall", entry)]


def _interface(top: Node, reference: Reference, instances: dict[str, str]) -> Iterator[Fault]:
    name, path = reference.name, edit_path(reference.path)
    physical, _, unit = name.partition(".")
    known = top.get("interfaces", ("interface", physical), ("unit", unit or "0"))
    if name != "all" and not _active(known):
        yield Fault("mgd: Interface must be defined", path, f"interface {name}", "application", "invalid-value")
    instance = reference.path[1] if len(reference.path) > 1 else "master"
    owner = instances.setdefault(name, instance)
    if owner != instance:
        text = f"RT Instance: Interface {name} is already configured in instance {owner}"
        yield Fault(text, "[edit routing-instances]", f"'{instance}'", daemon="rpd")


def _active(node: Node | None) -> bool:
    return node is not None and not node.inactive
