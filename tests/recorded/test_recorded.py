"""Every fact of cases/vpn and of the chain up to the VPN interface, against a ring that was given the same requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from esi.render.junos.secret9 import decode
from esi.testing.compare import ABSENT, Aligned, Ids, Tally, align, leaves
from recorded.cases import CASES, COUNTED, case, part, readable, rules
from recorded.scenes import CHAPTERS, Played

pytestmark = [pytest.mark.recorded, pytest.mark.usefixtures("cases")]

Compare = Callable[[str, Any, Played], Tally]

FLOWS = ("old", "new")
ROLES = {"primary": "10.79.5.185", "secondary": "10.79.5.184"}


def of(flow: str, old: Played, new: Played) -> Played:
    return old if flow == "old" else new


def by_key(ids: Ids, *names: str) -> Any:
    """Entries are meant for each other when these members are equal, ids mapped."""

    def same(recorded: Any, ours: Any) -> bool:
        return all(ids.translated(recorded[name]) == ours[name] for name in names)

    return same


def config_like(ids: Ids) -> Any:
    def same(recorded: Any, ours: Any) -> bool:
        versions = recorded["value"]["version"] == ours["value"]["version"]
        return bool(versions and ids.translate(recorded["key"]) == ours["key"])

    return same


def worker_like(ids: Ids) -> Any:
    """A worker's write is meant by its key and by what makes one write of a key another than the next."""

    def same(recorded: Any, ours: Any) -> bool:
        if ids.translate(recorded["key"]) != ours["key"]:
            return False
        one, other = recorded["value"], ours["value"]
        return bool(
            one.get("version") == other.get("version")
            and one.get("stack_status") == other.get("stack_status")
            and one.keys() - {"orchestration_state"} <= other.keys()
        )

    return same


def in_recorded_order(path: str, ours: Sequence[Any], same: Any) -> Aligned:
    return align(part(path), ours, same)


@pytest.mark.parametrize("flow", FLOWS)
def test_what_the_api_writes_to_etcd(flow: str, old: Played, new: Played, compare: Compare) -> None:
    played = of(flow, old, new)
    aligned = in_recorded_order(f"vpn/etcd_config.{flow}", played.facts.configs, config_like(played.ids))
    compare(f"vpn/etcd_config.{flow}", aligned.ours, played)
    assert aligned.in_order


def test_what_the_api_writes_for_the_chain(new: Played, compare: Compare) -> None:
    aligned = in_recorded_order("vpn_chain/etcd_config", new.facts.configs, config_like(new.ids))
    compare("vpn_chain/etcd_config", aligned.ours, new)
    assert aligned.in_order


@pytest.mark.parametrize("flow", FLOWS)
def test_jobs(flow: str, old: Played, new: Played, compare: Compare) -> None:
    played = of(flow, old, new)
    ours = align(part(f"vpn/jobs.{flow}"), played.facts.job_entries, by_key(played.ids, "key_prefix"))
    compare(f"vpn/jobs.{flow}", ours.ours, played)
    assert ours.in_order


def test_jobs_of_the_chain(new: Played, compare: Compare) -> None:
    ours = align(part("vpn_chain/jobs"), new.facts.job_entries, by_key(new.ids, "key_prefix"))
    compare("vpn_chain/jobs", ours.ours, new)
    assert ours.in_order


@pytest.mark.parametrize("flow", FLOWS)
def test_stacks(flow: str, old: Played, new: Played, compare: Compare) -> None:
    played = of(flow, old, new)
    ours = align(part(f"vpn/heat_stacks.{flow}"), played.facts.stacks, by_key(played.ids, "stack_name", "stack_status"))
    compare(f"vpn/heat_stacks.{flow}", ours.ours, played)
    assert ours.in_order


def test_stacks_of_the_chain(new: Played, compare: Compare) -> None:
    ours = align(part("vpn_chain/heat_stacks"), new.facts.stacks, by_key(new.ids, "stack_name", "stack_status"))
    compare("vpn_chain/heat_stacks", ours.ours, new)
    assert ours.in_order


@pytest.mark.parametrize("flow", FLOWS)
def test_what_the_workers_write(flow: str, old: Played, new: Played, compare: Compare) -> None:
    played = of(flow, old, new)
    recorded = part(f"vpn/etcd_worker.{flow}")
    written = readable(played.facts.worker)
    ours = align(recorded, written, worker_like(played.ids))
    compare(f"vpn/etcd_worker.{flow}", ours.ours, played)
    assert_order_of_each_resource(recorded, ours.ours, written)


def test_what_the_workers_write_for_the_chain(new: Played, compare: Compare) -> None:
    recorded = part("vpn_chain/etcd_worker")
    written = readable(new.facts.worker)
    ours = align(recorded, written, worker_like(new.ids))
    compare("vpn_chain/etcd_worker", ours.ours, new)
    assert_order_of_each_resource(recorded, ours.ours, written)


