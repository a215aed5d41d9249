"""The lab's clouds without a ring: a Nova whose Neutron is some rows in memory; a process of its own.

    python -m benchmarks.clouds FOLDER

Nothing takes time to boot. It says where everything is: URLs of contrail, nova and glance; a file that maps an
appliance's management address to its NITRO root; ids of an image and of the two networks. The id of a port tells its
address: a port is there as soon as somebody asks for it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from esi.bootstrap.racks import Racks
from esi.cli.demo.balancer import ADMIN, DUMMY, IMAGE, TENANT
from esi.clock import SystemClock
from esi.identity import Identity
from esi.lab.contrail import LabContrail
from esi.lab.glance import Glance
from esi.lab.netscaler import Appliances, Reached
from esi.lab.nova import Nova, Pace, World
from esi.lab.web import Core, serve_web
from esi.tasks import Tasks

NETWORKS = {"management": (ADMIN, "100.64.193.0"), "dummy": (DUMMY, "10.121.232.0")}
HOME = ("default-domain", "default-project")
EVERYBODY = Identity("bench", TENANT, ("admin",), is_admin=True)


class Ports:
    """What the lab's Nova asks of Neutron: ports by an id that tells their address."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        parts = urlsplit(path)
        collection, _, id_ = parts.path.removeprefix("/v2.0/").removesuffix(".json").partition("/")
        if collection == "ports" and id_:
            row = self._row(id_)
            if method == "PUT":
                row |= body["port"]
            return 200, {"port": dict(row)}
        if collection == "ports":
            asked = parse_qs(parts.query)
            found = [row for row in self._rows.values() if all(row.get(key) in asked[key] for key in asked)]
            return 200, {"ports": [dict(row) for row in found]}
        return 200, {"network": {"name": id_}} if id_ else {collection: []}

    def _row(self, id_: str) -> dict[str, Any]:
        address = str(ipaddress.IPv4Address(UUID(id_).int))
        network = ADMIN if address.startswith("100.") else DUMMY
        new = {"id": id_, "network_id": network, "tenant_id": TENANT, "device_id": "", "device_owner": ""}
        fixed = [{"subnet_id": network, "ip_address": address}]
        return self._rows.setdefault(id_, {**new, "fixed_ips": fixed, "mac_address": "", "security_groups": []})


def furnish(contrail: LabContrail) -> None:
    """The two networks, each with its subnet."""
    for name, (uuid, prefix) in NETWORKS.items():
        subnet = {"subnet": {"ip_prefix": prefix, "ip_prefix_len": 24}, "subnet_uuid": uuid, "addr_from_start": True}
        ipam = {"to": [*HOME, "default-network-ipam"], "attr": {"ipam_subnets": [subnet]}}
        contrail.config.put("virtual-network", (*HOME, name), uuid=uuid, network_ipam_refs=[ipam])


async def everybody(token: str) -> Identity:
    return EVERYBODY


async def main(folder: Path) -> None:
    clock, glance, contrail = SystemClock(), Glance(), LabContrail(SystemClock(), Random())
    furnish(contrail)
    file = folder / "appliances.json"

    def write(there: Mapping[str, Reached]) -> None:
        file.write_text(json.dumps({ip: f"{one.url}/nitro/v1/config" for ip, one in there.items()}))

    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(Tasks("clouds"))
        appliances = await stack.enter_async_context(Appliances(clock))
        appliances.watchers.append(write)
        pace = Pace(build=0.0, action=0.0)
        nova = Nova(World(clock, tasks, Ports(), glance.name_of, Racks(appliances, 0.0), pace))
        faces: dict[str, Core] = {"contrail": contrail.api, "nova": nova, "glance": glance}
        found: dict[str, str] = {
            name: await stack.enter_async_context(serve_web(face, name, ("127.0.0.1", 0), clock, tasks, everybody))
            for name, face in faces.items()
        }
        found |= {"appliances": str(file), "image": str(uuid5(NAMESPACE_URL, f"image {IMAGE}"))}
        found |= {name: uuid for name, (uuid, _) in NETWORKS.items()}
        print(json.dumps(found), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
