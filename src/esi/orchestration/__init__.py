"""Orchestration: what stands in stacks, told as Heat tells it, so that OpenStack's own clients can look.

In: requests of Heat's read API (v1); `STACKS` in etcd, the embedded engine's records and what each is made from.
Out: Heat's JSON; nothing is written. Who asks to create, change or delete is told that stacks are made by the ring.
Owns: an index of the stacks in memory; no key, no table.
Killed at any moment: the next one lists the stacks anew before it answers.
"""

from esi.orchestration.room import OrchestrationRoom

__all__ = ["OrchestrationRoom"]