def assert_order_of_each_resource(recorded: Sequence[Any], ours: Sequence[Any], written: Sequence[Any]) -> None:
    """Inside one resource the order of the record is the order of writing."""
    places: dict[str, list[int]] = {}
    for entry, own in zip(recorded, ours, strict=True):
        if own != ABSENT:
            resource = re.sub(r"^/(esi-worker/)?[a-z_]+", "", entry["key"])
            places.setdefault(resource, []).append(written.index(own))
    assert all(found == sorted(found) for found in places.values())


@pytest.mark.parametrize("flow", FLOWS)
def test_what_is_shown_after_each_chapter(flow: str, old: Played, new: Played, compare: Compare) -> None:
    played = of(flow, old, new)
    ours = [{"shown": shown} for shown in played.shown]
    assert len(ours) == CHAPTERS
    compare(f"vpn_chain/steps_{flow}", ours, played)


def test_what_is_shown_of_the_seed(old: Played, new: Played, compare: Compare) -> None:
    after = {entry["resource"]: entry for entry in old.shown[9]}
    compare("vpn/shown.seed", [after["vpn_interface"], after["vpn_gateway"]], old)
    compare("vpn/shown.old_vpn_gateway_before_interface", old.shown[8], old)
    compare("vpn/shown.new_vpn_gateway_before_interface", new.shown[8], new)
    compare("vpn/shown.new_after_interface", new.shown[9], new)


@pytest.mark.parametrize("name", ["vpn/resource_mapping", "vpn/kafka", "vpn/request"])
def test_files_that_hold_nothing_to_compare_yet(name: str, old: Played, compare: Compare) -> None:
    compare(name, {}, old)


def test_monitoring_targets_as_the_stack_asks_for_them(new: Played, compare: Compare) -> None:
    stacks = new.facts.targets
    requests = [dict(props) for stack in stacks.values() for props in stack.values()]
    for name in ("vpn/collector_targets", "vpn_chain/collector_targets"):
        entries = [{"request": request} for request in requests]
        ours = align(part(name), entries, _target_like(new.ids))
        compare(name, ours.ours, new)


def _target_like(ids: Ids) -> Any:
    def same(recorded: Any, ours: Any) -> bool:
        names = ("type", "resource_id", "field_name")
        return all(ids.translated(recorded["request"][name]) == ours["request"][name] for name in names)

    return same


@pytest.mark.parametrize("flow", FLOWS)
def test_what_the_routers_are_given(flow: str, old: Played, new: Played, compare: Compare) -> None:
    played = of(flow, old, new)
    recorded = case("vpn/junos_expected")
    routers = []
    for router in recorded["routers"]:
        loads = [load for load in played.facts.loads if load.address.ip == router["device_ip"]]
        edits = played.facts.edits(router["device_ip"])
        assert {load.address.ip for load in loads} == {ROLES[router["role"]]}
        routers.append(
            {
                "device_ip": loads[0].address.ip,
                "port": loads[0].address.port,
                "login": loads[0].address.username,
                "steps": [
                    {"resource": "vpn_gateway", "edits": edits[:3]},
                    {"resource": "vpn_interface", "edits": edits[3:]},
                ],
            }
        )
    compare("vpn/junos_expected", {"routers": routers}, played)


@pytest.mark.parametrize("flow", FLOWS)
def test_what_the_routers_print(flow: str, old: Played, new: Played, compare: Compare) -> None:
    """Whatever was on the router before is not recorded; what the steps have added is there."""
    played = of(flow, old, new)
    for label, ip in (("MX-2", ROLES["primary"]), ("MX-1", ROLES["secondary"])):
        ours = {
            "vpn_gateway": played.running[8][ip],
            "vpn_interface": played.running[9][ip],
        }
        compare(f"vpn/junos_text.{label}", ours, played)


def test_the_recorded_keys_are_what_was_posted() -> None:
    assert {decode(secret) for secret in case("vpn/junos_expected")["secret_forms_recorded"].values()} == {"test"}


def test_every_leaf_is_visited_and_every_rule_is_needed(old: Played, compare: Compare) -> None:
    """Runs last: what no other test has taken is taken here, and a rule that passes nothing over is a mistake."""
    for name in ("vpn/jobs.note",):
        compare(name, ABSENT, old)
    files = [f"{path.parent.name}/{path.stem}" for path in CASES.glob("vpn*/*.json")] + ["vpn/junos_text"]
    visited = {file: [path for path in COUNTED if path.split(".")[0] == file] for file in files}
    if not all(visited.values()):
        pytest.skip("not everything has been compared in this run")
    for file, paths in visited.items():
        seen = sum(sum(1 for _ in leaves(part(path))) for path in paths)
        assert seen == sum(1 for _ in leaves(case(file))), file
    assert [rule.path for rule in rules() if not rule.used] == []
