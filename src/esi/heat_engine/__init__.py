"""Inside heat-engine: our resource types as Heat's own, for whoever keeps Heat as the engine of stacks.

    plugin/   what Heat loads: the setting `plugin_dirs` of heat.conf names this folder
    adapter   a class of Heat for each of our types
    thread    the one event loop of an engine process

No second implementation: what to do with a resource is decided by esi.stacks.plan, done by esi.stacks.actions through
the same types, and kept as the same record, here in Heat's own database. Devices are reached through the door of room
`devices`, targets through the agent's, our own resources through the API; clouds and appliances as workers reach them.
Where all of that is, the ring's settings say: `ESI_RING__FOLDER` and its like in heat-engine's environment, or the
file that ESI_SETTINGS names. Needs the package openstack-heat, which the ring itself does not.
"""
