"""The one resource pipeline: people's requests and the workers' reports change resources here and nowhere else.

In: requests of `api`, reports that `sync` brings from etcd, rows that are wanted at boot. Out: rows, events in the
outbox, lines in the change log. Owns: the meaning of every hidden column. Killed at any moment: one request is one
transaction.

    lifecycle     the verbs, each one transaction
    request       one transaction: rows, events, log, hooks
    creation, update, deletion, reports      what each verb does, step by step
    access, relations, states, statuses      what they ask on the way
    showing                                  what a caller sees of a row
    deadlines                                how long things may be pending
    changes                                  who waits for a change
    why                                      the facts from which a status follows
"""

from esi.lifecycle.deadlines import Deadlines, timeouts
from esi.lifecycle.hooks import EVENTS, Change, Hook, Hooks, Tx
from esi.lifecycle.lifecycle import Lifecycle, Page
from esi.lifecycle.request import Ways

__all__ = ["EVENTS", "Change", "Deadlines", "Hook", "Hooks", "Lifecycle", "Page", "Tx", "Ways", "timeouts"]
