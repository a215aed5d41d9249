"""Objects made once, however often they are asked for.

Each carries the name of its stack in its description. Under a name that is taken there is either what an earlier try of
ours has made, which is put right, or somebody else's object, which is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from esi.drivers.contrail import ConfigObject, Contrail
from esi.errors import Conflict, NotFound, TemplateError
from esi.stacks import Context

SYSTEM = "default-global-system-config"
PERMIT_ANY = ("default-domain", "default-project", "permit-any")

_FIXED = frozenset({"uuid", "parent_type"})


def project_id(tenant: str) -> str:
    """A tenant as Contrail writes a project's id, with hyphens."""
    try:
        return str(UUID(hex=tenant))
    except ValueError as error:
        raise TemplateError("tenant", f"{tenant!r} is no id of a project") from error


async def settle(
    contrail: Contrail, ctx: Context, type: str, fq_name: Sequence[str], fields: Mapping[str, Any]
) -> ConfigObject:
    """The object of this name with these fields, made or put right. Conflict when it is somebody else's."""
    perms = {"enable": True, **fields.get("id_perms", {}), "description": mark(ctx)}
    wanted = {**fields, "id_perms": perms}
    made = await contrail.create(type, fq_name, wanted)
    if not ours(ctx, made):
        raise Conflict(f"Contrail has a {type} {':'.join(fq_name)} already, which this stack has not made")
    change = {key: value for key, value in wanted.items() if key not in _FIXED and not alike(made.body.get(key), value)}
    if change:
        await contrail.update(type, made.uuid, change)
    return made


async def drop(
    contrail: Contrail, ctx: Context, type: str, fq_name: Sequence[str], *, unless: Mapping[str, Any] | None = None
) -> None:
    """Delete what has this name, if this stack has made it; absent is success. `unless` it has these fields."""
    try:
        found = await contrail.read(type, await contrail.find(type, fq_name))
    except NotFound:
        return
    if ours(ctx, found) and (unless is None or not alike(found.body, unless)):
        await contrail.delete(type, found.uuid)


def mark(ctx: Context) -> str:
    return f"esi {ctx.stack}"


def ours(ctx: Context, found: ConfigObject) -> bool:
    return (found.body.get("id_perms") or {}).get("description") == mark(ctx)


def alike(standing: Any, wanted: Any) -> bool:
    """Whether all that is wanted stands; what Contrail adds of its own does not count, nothing is as good as empty."""
    if isinstance(wanted, Mapping):
        there = standing if isinstance(standing, Mapping) else {}
        return all(alike(there.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list) and wanted:
        there_too = isinstance(standing, list) and len(standing) == len(wanted)
        return there_too and all(map(alike, standing, wanted))
    return bool(standing == wanted) or (not standing and not wanted)
