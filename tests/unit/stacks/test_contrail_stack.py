"""A stack of Contrail's types through the engine: in order, changed in place, and taken down in reverse."""

from __future__ import annotations

from random import Random

from esi.bootstrap.clouds import contrail_types
from esi.clock import LoopClock
from esi.kv.memory import MemoryKV
from esi.stacks import StackSpec
from esi.stacks.engine import EmbeddedEngine, registry_of
from esi.stacks.wanted import Means
from esi.tasks import Tasks
from esi.testing.clouds import NearContrail
from unit.stacks.bench import CountingDevices, CountingTargets, Crash, Routers

TENANT = "0a" * 16
NET, PORT = (f"{digit * 8}-1111-1111-1111-111111111111" for digit in "12")
TEMPLATE = f"""
heat_template_version: 2013-05-23
parameters:
  address: {{type: string}}
  pairs: {{type: json, default: []}}
resources:
  switch:
    type: OS::Contrail::ExistingResource
    properties: {{resource_type: physical_interface, fq_name: [default-global-system-config, r1, xe-0/0/1]}}
  network:
    type: OS::Contrail::VirtualNetwork
    properties: {{uuid: {NET}, name: {NET}}}
  subnet:
    type: OS::Contrail::VnSubnet
    properties:
      name: s
      network_id: {{get_resource: network}}
      ip_prefix: 10.1.0.0/24
      default_gateway: 10.1.0.1
  port:
    type: OS::Contrail::VirtualMachineInterface
    properties:
      uuid: {PORT}
      name: {PORT}
      virtual_networks: [{{get_resource: network}}]
      device_owner: physical_port
      virtual_machine_interface_allowed_address_pairs: {{get_param: pairs}}
  instance_ip_0:
    type: OS::Contrail::InstanceIp
    properties:
      name: {{str_replace: {{template: p_s_ADDRESS, params: {{ADDRESS: {{get_param: address}}}}}}}}
      ip_address: {{get_param: address}}
      subnet_id: {{get_resource: subnet}}
      network_id: {{get_resource: network}}
      virtual_machine_interfaces: [{{get_resource: port}}]
  logical:
    type: OS::Contrail::LogicalInterface
    properties:
      name: xe-0/0/1.100
      physical_interface: {{get_resource: switch}}
      virtual_machine_interfaces: [{{get_resource: port}}]
      vlan: 100
outputs:
  fq_name: {{value: {{get_attr: [port, fq_name]}}}}
"""


def spec(address: str, **parameters: object) -> StackSpec:
    return StackSpec("s", TENANT, TEMPLATE, {"address": address, **parameters}, 600.0)


async def test_a_port_with_everything_around_it() -> None:
    clock = LoopClock()
    near = NearContrail(clock, Random(1))
    near.lab.cable("r1", ["xe-0/0/1"])
    objects = near.lab.config.objects
    empty = {one.uuid for one in objects}
    types = registry_of(*contrail_types(near.api))
    means = Means(MemoryKV(), types, CountingDevices(Routers(), Crash()), CountingTargets(), clock)
    async with Tasks("engine") as tasks:
        engine = EmbeddedEngine(means, tasks)
        await engine.apply(spec("10.1.0.5"), operation="1")
        stack = await engine.wait("s", operation="1")
        assert (stack.status, stack.reason) == ("CREATE_COMPLETE", "Stack CREATE completed successfully")
        assert [item["output_value"] for item in stack.outputs] == [f"default-domain:{TENANT}:{PORT}"]
        made = {one.type for one in objects if one.uuid not in empty}
        assert made >= {"virtual-network", "virtual-machine-interface", "instance-ip", "logical-interface"}
        pairs = [{"ip_address": "10.1.0.9", "mac_address": "00:00:5e:00:01:0a"}]
        await engine.apply(spec("10.1.0.6", pairs=pairs), operation="2")
        assert (await engine.wait("s", operation="2")).status == "UPDATE_COMPLETE"
        assert [one.body["instance_ip_address"] for one in near.lab.config.listed("instance-ip")] == ["10.1.0.6"]
        await engine.delete("s", operation="3")
        assert (await engine.wait("s", operation="3")).status == "DELETE_COMPLETE"
    left = [one.type for one in objects if one.uuid not in empty]
    assert sorted(left) == ["project", "security-group"], "what Contrail keeps of a tenant"
