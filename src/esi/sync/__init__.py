"""Between SQL and etcd, both ways: what is wanted goes out, what is known and seen comes in.

In: the outbox (what transactions have left to tell), `STATE` and `MONITORING` (what workers and agents report),
`MAPPINGS` (what the monitoring worker says stands for a resource).
Out: `CONFIG` `/config/**` in commit order; `EFFECTS`; rows whose state has changed, through the lifecycle.
Owns: `SYNC_LEADER` `/gohan/cluster/sync`: one elected process writes and applies, and every write is fenced; `TAKEN`.
Killed at any moment: an outbox row is forgotten only after its key stands, and putting it twice changes nothing; a
state is applied by version, and the next leader begins where all was taken in, or lists everything.
"""

from esi.sync.room import SyncRoom

__all__ = ["SyncRoom"]
