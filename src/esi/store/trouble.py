"""What stands in the way of a database is said in the log once, and once more when it does no longer: callers only try
again.
"""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class Trouble:
    """`place` names the database."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._last = ""

    def tell(self, trouble: str) -> None:
        """ "" means: it works."""
        if trouble == self._last:
            return
        self._last = trouble
        if trouble:
            log.error("%s: %s", self._place, trouble)
        else:
            log.info("%s: the database can be written and read again", self._place)
