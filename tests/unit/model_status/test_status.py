"""The truth table of status, whole."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from esi.model.status import Facts, derive, observed, reported

RULES = ("default", "gateway", "monitored", "pair", "mirror", "none")
WORDS = ("NO_STATE", "PENDING_CREATE", "PENDING_UPDATE", "ACTIVE", "MONITORING_UNAVAILABLE", "ERROR")
ORCHESTRATION = (None, "CREATE_IN_PROGRESS", "CREATE_COMPLETE", "SYNC_COMPLETE", "UPDATE_FAILED")
OPERATIONAL = (None, "NO_STATE", "INIT", "UP", "FAIL")
OTHERS = ((), ("ACTIVE",), ("ACTIVE", "PENDING_CREATE"), ("ACTIVE", "ERROR"), ("PENDING_DELETE",))
FLAGS = (False, True)


def whole_table() -> list[Facts]:
    return [
        Facts(*row) for row in product(RULES, WORDS, ORCHESTRATION, OPERATIONAL, FLAGS, FLAGS, FLAGS, OTHERS, FLAGS)
    ]


def expected(f: Facts) -> str:
    """The rules once more, as a table of first matches."""
    done = f.settled and f.orchestration in (None, "CREATE_COMPLETE", "UPDATE_COMPLETE", "SYNC_COMPLETE")
    bad = {"MONITORING_UNAVAILABLE", "ERROR", "DOWN"} & set(f.others)
    up = not f.monitoring or f.operational in (None, "UP")
    table: list[tuple[bool, str]] = [
        (f.rule == "none", f.current),
        (f.rule == "mirror" and not f.failed and not f.deleting, (*f.others, f.current)[0]),
        (f.failed and f.settled, "ERROR"),
        (f.deleting, "PENDING_DELETE"),
        (not done, f.current),
        (f.rule == "default", "ACTIVE"),
        (f.rule == "monitored" and up, "ACTIVE"),
        (f.rule == "monitored" and f.operational == "FAIL", "MONITORING_UNAVAILABLE"),
        (f.rule == "monitored", f.current),
        (set(f.others) <= {"ACTIVE"}, "ACTIVE"),
        (bool(bad), "MONITORING_UNAVAILABLE"),
        (True, f.current),
    ]
    return next(word for holds, word in table if holds)


def test_every_row_of_the_table() -> None:
    rows = whole_table()
    assert len(rows) == 6 * 6 * 5 * 5 * 5 * 16
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
        ({"primary": "ESTABLISHED", "secondary": "ACTIVE"}, "UP"),
        ({"primary": "ESTABLISHED", "secondary": "CONNECT"}, "FAIL"),
        ({"status": {"primary_vrid1": "MASTER", "secondary_vrid1": "BACKUP"}}, "UP"),
        ({"primary_41": "BACKUP", "secondary_41": "MASTER"}, "UP"),
        ({"primary_41": "MASTER", "secondary_41": "MASTER"}, "FAIL"),
        ({"primary_41": "MASTER", "secondary_42": "BACKUP"}, "FAIL"),
        ({"primary": "MASTER", "secondary": "BACKUP"}, "UP"),
        ({"primary": "MASTER"}, "FAIL"),
        ({"status": {}}, "FAIL"),
        ({"status": None}, "FAIL"),
        ({"version": 3}, None),
        ({}, None),
    ],
)
def test_what_values_mean(values: dict[str, Any], word: str | None) -> None:
    assert observed(values) == word


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
        ({"orchestration_state": "CREATE_FAILED"}, "UPDATE_IN_PROGRESS", True, "CREATE_FAILED"),
        ({"orchestration_state": "CREATE_COMPLETE"}, "CREATE_COMPLETE", True, "UPDATE_FAILED"),
    ],
)
def test_what_reports_mean(state: dict[str, Any], known: str, failed: bool, word: str | None) -> None:
    assert reported(state, known, failed=failed) == word
