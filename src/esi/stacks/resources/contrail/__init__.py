"""OS::Contrail::*: objects of Contrail as resources of a stack (services.md C.4). One driver serves them all.

    networks      VirtualNetwork, VnSubnet
    interfaces    VirtualMachineInterface, InstanceIp
    switches      PhysicalRouter, PhysicalInterface, LogicalInterface, ExistingResource
    making        made once, recognised as ours, put right, deleted

NetconfNamedConfigs has the same prefix and nothing to do with them: it configures routers.
"""
