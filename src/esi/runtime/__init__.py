"""How a room runs: one mirror of what it watches, one controller that makes it so, one leader where only one may act.

    kv ──► Mirror (cache, list → watch) ──► Controller (keyed queue → reconcile → back-off) ──► the room's own code
                                                   ▲ only inside a Leader's term, where the room has one master
    Supervisor: starts the rooms of a process, restarts those that fail, ends them in reverse order

Everything runs in tasks that end with the `run()` or the `async with` that started them: a room that is cancelled at
any await leaves nothing behind. Time comes from the loop and the clock, chance from a given random.Random.
"""

from __future__ import annotations

from esi.runtime.backoff import Pace
from esi.runtime.controller import Controller, Options
from esi.runtime.leader import Leader, Term
from esi.runtime.mirror import Listener, Mirror
from esi.runtime.supervisor import Room, Supervisor
from esi.runtime.together import together

__all__ = ["Controller", "Leader", "Listener", "Mirror", "Options", "Pace", "Room", "Supervisor", "Term", "together"]
