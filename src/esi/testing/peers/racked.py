"""A compute driver of Nova's for tests: Nova's own fake one, whose servers with an appliance's image are appliances of
the lab. It tells the lab's control door, as a hypervisor would do what Nova says.

The door's socket is named by RACK_SOCKET. `nova-compute` finds it as `nova.virt.racked`.
"""

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

from nova.virt import fake

APPLIANCE = "NSVPX"
"""How the names of an appliance's images begin."""


class RackDriver(fake.FakeDriver):  # type: ignore[misc]  # Nova has no types
    """Ports are named in the order in which they were plugged, as a guest does."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._racked: dict[str, list[dict[str, Any]]] = {}

    def spawn(self, context: Any, instance: Any, image_meta: Any, *more: Any, **words: Any) -> None:
        super().spawn(context, instance, image_meta, *more, **words)
        vifs = words.get("network_info") or (more[3] if len(more) > 3 else None) or ()
        if str(image_meta.name).startswith(APPLIANCE):
            self._racked[instance.uuid] = list(vifs)
            self._tell("boot", instance)

    def power_on(self, context: Any, instance: Any, network_info: Any, *more: Any, **words: Any) -> None:
        super().power_on(context, instance, network_info, *more, **words)
        self._tell("boot", instance)

    def power_off(self, instance: Any, *more: Any, **words: Any) -> None:
        super().power_off(instance, *more, **words)
        self._tell("power-off", instance)

    def reboot(self, context: Any, instance: Any, network_info: Any, *more: Any, **words: Any) -> None:
        self._tell("power-off", instance)
        super().reboot(context, instance, network_info, *more, **words)

    def attach_interface(self, context: Any, instance: Any, image_meta: Any, vif: Any) -> None:
        super().attach_interface(context, instance, image_meta, vif)
        if instance.uuid in self._racked:
            self._racked[instance.uuid].append(vif)

    def detach_interface(self, context: Any, instance: Any, vif: Any) -> None:
        super().detach_interface(context, instance, vif)
        racked = self._racked.get(instance.uuid, [])
        racked[:] = [one for one in racked if one["id"] != vif["id"]]

    def destroy(self, context: Any, instance: Any, *more: Any, **words: Any) -> None:
        super().destroy(context, instance, *more, **words)
        self._tell("gone", instance)
        self._racked.pop(instance.uuid, None)

    def _tell(self, what: str, instance: Any) -> None:
        vifs: Sequence[dict[str, Any]] = self._racked.get(instance.uuid, ())
        if not vifs:
            return
        ports = ["0/1", *(f"1/{number}" for number in range(1, len(vifs)))]
        address = vifs[0]["network"]["subnets"][0]["ips"][0]["address"]
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(os.environ["RACK_SOCKET"])  # noqa: TID251 - a program of the tests
            door.sendall(json.dumps({"do": what, "ip": address, "ports": ports}).encode() + b"\n")
            answer = json.loads(door.makefile().readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
