"""The room: Neutron's API on an address of its own, over the lifecycle of the API in the same process."""

from __future__ import annotations

from esi.identity import Authenticator
from esi.lifecycle import Lifecycle
from esi.neutron.rest import RestDoor
from esi.runtime.door import HttpDoor
from esi.telemetry import Recorder


class NeutronRoom(HttpDoor):
    """`public_url`: how others reach it, if not by host and port."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        authenticator: Authenticator,
        *,
        recorder: Recorder | None = None,
        address: tuple[str, int] = ("127.0.0.1", 9998),
        public_url: str = "",
    ) -> None:
        self._public_url = public_url.rstrip("/")
        door = RestDoor(lifecycle, authenticator, recorder=recorder, url=public_url)
        super().__init__("neutron", door.app, host=address[0], port=address[1])

    @property
    def url(self) -> str:
        return self._public_url or super().url
