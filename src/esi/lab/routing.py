"""What the management daemon and the routing daemon (rpd) refuse within one routing instance, or at the top."""

from __future__ import annotations

from collections.abc import Iterator

from esi.lab.words import Fault
from esi.render.junos.reading import edit_path
from esi.render.junos.tree import Node


def instance_faults(part: Node, levels: tuple[str, ...]) -> Iterator[Fault]:
    """Faults of an instance, expanded with its groups, or of the top's own protocols."""
    if part.spec.name == "instance":
        yield from _instance(part, levels)
        bgp, levels = part.get("protocols", "bgp"), (*levels, "protocols")
    else:
        bgp = part.get("bgp")
    if bgp is not None and not bgp.inactive:
        for group in bgp.entries("group"):
            yield from _group(bgp, group, (*levels, "bgp", f"group {group.key}"))


def _instance(instance: Node, levels: tuple[str, ...]) -> Iterator[Fault]:
    kind = instance.text("instance-type")
    if not kind:
        text = "mgd: Missing mandatory statement: 'instance-type'"
        yield Fault(text, edit_path(levels), str(instance.key), "application", "data-missing")
    if kind == "vrf" and not instance.text("route-distinguisher"):
        text = f"RT Instance: Route-distinguisher must be configured for vrf instance: {instance.key}"
        yield Fault(text, "[edit routing-instances]", f"'{instance.key}'", daemon="rpd")


def _group(bgp: Node, group: Node, levels: tuple[str, ...]) -> Iterator[Fault]:
    """Neighbours outside need to know their AS: their own, their group's, or that of all BGP."""
    if group.text("type") == "internal":
        return
    inherited = group.text("peer-as") or bgp.text("peer-as")
    for neighbor in group.entries("neighbor"):
        if not inherited and not neighbor.text("peer-as"):
            text = (
                f"Error in neighbor {neighbor.key} of group {group.key}:\n"
                "must have peer AS number configured for an external peer"
            )
            yield Fault(text, edit_path(levels), f"neighbor {neighbor.key}", daemon="rpd")
