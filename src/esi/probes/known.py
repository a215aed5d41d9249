"""All probes there are, over the ways to devices and clouds."""

from __future__ import annotations

from esi.drivers.compute import Clouds
from esi.drivers.contrail import Analytics
from esi.probes import Probe
from esi.probes.appliance import SnmpDeviceLb
from esi.probes.bgp import BgpPool, BgpSession
from esi.probes.compute import ComputeServer
from esi.probes.contrail import VirtualMachineInterface, VirtualNetwork
from esi.probes.device import SnmpDevice, SnmpRouter, SnmpSwitch
from esi.probes.netconf import Conversations
from esi.probes.ports import LogicalPort, PhysicalPort, PortNumbers, SnmpPorts, SnmpPortsMetric, SnmpPortsStatus
from esi.probes.snmp import Snmp
from esi.probes.vrrp import VrrpPool, VrrpSession


def build_probes(
    conversations: Conversations, snmp: Snmp, analytics: Analytics | None = None, compute: Clouds | None = None
) -> dict[str, Probe]:
    """One probe per type of target. They share sessions, sockets and interface numbers: one set per process. Without
    `analytics` there is no Contrail to look at, without `compute` no Nova.
    """
    numbers = PortNumbers(snmp)
    over_netconf: list[Probe] = [kind(conversations) for kind in (BgpPool, BgpSession, VrrpPool, VrrpSession)]
    devices: list[Probe] = [kind(snmp) for kind in (SnmpDevice, SnmpRouter, SnmpSwitch, SnmpDeviceLb)]
    ports: list[Probe] = [
        kind(numbers) for kind in (SnmpPorts, SnmpPortsMetric, SnmpPortsStatus, PhysicalPort, LogicalPort)
    ]
    networks: list[Probe] = []
    if analytics is not None:
        networks = [VirtualMachineInterface(analytics), VirtualNetwork(analytics)]
    servers: list[Probe] = [ComputeServer(compute)] if compute is not None else []
    return {probe.type: probe for probe in (*over_netconf, *devices, *ports, *networks, *servers)}
