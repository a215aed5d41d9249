"""Subtree filters (RFC 6241 section 6) on a configuration: names, containment, content match; by local name."""

from __future__ import annotations

from copy import copy

from lxml import etree

from esi.netconf.xml import children, local, text


def select(source: etree._Element, wanted: etree._Element) -> etree._Element | None:
    """The part of `source` that `wanted` asks for; None when nothing fits. Both are elements of the same name."""
    asked = list(children(wanted))
    if not asked:
        return source
    matches = [one for one in asked if not len(one) and text(one)]
    if any(not _has(source, one) for one in matches):
        return None
    others = [one for one in asked if one not in matches]
    if not others:
        return source
    kept = copy(source)
    for child in list(kept):
        kept.remove(child)
    found = False
    for child in children(source):
        name = local(child)
        if name == "name" or any(local(one) == name and text(one) == text(child) for one in matches):
            kept.append(_copy(child))
            continue
        for one in (other for other in others if local(other) == name):
            part = select(child, one)
            if part is not None:
                kept.append(_copy(part))
                found = True
                break
    return kept if found or matches else None


def _has(source: etree._Element, wanted: etree._Element) -> bool:
    return any(local(child) == local(wanted) and text(child) == text(wanted) for child in children(source))


def _copy(element: etree._Element) -> etree._Element:
    copy = etree.fromstring(etree.tostring(element, with_tail=False))
    return copy
