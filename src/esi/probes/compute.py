"""Whether a server runs, as Nova says: UP when its status is ACTIVE."""

from __future__ import annotations

from typing import ClassVar

from esi.drivers.compute import ACTIVE, Clouds
from esi.errors import NotFound, Unsupported
from esi.model.target import FAIL, UP, Observation, Target


class ComputeServer:
    """Type compute: {server_id}; asked as the tenant that the target names."""

    type: ClassVar[str] = "compute"

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    async def ask(self, target: Target) -> Observation:
        id_ = target.properties.get("server_id")
        if not isinstance(id_, str) or not id_:
            raise Unsupported("the target names no server_id")
        try:
            server = await self._clouds.of(target.tenant_id).get(id_)
        except NotFound:
            return Observation({"status": FAIL}, f"Nova has no server {id_}")
        if server.status == ACTIVE:
            return Observation({"status": UP})
        why = f": {server.fault}" if server.fault else ""
        return Observation({"status": FAIL}, f"server {id_} is {server.status or 'without a status'}{why}")

    async def close(self) -> None:
        return None
