"""A lab of several router pairs, and of a customer with many sites beyond the first; a process of its own.

    python -m benchmarks.lab FOLDER PAIRS COMMIT_SECONDS [SITES]

The routers are the lab's own; the inventory of the folder says where they are, the control door counts commits.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

from benchmarks import many
from esi.bootstrap.inventory import LAB_FILE, write_inventory
from esi.bootstrap.run import settle
from esi.clock import SystemClock
from esi.drivers.endpoint import Endpoint
from esi.lab import LabDevice, Topology, day0, segments, serve
from esi.lab.control import Control, serve_control
from esi.lab.netscaler import Appliances
from esi.tasks import Tasks

PORTS = {"primary": "ge-0/0/1", "secondary": "ge-0/0/2"}
PASSWORDS = {"esi": "esiesi0000"}


def customer(sites: int) -> str:
    """ce1 with a VLAN, an address and a neighbor on both uplinks for each of the first interfaces, each an instance."""
    text = day0("ce1")
    units: dict[str, list[str]] = {port: [] for port in PORTS.values()}
    instances = []
    for number in range(sites):
        vlan, body = many.gateway(number).body["uplink_vlan_id"], many.interface(number).body
        neighbors = []
        for side, port in PORTS.items():
            address = body[side]["bgp_peer_ip"]
            units[port].append(f"unit {vlan} {{ vlan-id {vlan}; family inet {{ address {address}/30; }} }}")
            neighbors.append(f"neighbor {body[side]['bgp_router_id']} {{ authentication-key {body['bgp_md5']}; }}")
        interfaces = " ".join(f"interface {port}.{vlan};" for port in PORTS.values())
        bgp = f"group provider {{ type external; peer-as 65101; {' '.join(neighbors)} }}"
        options = f"routing-options {{ autonomous-system {body['bgp_remote_as']}; }}"
        instances.append(
            f"site-{number} {{ instance-type virtual-router; {interfaces} {options} protocols {{ bgp {{ {bgp} }} }} }}"
        )
    for port, found in units.items():
        text = re.sub(rf"({port} {{.*?vlan-tagging;\n)", rf"\1{' '.join(found)}\n", text, count=1, flags=re.DOTALL)
    return f"{text}\nrouting-instances {{ {' '.join(instances)} }}\n" if instances else text


async def main(folder: Path, pairs: int, commit_seconds: float, sites: int) -> None:
    clock = SystemClock()
    names = {
        name: ip
        for pair in range(pairs)
        for name, ip in zip((f"mx2-{pair}", f"mx1-{pair}"), many.addresses(pair), strict=True)
    }
    devices = [
        LabDevice(name, day0(name.partition("-")[0]), PASSWORDS, commit_seconds=commit_seconds) for name in names
    ]
    devices.append(LabDevice("ce1", customer(sites), PASSWORDS))
    topology = Topology(clock, segments("mx1-0", "mx2-0", "ce1"))
    async with Tasks("lab") as tasks, serve(devices, clock=clock, tasks=tasks, topology=topology) as served:
        reached = {ip: served[name] for name, ip in names.items()}
        write_inventory(
            folder / LAB_FILE,
            {ip: Endpoint(one.host, one.port, one.host_key_public) for ip, one in reached.items()},
            snmp={ip: (one.host, one.snmp_port) for ip, one in reached.items()},
        )
        (folder / "lab").mkdir(exist_ok=True)
        async with serve_control(Control(served, Appliances(clock)), folder / "lab"):
            settle()  # as `esi lab` does
            print(json.dumps({"inventory": str(folder / LAB_FILE)}), flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int((sys.argv[4:] or ["0"])[0])))
