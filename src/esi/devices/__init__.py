"""The owner of each device: intents in, grouped commits out. One commit carries many services.

In: `submit(intent)` from resource types, in this process; intents of other workers through `intent_key`
`/esi-worker/intents/<ip>/<seq>`. Intents that wait while a commit runs share the next one.
Out: NETCONF through a driver; each intent is answered with the device's diff, or with the device's own refusal; to
another worker through `intent_done_key` `/esi-worker/intents/<ip>/done/<seq>`, in the commit that deletes the intent.
Owns: `device_key` `/esi-worker/devices/<ip>`, under the process's lease: one owner per device in the whole cluster; and
`sessions_key` `/esi-worker/sessions/<ip>`, by which the next owner knows whose lock it may break.
Killed at any moment: the device drops the candidate with the session; what was committed is committed. Somebody who
waits for an answer becomes the owner and finds all intents that are not answered. Because intents are idempotent and
an empty diff is never committed, no commit is made twice. A paused owner finds, after its next lock, that it is none;
a lock that it holds is broken by the next owner, and its candidate goes with it.
"""

from esi.devices.room import DeviceRoom

__all__ = ["DeviceRoom"]
