"""What a router says when it refuses: the parts of an rpc-error, and the errors that carry them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from esi.errors import Rejected


@dataclass(frozen=True, slots=True)
class Fault:
    """One error or warning as JUNOS words it. `bad` is the bad-element, `daemon` who says it."""

    message: str
    path: str = ""
    bad: str = ""
    type: str = "protocol"
    tag: str = "operation-failed"
    severity: str = "error"
    daemon: str = ""
    session: int = 0


class Refused(Rejected):
    """The router said no; `faults` are all its reasons, in order."""

    def __init__(self, router: str, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        first = self.faults[0]
        super().__init__(router, first.message, path=first.path, bad_element=first.bad, tag=first.tag)
