"""The owner of each device: intents in, grouped commits out. One commit carries many services.

In: `submit(intent)` from resource types, in this process. Intents that wait while a commit runs share the next one.
Out: NETCONF through a driver; each intent is answered with the device's diff, or with the device's own refusal.
Owns: `device_key` `/esi-worker/devices/<ip>`, under the process's lease: one owner per device in the whole cluster.
Killed at any moment: the device drops the candidate with the session; what was committed is committed. The caller
submits again, and because intents are idempotent and an empty diff is never committed, no commit is made twice.
"""

from esi.devices.room import DeviceRoom

__all__ = ["DeviceRoom"]
