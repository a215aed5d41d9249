"""The promised names for authors of services, resource types, drivers and probes: import from here and nowhere else.

In: nothing. Out: names. Owns: the promise. What stands in `__all__` changes only with a line in the CHANGELOG; a test
counts it. A service is a folder with schemas, templates, policies and a `hooks.py` that has
`register(hooks, *, recorded_quirks=False)`.
"""

from esi.errors import (
    Broken,
    Conflict,
    EsiError,
    Forbidden,
    Invalid,
    NotFound,
    PluginError,
    QuotaExceeded,
    Rejected,
    TemporaryError,
    TerminalError,
    Unsupported,
)
from esi.identity import Identity
from esi.lifecycle.hooks import Change, Hook, Hooks, Tx
from esi.model.resource import Body, Ref, Resource
from esi.store import Query

__all__ = [
    "Body",
    "Broken",
    "Change",
    "Conflict",
    "EsiError",
    "Forbidden",
    "Hook",
    "Hooks",
    "Identity",
    "Invalid",
    "NotFound",
    "PluginError",
    "Query",
    "QuotaExceeded",
    "Ref",
    "Rejected",
    "Resource",
    "TemporaryError",
    "TerminalError",
    "Tx",
    "Unsupported",
]
