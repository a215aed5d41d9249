"""The truth table of status, whole."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from esi.model.status import FIRST_WORDS, Facts, because, derive, observed, reported

RULES = ("default", "gateway", "monitored", "pair", "mirror", "idle", "waits", "connected", "none")
WORDS = ("NO_STATE", "PENDING_CREATE", "PENDING_UPDATE", "ACTIVE", "MONITORING_UNAVAILABLE", "ERROR")
ORCHESTRATION = (None, "CREATE_IN_PROGRESS", "CREATE_COMPLETE", "SYNC_COMPLETE", "UPDATE_FAILED")
OPERATIONAL = (None, "NO_STATE", "INIT", "UP", "FAIL", "UNKNOWN")
OTHERS = ((), ("ACTIVE",), ("ACTIVE", "PENDING_CREATE"), ("ACTIVE", "ERROR"), ("PENDING_DELETE",))
FLAGS = (False, True)


def whole_table() -> list[Facts]:
    return [
        Facts(*row)
        for row in product(RULES, WORDS, ORCHESTRATION, OPERATIONAL, FLAGS, FLAGS, FLAGS, OTHERS, FLAGS, FLAGS)
    ]


def expected(f: Facts) -> str:
    """The rules once more, as a table of first matches."""
    done = f.settled and f.orchestration in (None, "CREATE_COMPLETE", "UPDATE_COMPLETE", "SYNC_COMPLETE")
    bad = {"MONITORING_UNAVAILABLE", "ERROR", "DOWN"} & set(f.others)
    late = "MONITORING_UNAVAILABLE" if f.overdue and f.current.startswith("PENDING") else f.current
    up = not f.monitoring or f.operational in (None, "UP")
    table: list[tuple[bool, str]] = [
        (f.rule == "none", f.current),
        (f.rule == "mirror" and not f.failed and not f.deleting, (*f.others, f.current)[0]),
        (f.failed and f.settled, "ERROR"),
        (f.deleting, "PENDING_DELETE"),
        (not done, f.current),
        (f.rule == "default", "ACTIVE"),
        (f.rule == "idle", "DOWN"),
        (f.rule == "connected" and "ACTIVE" in f.others, "ACTIVE"),
        (f.rule == "connected", "DOWN"),
        (bool(bad), "MONITORING_UNAVAILABLE"),
        (f.rule == "waits" and f.current == "MONITORING_UNAVAILABLE", f.current),
        (f.rule == "monitored" and f.operational in ("FAIL", "UNKNOWN") and f.monitoring, "MONITORING_UNAVAILABLE"),
        (f.rule == "waits" or not set(f.others) <= {"ACTIVE"}, late),
        (f.rule == "monitored" and up, "ACTIVE"),
        (f.rule == "monitored", late),
        (True, "ACTIVE"),
    ]
    return next(word for holds, word in table if holds)


def test_every_row_of_the_table() -> None:
    rows = whole_table()
    assert len(rows) == 9 * 6 * 5 * 6 * 5 * 32
    assert [facts for facts in rows if derive(facts) != expected(facts)] == []


def test_active_is_never_said_of_what_is_failed_unsettled_or_going() -> None:
    for facts in whole_table():
        if facts.rule not in ("none", "mirror") and facts.current != "ACTIVE" and derive(facts) == "ACTIVE":
            assert facts.settled
            assert not facts.failed
            assert not facts.deleting


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"load_balancer": "UP"}, "UP"),
        ({"vmi": "FAIL"}, "FAIL"),
        ({"status": {"primary": "ESTABLISHED", "secondary": "ESTABLISHED"}}, "UP"),
        ({"primary": "ESTABLISHED", "secondary": "ESTABLISHED"}, "UP"),
        ({"primary": "ESTABLISHED", "secondary": "ACTIVE"}, "FAIL"),
        ({"primary": "ESTABLISHED", "secondary": "CONNECT"}, "FAIL"),
        ({"status": {"primary_vrid1": "MASTER", "secondary_vrid1": "BACKUP"}}, "UP"),
        ({"primary_41": "BACKUP", "secondary_41": "MASTER"}, "UP"),
        ({"primary_41": "MASTER", "secondary_41": "MASTER"}, "FAIL"),
        ({"primary_41": "MASTER", "secondary_42": "BACKUP"}, "FAIL"),
        ({"primary": "MASTER", "secondary": "BACKUP"}, "UP"),
        ({"primary": "MASTER"}, "FAIL"),
        ({"primary_41": "master", "secondary_41": "backup"}, "UP"),
        ({"it": "UP", "seen": 1.0, "reasons": {"it": "all is well"}, "version": 1}, "UP"),
        ({"status": {}}, "FAIL"),
        ({"status": None}, "FAIL"),
        ({"version": 3}, None),
        ({}, None),
    ],
)
def test_what_values_mean(values: dict[str, Any], word: str | None) -> None:
    assert observed(values) == word


def test_a_first_look_says_active_for_up() -> None:
    assert observed({"primary": "ESTABLISHED", "primary_uplink": "ACTIVE"}, good=FIRST_WORDS) == "UP"


@pytest.mark.parametrize(
    ("values", "reasons", "sentence"),
    [
        ({"status": {"primary": "ESTABLISHED", "secondary": "IDLE"}}, {}, "status.secondary is IDLE"),
        ({"it": "FAIL"}, {"it": "MX-1 sees no answer"}, "MX-1 sees no answer"),
        ({"status": {}}, {}, "status is empty"),
        ({"it": "UP"}, {}, ""),
    ],
)
def test_why_it_is_not_up(values: dict[str, Any], reasons: dict[str, str], sentence: str) -> None:
    assert because(values, reasons) == sentence


@pytest.mark.parametrize(
    ("state", "known", "failed", "word"),
    [
        ({"worker_state": "READ_COMPLETE"}, "CREATE_IN_PROGRESS", False, "SYNC_COMPLETE"),
        ({"worker_state": "MODIFY_COMPLETED"}, "UPDATE_IN_PROGRESS", False, "UPDATE_COMPLETE"),
        ({"worker_state": "CREATE_COMPLETED"}, "UPDATE_IN_PROGRESS", False, "UPDATE_COMPLETE"),
        ({"worker_state": "CREATE_COMPLETED", "orchestration_state": "X"}, "UPDATE_IN_PROGRESS", False, "X"),
        ({"worker_state": "nonsense"}, "CREATE_IN_PROGRESS", False, None),
        ({}, "CREATE_IN_PROGRESS", True, "CREATE_FAILED"),
        ({}, "DELETE_IN_PROGRESS", True, "DELETE_FAILED"),
        ({"worker_state": "CREATE_COMPLETED"}, "UPDATE_FAILED", False, "UPDATE_COMPLETE"),
        ({"orchestration_state": "CREATE_FAILED"}, "UPDATE_IN_PROGRESS", True, "CREATE_FAILED"),
        ({"orchestration_state": "CREATE_COMPLETE"}, "CREATE_COMPLETE", True, "UPDATE_FAILED"),
    ],
)
def test_what_reports_mean(state: dict[str, Any], known: str, failed: bool, word: str | None) -> None:
    assert reported(state, known, failed=failed) == word
