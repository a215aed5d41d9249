"""ESI::Monitoring::MonitoringTarget: something that the collector agent shall watch (services.md C.7, pipeline.md 5.8).

Any change of properties is a new target: the old one is deleted, then the new one made. The key under which a target
is asked for comes from its stack, its name and its properties alone, so that a repeated request, also after a kill,
means the same target.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5

import orjson

from esi.stacks import Context, Live, Property, Props

TYPE = "ESI::Monitoring::MonitoringTarget"


class MonitoringTarget:
    """Attributes: `link`. The id is the target's."""

    type: ClassVar[str] = TYPE
    attributes: ClassVar[tuple[str, ...]] = ("link",)
    properties: ClassVar[Mapping[str, Property]] = {
        "type": Property("string", required=True),
        "resource_type": Property("string", required=True),
        "resource_id": Property("string", required=True),
        "tenant_id": Property("string", required=True),
        "version": Property("integer", required=True),
        "field_name": Property("string", required=True),
        "properties": Property("map", default={}),
        "syncer_properties": Property("json", default={}),
    }

    def check(self, props: Props) -> None:
        return None

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset()

    async def create(self, ctx: Context, props: Props) -> Live:
        made = await ctx.targets.create(props, key=_key(ctx, props))
        link = str(made["link"])
        return Live(str(made["id"]), props, attributes={"link": link})

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        for old in (live.props, *live.attempted):
            if old != live.props:
                await self._drop(ctx, Live("", old))
        await self._drop(ctx, live)
        return await self.create(ctx, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        for attempted in live.attempted:
            await self._drop(ctx, Live("", attempted))
        await self._drop(ctx, live)

    async def _drop(self, ctx: Context, live: Live) -> None:
        """Delete a target; of one whose create was cut off, the same key tells the id."""
        id_ = live.physical_id
        if not id_:
            id_ = str((await ctx.targets.create(live.props, key=_key(ctx, live.props)))["id"])
        await ctx.targets.delete(id_)


def _key(ctx: Context, props: Props) -> str:
    content = orjson.dumps(props, option=orjson.OPT_SORT_KEYS).decode()
    return str(uuid5(NAMESPACE_URL, f"{ctx.stack}/{ctx.resource}/{content}"))


class NullTargets:
    """Targets without a collector: ids come from the keys, nothing is watched."""

    async def create(self, target: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        id_ = str(uuid5(NAMESPACE_URL, key))
        return {**target, "id": id_, "link": f"null:{id_}"}

    async def delete(self, id: str) -> None:
        return None
