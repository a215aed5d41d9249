"""OS::Contrail::NetconfNamedConfigs: named pieces of configuration on one device (services.md C.1 to C.3).

What is recorded as calls to a router is one intent here; the room `devices` turns intents into commits.

    create   merge of every config
    update   on_update delete-and-create (the default): paths that are no longer wanted are removed, those that stay are
             replaced, new ones merged, in one intent; merge and replace: that operation for every config
    delete   the last element of every path is removed, in reverse order; absent is success
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar
from uuid import NAMESPACE_URL, uuid5

from esi.drivers import Address, Edit, Intent, Operation, Path
from esi.errors import Rejected, TemplateError, Unsupported
from esi.stacks import Context, Live, Property, Props, Replace
from esi.stacks.resources.configs import decode_path, encode_path, read_configs, removals

TYPE = "OS::Contrail::NetconfNamedConfigs"
ON_UPDATE = ("merge", "override", "replace", "update", "delete-and-create")


class NetconfNamedConfigs:
    """No attributes. `data.paths` are paths that earlier versions wrote and a merge has left on the device."""

    type: ClassVar[str] = TYPE
    attributes: ClassVar[tuple[str, ...]] = ()
    properties: ClassVar[Mapping[str, Property]] = {
        "device_ip": Property("string", required=True),
        "port": Property("integer", default=22),
        "username": Property("string", default=""),
        "password": Property("string", default="", secret=True),
        "configs": Property("list", default=[], marked=True),
        "on_update": Property("string", default="delete-and-create", values=ON_UPDATE),
        "lock_timeout": Property("number", default=120),
    }

    def check(self, props: Props) -> None:
        _edits(props)

    def claims(self, props: Props) -> frozenset[str]:
        paths = _paths(Live("", props))
        return frozenset("\n".join((props["device_ip"], *Edit(path).place(), "")) for path in paths)

    async def create(self, ctx: Context, props: Props) -> Live:
        await _submit(ctx, props, _edits(props))
        return Live(str(uuid5(NAMESPACE_URL, f"{ctx.stack}/{ctx.resource}")), props)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        if new["device_ip"] != live.props["device_ip"]:
            raise Replace
        edits = _edits(new)
        old = _paths(live)
        places = {edit.place() for edit in edits}
        gone = [path for path in old if Edit(path).place() not in places]
        if new["configs"] == live.props["configs"] and not live.attempted:
            return Live(live.physical_id, new, live.data)
        if new["on_update"] == "delete-and-create":
            known = {Edit(path).place() for path in old}
            again = (replace(edit, operation="replace") if edit.place() in known else edit for edit in edits)
            await _submit(ctx, new, (*removals(gone), *again))
            return Live(live.physical_id, new)
        operation: Operation = "replace" if new["on_update"] == "replace" else "merge"
        await _submit(ctx, new, tuple(replace(edit, operation=operation) for edit in edits))
        return Live(live.physical_id, new, {"paths": [encode_path(path) for path in gone]} if gone else {})

    async def delete(self, ctx: Context, live: Live) -> None:
        first = live.props["device_ip"]
        others = {props["device_ip"]: props for props in live.attempted if props["device_ip"] != first}
        await _remove(ctx, live.props, _paths(live), suffix="/delete")
        for ip, props in others.items():
            tried = Live("", props, attempted=live.attempted)
            await _remove(ctx, props, _paths(tried), suffix=f"/delete/{ip}")


def _edits(props: Props) -> tuple[Edit, ...]:
    """What the properties say as merges. Raises TemplateError or Unsupported."""
    if props["on_update"] in ("override", "update"):
        raise Unsupported(f"on_update {props['on_update']} is not supported: it would touch what others configured")
    return read_configs(props["configs"])


def _paths(live: Live) -> list[Path]:
    """Every path on the device that this resource may have written, oldest first; what no check passes never was."""
    paths = [decode_path(raw) for raw in live.data.get("paths", ())]
    for props in (live.props, *live.attempted):
        if props["device_ip"] == live.props["device_ip"]:
            try:
                paths += [edit.path for edit in read_configs(props["configs"])]
            except (TemplateError, Unsupported):
                continue
    return paths


async def _remove(ctx: Context, props: Props, paths: list[Path], *, suffix: str) -> None:
    """Remove `paths`. A name that the device does not even load, because nothing there can be called so, never stood
    there: its paths are left out, so that what no device would take can be deleted.
    """
    while True:
        try:
            await _submit(ctx, props, removals(paths), suffix=suffix)
        except Rejected as error:
            named = str(error.details.get("bad_element", "")).strip("'\"")
            possible = [path for path in paths if all(step.name != named for step in path)]
            if error.details.get("stage") != "load" or not named or len(possible) == len(paths):
                raise
            paths, suffix = possible, f"{suffix}/-"
        else:
            return


async def _submit(ctx: Context, props: Props, edits: tuple[Edit, ...], *, suffix: str = "") -> None:
    if not edits:
        return
    address = Address(props["device_ip"], props["port"], props["username"], props["password"])
    await ctx.devices.submit(
        Intent(
            id=f"{ctx.operation}/{ctx.resource}{suffix}",
            address=address,
            edits=edits,
            ref=ctx.ref,
            tenant=ctx.tenant,
            lock_timeout=float(props["lock_timeout"]),
            fence=ctx.fence,
            held=ctx.held,
        )
    )
