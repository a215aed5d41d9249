"""Each flow is played once; what every comparison counted is printed at the end of the run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from esi.testing.compare import Comparison, Tally, leaves
from recorded.cases import COUNTED, SETS, need_cases, part, rules
from recorded.scenes import Played, play

Compare = Callable[[str, Any, Played], Tally]


@pytest.fixture
def cases() -> None:
    """The recorded cases stand beside the checkout."""
    need_cases()


@cache
def played(flow: str) -> Played:
    return play(flow)


@pytest.fixture
def old() -> Played:
    """The flow of 2017."""
    return played("old")


@pytest.fixture
def new() -> Played:
    """The flow of 2018."""
    return played("new")


@pytest.fixture
def compare() -> Compare:
    """Compare a recorded file, or the part of it at `path` ("vpn/jobs.old"), with our tree of the same form: every leaf
    is counted, none may differ."""

    def check(path: str, ours: Any, by: Played) -> Tally:
        recorded = part(path)
        tally = Comparison(by.ids, rules(), SETS).compare(recorded, ours, path)
        COUNTED.setdefault(path, Tally()).add(tally)
        assert tally.leaves == sum(1 for _ in leaves(recorded))
        assert not tally.differences, "\n".join(map(str, tally.differences[:40]))
        return tally

    return check


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not COUNTED:
        return
    terminalreporter.section("recorded cases")
    total = Tally()
    for path, tally in sorted(COUNTED.items()):
        terminalreporter.write_line(f"{path:28} {tally.line()}")
        total.add(tally)
    terminalreporter.write_line(f"{'all':28} {total.line()}")
    names = {place.rsplit(".", 1)[-1] for place in total.not_recorded if not place.startswith("vpn/junos_text")}
    terminalreporter.write_line(f"not recorded: {', '.join(sorted(names))}, and what routers hold before")
