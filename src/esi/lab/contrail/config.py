"""The config API (8082): objects made, shown, changed, referred and deleted, with every check in Contrail's order.

create    legal name → values and shape of references → name free (409) → parent type → uuid legal and free (409)
          → parent there (400) → references there (400) → rules of the type → kept
delete    there (404) → no children (409) → nothing refers to it (409)
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from esi.clock import Clock
from esi.lab.contrail.bodies import (
    brief,
    check_values,
    hrefs,
    merged_perms,
    own_fields,
    read_name,
    read_refs,
    read_uuid,
    show,
)
from esi.lab.contrail.kinds import KINDS
from esi.lab.contrail.objects import Name, Objects, Pair, Refused, Standing, listed
from esi.lab.contrail.rules import CHANGED, NEW

DOMAIN = "default-domain"
SYSTEM = "default-global-system-config"
HOME = (DOMAIN, "default-project")

TenantName = Callable[[str], str | None]
"""The name behind a tenant's id (32 hexadecimal digits); None: Keystone knows no such tenant."""


class Config:
    """The objects and what may be done to them. Refused says no in Contrail's words."""

    def __init__(self, clock: Clock, rng: Random, tenant_name: TenantName = str) -> None:
        self.objects = Objects()
        self._clock = clock
        self._rng = rng
        self._tenant_name = tenant_name
        for type, *fq_name in BUILT_IN:
            self.put(type, tuple(fq_name))

    def snapshot(self) -> bytes:
        """All that stands, for `restore`."""
        return pickle.dumps(self.objects)

    def restore(self, snapshot: bytes) -> None:
        self.objects = pickle.loads(snapshot)

    def put(self, type: str, fq_name: Name, **fields: Any) -> Standing:
        """An object that stands before anybody asks: its parent is found by name."""
        parents = KINDS[type].parents
        above = {"parent_type": parents[0]} if parents else {}
        uuid = self.create(type, {"fq_name": list(fq_name), **above, **fields}, "")["uuid"]
        made = self.objects.get(uuid)
        assert made is not None
        return made

    def create(self, type: str, body: Mapping[str, Any], base: str) -> dict[str, Any]:
        fq_name = read_name(body)
        check_values(body)
        there = self.objects.named(type, fq_name)
        if there is not None:
            raise Refused(409, f"{listed(fq_name)} already exists with uuid: {there.uuid}")
        parent_type = self._parent_type(type, body)
        uuid = read_uuid(body["uuid"]) if body.get("uuid") else self._new_uuid()
        other = self.objects.get(uuid)
        if other is not None:
            raise Refused(409, f"{uuid} already exists with fq_name: {listed(other.fq_name)}")
        parent = self.objects.named(parent_type, fq_name[:-1]) if parent_type else None
        if parent_type and parent is None:
            raise Refused(400, f"Parent {listed(fq_name[:-1])} type {parent_type} does not exist")
        refs = {pair: attr for rows in read_refs(self.objects, type, body).values() for pair, attr in rows.items()}
        now = self._now()
        above = parent.uuid if parent is not None else ""
        one = Standing(type, uuid, fq_name, above, own_fields(body), refs, now, now)
        one.body["display_name"] = one.body.get("display_name") or fq_name[-1]
        one.body["id_perms"] = merged_perms({}, body.get("id_perms"))
        if type in NEW:
            NEW[type](self.objects, one)
        self.objects.add(one)
        self._made(one)
        return brief(self.objects, one, base)

    def _parent_type(self, type: str, body: Mapping[str, Any]) -> str:
        parents, given = KINDS[type].parents, body.get("parent_type")
        if given is not None and given not in parents:
            raise Refused(400, f"Bad Request, invalid parent_type {given} for {type}")
        if given is None and len(parents) > 1:
            raise Refused(400, f"Ambiguous parent to choose parent_type in {list(parents)}")
        return str(given or "".join(parents))

    def _made(self, one: Standing) -> None:
        """What the server makes beside it."""
        if one.type == "virtual-network":
            self.put("routing-instance", (*one.fq_name, one.fq_name[-1]))
        elif one.type == "project":
            self.put("security-group", (*one.fq_name, "default"))
        elif one.type == "virtual-machine-interface":
            network = self.objects.get(one.ref("virtual-network"))
            assert network is not None
            for instance in self.objects.children(network):
                self.objects.refer(one, {**one.refs, (instance.type, instance.uuid): {"direction": "both"}})

    def read(self, type: str, uuid: str, base: str, query: Mapping[str, str]) -> dict[str, Any]:
        one = self.objects.of(type, uuid)
        if one is None and type == "project":
            one = self._tenant(uuid)
        if one is None:
            other = self.objects.get(uuid)
            raise Refused(404, f"No {type} object found for id {uuid}" if other else f"Unknown id: {uuid}")
        return show(self.objects, one, base, query)

    def _tenant(self, uuid: str) -> Standing | None:
        """A tenant that Keystone knows is a project here as soon as somebody asks."""
        name = self._tenant_name(read_uuid(uuid).replace("-", ""))
        return self.put("project", (DOMAIN, name), uuid=uuid) if name is not None else None

    def listed(self, type: str) -> list[Standing]:
        return [one for one in self.objects if one.type == type]

    def update(self, type: str, uuid: str, change: Mapping[str, Any]) -> None:
        one = self.objects.of(type, uuid)
        if one is None:
            raise Refused(404, f"Unknown id: {uuid}")
        check_values(change)
        refs = read_refs(self.objects, type, change)
        fields = own_fields(change)
        if type in CHANGED:
            CHANGED[type](self.objects, one, {**fields, **refs})
        kinds = {name.removesuffix("_refs").replace("_", "-") for name in refs}
        kept = {pair: attr for pair, attr in one.refs.items() if pair[0] not in kinds}
        if refs:
            self.objects.refer(one, {**kept, **{pair: attr for rows in refs.values() for pair, attr in rows.items()}})
        one.body |= fields
        one.body["id_perms"] = merged_perms(one.body["id_perms"], change.get("id_perms"))
        if change:
            one.modified = self._now()

    def refer(self, body: Mapping[str, Any]) -> str:
        """ref-update: one reference added, with its attr anew, or taken away."""
        type, uuid, kind = (str(body.get(name)) for name in ("type", "uuid", "ref-type"))
        kind, type = kind.replace("_", "-"), type.replace("_", "-")
        operation = body.get("operation")
        if type not in KINDS or kind not in KINDS[type].refs or operation not in ("ADD", "DELETE"):
            raise Refused(400, f"Bad Request, no such reference: {operation} {kind} of {type}")
        one = self.objects.of(type, uuid)
        target = self.objects.of(kind, str(body.get("ref-uuid"))) or self.objects.named(
            kind, body.get("ref-fq-name") or ()
        )
        if one is None:
            raise Refused(404, f"No {type} object found for id {uuid}")
        if target is None:
            raise Refused(404, f"No {kind} object found for id {body.get('ref-uuid')}")
        pair: Pair = (kind, target.uuid)
        refs = {known: attr for known, attr in one.refs.items() if known != pair}
        if operation == "ADD":
            refs[pair] = body.get("attr")
        if type in CHANGED:
            rows = {known: attr for known, attr in refs.items() if known[0] == kind}
            CHANGED[type](self.objects, one, {f"{kind.replace('-', '_')}_refs": rows})
        self.objects.refer(one, refs)
        one.modified = self._now()
        return uuid

    def delete(self, type: str, uuid: str, base: str) -> None:
        one = self.objects.of(type, uuid)
        if one is None:
            raise Refused(404, f"ID {uuid} does not exist")
        own = {"virtual-network": "routing-instance", "project": "security-group"}.get(type)
        mine = [child for child in self.objects.children(one) if (child.type, child.fq_name[-1]) in _mine(one, own)]
        children = [child for child in self.objects.children(one) if child not in mine]
        if children:
            raise Refused(409, f"Delete when children still present: {hrefs(base, children)}")
        referrers = self.objects.referrers(one)
        if referrers:
            raise Refused(409, f"Delete when resource still referred: {hrefs(base, referrers)}")
        for child in mine:
            self.objects.remove(child)
        self.objects.remove(one)

    def find(self, type: str, fq_name: Any) -> str:
        if type not in KINDS:
            raise Refused(404, f"Resource type '{type}' not found")
        found = self.objects.named(type, fq_name if isinstance(fq_name, list) else ())
        if found is None:
            raise Refused(404, f"Name {fq_name} not found")
        return found.uuid

    def _new_uuid(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def _mine(one: Standing, kind: str | None) -> list[tuple[str, str]]:
    """Children that the server made, which go with it."""
    return [(kind, one.fq_name[-1] if kind == "routing-instance" else "default")] if kind else []


BUILT_IN: tuple[tuple[str, ...], ...] = (
    ("domain", DOMAIN),
    ("global-system-config", SYSTEM),
    ("project", *HOME),
    ("network-ipam", *HOME, "default-network-ipam"),
    ("security-group", *HOME, "__no_rule__"),
    ("security-group", *HOME, "permit-any"),
    ("virtual-network", *HOME, "ip-fabric"),
    ("virtual-network", *HOME, "__link_local__"),
    ("virtual-network", *HOME, "default-virtual-network"),
)
"""What stands in every Contrail, and the group permit-any of the recorded one."""
