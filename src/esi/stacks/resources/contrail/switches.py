"""Access switches as Contrail sees them: routers, their ports, and what hangs on a port with a VLAN.

A port and what hangs on it are named under the ones above them, so those are asked for their names first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from esi.drivers.contrail import Contrail, Name
from esi.errors import NotFound, TemplateError
from esi.stacks import Context, Live, Property, Props
from esi.stacks.resources.contrail.making import SYSTEM, drop, settle

ROUTER, PORT, LOGICAL = "physical-router", "physical-interface", "logical-interface"


class PhysicalRouter:
    """A switch that is made known to Contrail. Attributes: name, fq_name (a list)."""

    type: ClassVar[str] = "OS::Contrail::PhysicalRouter"
    attributes: ClassVar[tuple[str, ...]] = ()
    properties: ClassVar[Mapping[str, Property]] = {
        "name": Property("string", required=True),
        "virtual_routers": Property("list", required=True),
        "management_ip": Property("string", required=True),
        "dataplane_ip": Property("string", required=True),
        "vendor": Property("string", default="Juniper"),
        "product_name": Property("string", default=""),
        "vnc_managed": Property("boolean", default=False),
        "user_credentials": Property("map", default={}, secret=True),
    }

    def __init__(self, contrail: Contrail) -> None:
        self._contrail = contrail

    def check(self, props: Props) -> None:
        if not props["virtual_routers"]:
            raise TemplateError("virtual_routers", "needs the names of the switch's agents")

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset({f"{ROUTER}\n{props['name']}\n"})

    async def create(self, ctx: Context, props: Props) -> Live:
        given = props["user_credentials"]
        fields = {
            "parent_type": "global-system-config",
            "virtual_router_refs": [{"to": [SYSTEM, str(name)]} for name in props["virtual_routers"]],
            "physical_router_management_ip": props["management_ip"],
            "physical_router_dataplane_ip": props["dataplane_ip"],
            "physical_router_vendor_name": props["vendor"],
            "physical_router_product_name": props["product_name"],
            "physical_router_vnc_managed": props["vnc_managed"],
            "physical_router_user_credentials": {name: given.get(name, "") for name in ("username", "password")},
        }
        made = await settle(self._contrail, ctx, ROUTER, (SYSTEM, props["name"]), fields)
        return _live(made.uuid, props, made.fq_name)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        for old in (live.props, *live.attempted):
            if old["name"] != new["name"]:
                await drop(self._contrail, ctx, ROUTER, (SYSTEM, old["name"]))
        return await self.create(ctx, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        for props in (live.props, *live.attempted):
            await drop(self._contrail, ctx, ROUTER, (SYSTEM, props["name"]))


class PhysicalInterface:
    """A port of a switch. Attributes: name, fq_name (a list)."""

    type: ClassVar[str] = "OS::Contrail::PhysicalInterface"
    attributes: ClassVar[tuple[str, ...]] = ()
    properties: ClassVar[Mapping[str, Property]] = {
        "name": Property("string", required=True),
        "physical_router": Property("string", required=True),
    }

    def __init__(self, contrail: Contrail) -> None:
        self._contrail = contrail

    def check(self, props: Props) -> None:
        return None

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset({f"{PORT}\n{props['physical_router']}\n{props['name']}\n"})

    async def create(self, ctx: Context, props: Props) -> Live:
        above = await self._contrail.read(ROUTER, props["physical_router"])
        fields = {"parent_type": ROUTER, "display_name": props["name"]}
        made = await settle(self._contrail, ctx, PORT, (*above.fq_name, props["name"]), fields)
        return _live(made.uuid, props, made.fq_name)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        """Either property says which port it is, so a change means another one."""
        await self.delete(ctx, live)
        return await self.create(ctx, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        for props in (live.props, *live.attempted):
            await _drop_under(self._contrail, ctx, (ROUTER, props["physical_router"]), (PORT, props["name"]))


class LogicalInterface:
    """A VLAN on a port of a switch, and the interfaces that are reached by it. Attributes: name, fq_name (a list)."""

    type: ClassVar[str] = "OS::Contrail::LogicalInterface"
    attributes: ClassVar[tuple[str, ...]] = ()
    properties: ClassVar[Mapping[str, Property]] = {
        "name": Property("string", required=True),
        "physical_interface": Property("string", required=True),
        "virtual_machine_interfaces": Property("list", default=[]),
        "type": Property("string", default="L2", values=("L2", "L3", "l2", "l3")),
        "vlan": Property("integer", default=0),
    }

    def __init__(self, contrail: Contrail) -> None:
        self._contrail = contrail

    def check(self, props: Props) -> None:
        return None

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset({f"{LOGICAL}\n{props['physical_interface']}\n{props['vlan']}\n"})

    async def create(self, ctx: Context, props: Props) -> Live:
        above = await self._contrail.read(PORT, props["physical_interface"])
        fields = {
            "parent_type": PORT,
            "display_name": props["name"],
            **_tagged(props),
            "virtual_machine_interface_refs": [{"uuid": str(uuid)} for uuid in props["virtual_machine_interfaces"]],
        }
        made = await settle(self._contrail, ctx, LOGICAL, (*above.fq_name, props["name"]), fields)
        return _live(made.uuid, props, made.fq_name)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        """Its interfaces change in place; VLAN, name, type and port only by making it anew."""
        for old in (live.props, *live.attempted):
            if any(old[name] != new[name] for name in ("name", "physical_interface")):
                await self._drop(ctx, old)
            elif _tagged(old) != _tagged(new):
                await self._drop(ctx, old, unless=_tagged(new))
        return await self.create(ctx, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        for props in (live.props, *live.attempted):
            await self._drop(ctx, props)

    async def _drop(self, ctx: Context, props: Props, unless: Props | None = None) -> None:
        above = (PORT, props["physical_interface"])
        await _drop_under(self._contrail, ctx, above, (LOGICAL, props["name"]), unless)


class ExistingResource:
    """What somebody else has made in Contrail: looked up, never changed. Attributes: name, fq_name (a list)."""

    type: ClassVar[str] = "OS::Contrail::ExistingResource"
    attributes: ClassVar[tuple[str, ...]] = ("name", "fq_name")
    properties: ClassVar[Mapping[str, Property]] = {
        "resource_type": Property("string", required=True),
        "fq_name": Property("list", required=True),
    }

    def __init__(self, contrail: Contrail) -> None:
        self._contrail = contrail

    def check(self, props: Props) -> None:
        return None

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset()

    async def create(self, ctx: Context, props: Props) -> Live:
        fq_name = tuple(str(word) for word in props["fq_name"])
        return _live(await self._contrail.find(props["resource_type"].replace("_", "-"), fq_name), props, fq_name)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        return await self.create(ctx, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        return None


def _live(uuid: str, props: Props, fq_name: Name) -> Live:
    return Live(uuid, props, attributes={"name": fq_name[-1], "fq_name": list(fq_name)})


def _tagged(props: Props) -> Props:
    """What of a logical interface never changes."""
    return {"logical_interface_vlan_tag": props["vlan"], "logical_interface_type": props["type"].lower()}


async def _drop_under(
    contrail: Contrail, ctx: Context, above: tuple[str, str], what: tuple[str, str], unless: Props | None = None
) -> None:
    """Delete what stands under the object (type, uuid) by (type, name); without the one above it is gone already."""
    try:
        parent = await contrail.read(*above)
    except NotFound:
        return
    await drop(contrail, ctx, what[0], (*parent.fq_name, what[1]), unless=unless)
