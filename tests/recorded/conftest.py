"""Each flow is played once per process."""

from __future__ import annotations

import pytest

from recorded.cases import need_cases, part
from recorded.checks import PLAYED, Runs, targets
from recorded.scenes import play


@pytest.fixture(scope="session")
def cases() -> None:
    """The recorded cases stand beside the checkout."""
    need_cases()


@pytest.fixture(scope="session")
def runs(cases: None) -> Runs:
    """Both flows as they went: "old" is 2017, "new" 2018."""
    found = {flow: play(flow) for flow in PLAYED}
    for pair in targets(found):  # links name targets inside a text: their ids must be known before
        pair.played.ids.learn_from(part(pair.path), pair.ours)
    return found
