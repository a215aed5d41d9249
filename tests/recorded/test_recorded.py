"""Every fact of cases/vpn and of the whole chain of a VPN, against rings that were given the same requests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from esi.render.junos.secret9 import decode
from esi.testing.compare import Comparison, Tally, leaves
from recorded.cases import CASES, SETS, case, part, rules
from recorded.checks import CHECKS, Pair, Runs

COMPARED = ("vpn", "vpn_chain", "logical_network")

pytestmark = [pytest.mark.recorded, pytest.mark.usefixtures("cases")]


def compared(pair: Pair) -> Tally:
    """Compare one part: every recorded leaf is counted, none may differ."""
    recorded = part(pair.path)
    tally = Comparison(pair.played.ids, rules(), SETS).compare(recorded, pair.ours, pair.path)
    assert not tally.differences, "\n".join(map(str, tally.differences[:40]))
    assert tally.leaves == sum(1 for _ in leaves(recorded))
    return tally


@pytest.mark.parametrize("name", CHECKS)
def test_our_side_is_as_recorded(name: str, runs: Runs, report: Callable[[str], None]) -> None:
    for pair in CHECKS[name](runs):
        report(f"recorded {pair.path:42} {compared(pair).line()}")


def test_the_recorded_keys_are_what_was_posted() -> None:
    assert {decode(secret) for secret in case("vpn/junos_expected")["secret_forms_recorded"].values()} == {"test"}


def test_what_is_called_a_copy_is_one() -> None:
    """Of the subnet's entries; the documents tell of them twice."""
    told = [{name: entry[name] for name in ("key", "value")} for entry in case("logical_network/etcd_worker")]
    assert told[29:32] == told[20:23]
    configs = {entry["key"]: entry["value"] for entry in case("logical_network/etcd_config")}
    assert configs[told[27]["key"]] == told[27]["value"]
    jobs = {job["key_prefix"] for job in case("logical_network/jobs")}
    assert told[28]["key"].rpartition(":")[0] in jobs


def test_every_leaf_is_visited_and_every_rule_is_needed(runs: Runs, report: Callable[[str], None]) -> None:
    found: dict[str, Tally] = {}
    for check in CHECKS.values():
        for pair in check(runs):
            found.setdefault(pair.path, compared(pair))
    there = [path for folder in COMPARED for path in CASES.glob(f"{folder}/*.json")]
    files = [*(f"{path.parent.name}/{path.stem}" for path in there), "vpn/junos_text"]
    for file in files:
        seen = sum(tally.leaves for path, tally in found.items() if path.split(".")[0] == file)
        assert seen == sum(1 for _ in leaves(case(file))), file
    assert [rule.path for rule in rules() if not rule.used] == []
    assert [(rule.path, rule.equal) for rule in rules() if rule.equal] == [], "broader than needed"
    total = Tally()
    for tally in found.values():
        total.add(tally)
    report(f"recorded {'all':42} {total.line()}")
    names = {place.rsplit(".", 1)[-1] for place in total.not_recorded if not place.startswith("vpn/junos_text")}
    report(f"recorded {'not recorded':42} {', '.join(sorted(names))}, and what routers hold before")
