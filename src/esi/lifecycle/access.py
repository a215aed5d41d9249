"""What a caller may do to a row: policy, the owner's rule, and what is shown of it.

A row that a caller may not even read does not exist for it (NotFound); one that it may read but not touch is Forbidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from esi.errors import Forbidden, NotFound, RequestError, Unauthenticated
from esi.identity import NOBODY_ROLE, Identity
from esi.lifecycle.request import World
from esi.model.resource import Body, Resource
from esi.model.status import HELD, MONITORING_UNAVAILABLE, PENDING
from esi.schema import Access, Schema

REASON = "status_reason"
"""The extra key of shown bodies that says why a resource is in ERROR, or not seen working."""


def owns(identity: Identity, schema: Schema, body: Mapping[str, Any]) -> bool:
    """Whether the row is the caller's own: administrators own everything, callers without a tenant nothing."""
    if identity.is_admin or not schema.tenant_owned:
        return True
    return bool(identity.tenant) and body.get("tenant_id") == identity.tenant


def allowed(world: World, identity: Identity, action: str, schema: Schema, *, item: bool) -> Access:
    """The caller's access; Forbidden (Unauthenticated for nobody) when there is none."""
    access = world.catalogue.policies.access(identity.roles, action, schema, item=item)
    if not access:
        raise refusal(identity, action, schema)
    return access


def refusal(identity: Identity, action: str, schema: Schema) -> RequestError:
    if identity.roles == (NOBODY_ROLE,):
        return Unauthenticated("a token is needed: send it as X-Auth-Token")
    return Forbidden(f"no policy lets you {action} {schema.plural}", action=action, schema=schema.id)


def can(world: World, identity: Identity, action: str, schema: Schema, body: Mapping[str, Any]) -> Access | None:
    """The access to one row, or None."""
    access = world.catalogue.policies.access(identity.roles, action, schema, item=True)
    if not access or (access.owner_only and not owns(identity, schema, body)):
        return None
    return access


def check_row(world: World, identity: Identity, action: str, schema: Schema, row: Resource) -> Access:
    """The access to one row; Forbidden when it may be read only, NotFound when not even that. Who has no access at
    all is refused before (`allowed`), so that the answers do not tell which ids exist.
    """
    access = can(world, identity, action, schema, row.body)
    if access is not None:
        return access
    if can(world, identity, "read", schema, row.body) is not None:
        raise Forbidden(f"no policy lets you {action} this {schema.id}", action=action, schema=schema.id, id=row.id)
    raise NotFound(f"{schema.id} {row.id} is not there", schema=schema.id, id=row.id)


def check_names(access: Access, names: Iterable[str], *, own: bool) -> None:
    """Forbidden when something is sent that the policy keeps from this caller."""
    permitted = access.properties(own=own)
    if permitted is None:
        return
    refused = sorted(set(names) - permitted)
    if refused:
        raise Forbidden(f"no policy lets you send {', '.join(refused)}", properties=refused)


def seen(identity: Identity, schema: Schema, access: Access, *, own: bool) -> frozenset[str] | None:
    """Names of properties that the caller sees in a row; None means every one."""
    permitted = access.properties(own=own)
    withheld = schema.hidden if identity.is_admin else schema.secrets | schema.hidden
    if not withheld:
        return permitted
    names = frozenset(schema.properties) if permitted is None else permitted
    return names - withheld


def view(world: World, identity: Identity, row: Resource, access: Access | None = None) -> Body:
    """What the caller is shown of a row, under `access` or else what policy says of reading it; empty when
    unreadable.
    """
    schema = world.catalogue[row.schema]
    access = access or can(world, identity, "read", schema, row.body)
    if access is None:
        return {}
    names = seen(identity, schema, access, own=owns(identity, schema, row.body))
    shown = dict(row.body) if names is None else {name: value for name, value in row.body.items() if name in names}
    if schema.secrets and not identity.is_admin:
        for path in schema.secrets:
            _without(shown, path.split("."))
    reason = row.state_error
    if not reason and row.body.get("status") == MONITORING_UNAVAILABLE:
        reason = row.state_monitoring.get("reason", "")
    held = row.state_monitoring.get(HELD)
    if held and row.body.get("status") in PENDING and held["version"] > row.state_version:
        reason = held["words"] or reason
    if reason:
        shown[REASON] = reason
    return shown


def _without(body: Body, steps: list[str]) -> None:
    """Take a nested secret out of a shown body; objects on the way are copied, the row stays whole."""
    name, rest = steps[0], steps[1:]
    if not rest:
        body.pop(name, None)
        return
    value = body.get(name)
    if isinstance(value, dict):
        body[name] = inner = dict(value)
        _without(inner, rest)
    elif isinstance(value, list):
        body[name] = copies = [dict(item) if isinstance(item, dict) else item for item in value]
        for item in copies:
            if isinstance(item, dict):
                _without(item, rest)
