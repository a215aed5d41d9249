"""Every word of status has its sentences: what it means, why, what it waits for or stands on, what to do."""

from __future__ import annotations

from typing import Any

import pytest

from esi.client.why import sentences
from esi.model.status import ACTIVE, MEANS, PENDING, UNKNOWN

NOW = 1_500_000_000.0


def facts(status: str | None, rule: str = "monitored", **more: Any) -> dict[str, Any]:
    """Those of an interface that was asked for five minutes ago."""
    return {
        "schema": "vpn_interface", "id": "i-1", "name": "red", "status": status,
        "orchestration_state": "CREATE_COMPLETE",
        "operational_state": "UP", "status_reason": None, "rule": rule, "of": [], "versioned": True, "wanted": 2,
        "known": 2, "deleting": False, "failed": False, "watched": True, "seen": NOW - 10, "age_seconds": 300.0,
        "values": {"bgp": {"primary": "ESTABLISHED"}}, "stands_on": [], "due": None, "waits_for": None, "now": NOW,
        "asked": {"at": NOW - 300, "action": "update", "request_id": "req-1"},
        "last": {"at": NOW - 10, "action": "monitoring", "detail": "UP"}, **more,
    }  # fmt: skip


def said(status: str | None, rule: str = "monitored", **more: Any) -> str:
    return "\n".join(sentences(facts(status, rule, **more)))


@pytest.mark.parametrize("status", MEANS)
def test_every_word_says_what_it_means_and_what_to_do(status: str) -> None:
    told = sentences(facts(status))
    assert told[0] == f"vpn_interface 'red' (i-1) is {status}: {MEANS[status].partition(';')[0]}."
    assert len({sentences(facts(word))[-1] for word in MEANS}) >= 6, "what to do differs"
    assert not any("None" in sentence or "{" in sentence for sentence in told)


def test_who_works_says_who_looked_and_how_long_ago() -> None:
    assert sentences(facts(ACTIVE)) == [
        "vpn_interface 'red' (i-1) is ACTIVE: done, and as far as anybody looks: working.",
        "Version 2 is wanted, by update in request req-1, at 2017-07-14 02:35:00 UTC (5 min ago); that is the version"
        " that was answered to: CREATE_COMPLETE.",
        "The collector agent looked at 2017-07-14 02:39:50 UTC (10 s ago) and saw bgp.primary ESTABLISHED.",
        "Since 2017-07-14 02:39:50 UTC nothing has changed; the last was monitoring: UP.",
        "Nothing has to be done.",
    ]
    assert "ACTIVE means configured, not seen working" in said(ACTIVE, watched=False)
    assert "Nobody has told yet what is seen" in said("PENDING_CREATE", seen=None, values={})


@pytest.mark.parametrize("status", sorted(PENDING))
def test_what_is_pending_says_where_it_is_and_until_when(status: str) -> None:
    told = said(status, known=1, due=NOW + 600, waits_for="create by heat_worker waits for a worker")
    assert "the last answer was to version 1" in told
    assert "Where it has got to: create by heat_worker waits for a worker." in told
    assert "given up at 2017-07-14 02:50:00 UTC (in 10 min)" in told
    assert "Wait;" in told
    assert "nobody has answered yet" in said(status, known=0)


def test_an_error_says_how_to_try_again() -> None:
    reason = "10.0.0.1: filter F1 is not defined"
    told = said("ERROR", failed=True, status_reason=reason, orchestration_state="CREATE_FAILED")
    assert f"The reason: {reason}." in told
    assert "answered to: CREATE_FAILED" in told
    assert "`gohan client vpn_interface set --retry i-1`. Or delete it." in told
    told = said("ERROR", failed=True, status_reason=reason, deleting=True)
    assert "`gohan client vpn_interface delete i-1`" in told
    assert "`gohan client vpn_interface delete --force i-1`" in told


def test_what_was_seen_too_long_ago_is_said() -> None:
    told = said("MONITORING_UNAVAILABLE", operational_state=UNKNOWN, seen=NOW - 1_000)
    assert "(17 min ago) and saw bgp.primary ESTABLISHED, which is too old to count" in told
    assert "See whether an agent runs" in told
    assert "Mend what the reason names" in said("MONITORING_UNAVAILABLE", operational_state="FAIL")


def test_what_stands_on_others_names_them() -> None:
    bad = {"schema": "ha_interface", "id": "h-1", "name": "down", "status": "ERROR", "reason": "cut"}
    good = {"schema": "ha_interface", "id": "h-2", "name": "", "status": "ACTIVE", "reason": ""}
    told = said("MONITORING_UNAVAILABLE", "gateway", of=["downlink_id"], stands_on=[bad, good])
    assert (
        "as good as what stands in downlink_id: ha_interface 'down' (h-1) (ERROR), ha_interface h-2 (ACTIVE)." in told
    )
    assert "ha_interface 'down' (h-1): cut." in told
    assert "Ask of what it stands on: `esi why ha_interface h-1`." in told
    assert "It shows the status of what stands in port_id: nothing that is there." in said(
        "ACTIVE", "mirror", of=["port_id"]
    )


def test_who_has_no_status_or_no_rule_is_said() -> None:
    assert "It has no status." in said(None, "none", versioned=False)
    assert "No worker has to do anything" in said(None, "none", versioned=False)
    assert "Nobody derives its status" in said("NO_STATE", "none")
    assert "says what the workers have done" in said("ACTIVE", "default")
    assert "by esi itself" in said("ACTIVE", asked={"at": NOW, "action": "create", "request_id": ""})
    assert "a word that is not esi's" in said("ODD")
