"""Documents in and out: what a request says is read against its kind, what stands is shown as the API shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from esi.lab.contrail.kinds import COMMON, FIELDS, KINDS
from esi.lab.contrail.objects import Name, Objects, Pair, Refused, Standing, listed

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f<>&\"']")
PERMISSIONS = {
    "owner": "cloud-admin", "owner_access": 7, "group": "cloud-admin-group", "group_access": 7, "other_access": 7,
}  # fmt: skip


def read_name(body: Mapping[str, Any]) -> Name:
    """The name of what shall be made."""
    given = body.get("fq_name")
    if not isinstance(given, list) or not given or not all(isinstance(word, str) and word for word in given):
        raise Refused(400, "Bad Request, no fq_name in POST body")
    if ":" in given[-1] or _ILLEGAL.search(given[-1]):
        raise Refused(400, f"Bad Request, illegal characters in name {given[-1]}")
    return tuple(given)


def read_uuid(text: Any) -> str:
    if not isinstance(text, str) or not _UUID.fullmatch(text):
        raise Refused(400, f"Invalid UUID format: {text}")
    return text


def check_values(body: Mapping[str, Any]) -> None:
    for name, value in body.items():
        if value is not None and name in FIELDS and not FIELDS[name](value):
            raise Refused(400, f"Bad Request, validation failed for {name}: {value}")


def own_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Properties alone: no name, no place, no reference, nothing that is derived."""
    return {
        name: value
        for name, value in body.items()
        if name not in COMMON and not name.endswith("_refs") and name not in ("id_perms", "perms2")
    }


def read_refs(objects: Objects, type: str, body: Mapping[str, Any]) -> dict[str, dict[Pair, Any]]:
    """The lists of references in a document, by field; each may name its target by uuid or by name."""
    found: dict[str, dict[Pair, Any]] = {}
    for name, rows in body.items():
        if not name.endswith("_refs") or name.endswith("_back_refs"):
            continue
        kind = name.removesuffix("_refs").replace("_", "-")
        if kind not in KINDS[type].refs or not isinstance(rows or [], list):
            raise Refused(400, f"Bad Request, {type} has no {name}")
        found[name] = {(kind, _target(objects, kind, row)): row.get("attr") for row in rows or []}
    return found


def _target(objects: Objects, kind: str, row: Any) -> str:
    there = None
    if isinstance(row, dict):
        there = objects.of(kind, str(row.get("uuid") or "")) or objects.named(kind, row.get("to") or ())
    if there is None:
        raise Refused(400, f"Unknown reference in resource create {row}.")
    return there.uuid


def id_perms(one: Standing) -> dict[str, Any]:
    number = UUID(one.uuid).int
    kept = {"enable": True, "description": None, **one.body.get("id_perms", {})}
    words = {"uuid_mslong": number >> 64, "uuid_lslong": number & (2**64 - 1)}
    times = {"created": one.created, "last_modified": one.modified}
    return {**kept, **times, "creator": None, "user_visible": True, "uuid": words, "permissions": PERMISSIONS}


def merged_perms(before: Mapping[str, Any], given: Any) -> dict[str, Any]:
    """Of id_perms only these two are taken."""
    taken = given if isinstance(given, dict) else {}
    return {**before, **{name: taken[name] for name in ("enable", "description") if name in taken}}


def show(objects: Objects, one: Standing, base: str, query: Mapping[str, str]) -> dict[str, Any]:
    """An object as a GET tells it."""
    links = "exclude_hrefs" not in query
    found: dict[str, Any] = {
        "fq_name": list(one.fq_name),
        "name": one.fq_name[-1],
        "uuid": one.uuid,
        **{name: value for name, value in one.body.items() if name != "id_perms"},
        "id_perms": id_perms(one),
        **_above(objects, one, base),
    }
    if links:
        found["href"] = href(base, one.type, one.uuid)
    for (kind, uuid), attr in one.refs.items():
        target = objects.get(uuid)
        assert target is not None
        _append(found, f"{_field(kind)}_refs", {**_pointer(target, base, links), "attr": attr})
    if "exclude_children" not in query:
        for child in objects.children(one):
            _append(found, f"{_field(child.type)}s", _pointer(child, base, links))
    if "exclude_back_refs" not in query:
        for other in objects.referrers(one):
            attr = next(attr for (_, uuid), attr in other.refs.items() if uuid == one.uuid)
            _append(found, f"{_field(other.type)}_back_refs", {**_pointer(other, base, links), "attr": attr})
    chosen = query.get("fields")
    if chosen:
        keep = {*chosen.split(","), "fq_name", "uuid", "href", "parent_type", "parent_uuid", "parent_href"}
        found = {name: value for name, value in found.items() if name in keep}
    return found


def brief(objects: Objects, one: Standing, base: str) -> dict[str, Any]:
    """What the answer to a create tells."""
    named = {"name": one.fq_name[-1], "fq_name": list(one.fq_name), "uuid": one.uuid}
    above = {key: value for key, value in _above(objects, one, base).items() if key != "parent_type"}
    return {**named, "href": href(base, one.type, one.uuid), **above}


def _above(objects: Objects, one: Standing, base: str) -> dict[str, str]:
    parent = objects.get(one.parent)
    if parent is None:
        return {}
    at = href(base, parent.type, parent.uuid)
    return {"parent_type": parent.type, "parent_uuid": parent.uuid, "parent_href": at}


def href(base: str, type: str, uuid: str) -> str:
    return f"{base}/{type}/{uuid}"


def hrefs(base: str, those: Iterable[Standing]) -> str:
    return listed(href(base, one.type, one.uuid) for one in those)


def _pointer(one: Standing, base: str, links: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"to": list(one.fq_name), "uuid": one.uuid}
    return {**found, "href": href(base, one.type, one.uuid)} if links else found


def _field(type: str) -> str:
    return type.replace("-", "_")


def _append(found: dict[str, Any], name: str, row: dict[str, Any]) -> None:
    found.setdefault(name, []).append(row)
