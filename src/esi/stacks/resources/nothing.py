"""ESI::None: a resource that does nothing outside. It passes its `value` on, for tests, benchmarks and glue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5

from esi.stacks import Context, Live, Property, Props


class Nothing:
    """Attributes: `value`, as given."""

    type: ClassVar[str] = "ESI::None"
    attributes: ClassVar[tuple[str, ...]] = ("value",)
    properties: ClassVar[Mapping[str, Property]] = {"value": Property("json")}

    def check(self, props: Props) -> None:
        return None

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset()

    async def create(self, ctx: Context, props: Props) -> Live:
        return _live(str(uuid5(NAMESPACE_URL, f"{ctx.stack}/{ctx.resource}")), props)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        return _live(live.physical_id, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        return None


def _live(physical_id: str, props: Props) -> Live:
    attributes: dict[str, Any] = {"value": props.get("value")}
    return Live(physical_id, props, attributes=attributes)
