"""Effects of the kind `server_event`: Nova hears what has become of a server's port.

{"name": "network-vif-plugged", "server_uuid": …, "tag": <port id>}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from esi.drivers.compute import Clouds, Event
from esi.errors import Rejected
from esi.telemetry import Named

KIND = "server_event"


class ServerEvents:
    """Tells Nova, as our own service user: only an administrator's word counts."""

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    async def __call__(self, body: Mapping[str, Any], ref: Named) -> None:
        event: Event | None = next((name for name in get_args(Event) if name == body.get("name")), None)
        if event is None:
            raise Rejected("nova", f"there is no event {body.get('name')!r}")
        await self._clouds.of("", ref).tell(event, str(body.get("server_uuid")), str(body.get("tag")))
