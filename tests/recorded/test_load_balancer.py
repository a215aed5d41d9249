"""Every fact of cases/load_balancer that our side makes, against a ring that was given the same requests."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from esi.testing.compare import Comparison, Rule, Tally, align, leaves, read_rules
from esi.testing.facts import Facts
from esi.testing.replay import Ring
from recorded.balancer_scene import FOLDER, Played, play
from recorded.cases import CASES, SETS, case, readable
from recorded.checks import answered, requests

pytestmark = [pytest.mark.recorded, pytest.mark.usefixtures("cases")]

ORDER = "_order"


@pytest.fixture(scope="module")
def played(cases: None) -> Played:
    return play()


@cache
def rules() -> list[Rule]:
    return read_rules(yaml.safe_load((Path(__file__).parent / "load_balancer.yaml").read_text()))


def by(played: Played, *names: str) -> Callable[[Any, Any], bool]:
    """Entries are meant for each other when these members are equal, ids mapped."""

    def member(entry: Any, name: str) -> Any:
        for step in name.split("."):
            entry = entry.get(step) if isinstance(entry, dict) else None
        return entry

    return lambda one, ours: all(played.ids.translated(member(one, name)) == member(ours, name) for name in names)


def listed(path: str, recorded: Sequence[Any], ours: Sequence[Any], same: Callable[[Any, Any], bool]) -> Any:
    return path, recorded, align(recorded, ours, same).ours


def comparisons(played: Played) -> Iterator[tuple[str, Any, Any]]:
    """Path, what is recorded, and ours of the same form."""
    update = f"{FOLDER}/update_interface"
    parts = ((FOLDER, played.between("seed", "steps")), (update, played.between("update")))
    everything = played.between("seed")  # stacks that did not change are shown again
    for folder, facts in parts:
        yield listed(f"{folder}/jobs", case(f"{folder}/jobs"), facts.job_entries, by(played, "key_prefix"))
        stacks = case(f"{folder}/heat_stacks")
        stacks = stacks["stacks"] if isinstance(stacks, dict) else stacks
        same = by(played, "stack_name", "stack_status", "parameters.version")
        yield listed(f"{folder}/heat_stacks", structured(stacks), structured(everything.stacks), same)
        same = by(played, "request.type", "request.resource_id", "request.version")
        recorded, asked = case(f"{folder}/collector_targets"), requests(Played(played.ids, facts))
        entries = [{"request": one.props, "asked": one} for one in asked]
        ours = answered(recorded, align(recorded, entries, same).ours)
        played.ids.learn_from(recorded, ours)  # links name targets inside a text
        yield f"{folder}/collector_targets", recorded, ours
        same = by(played, "key", "value.version", "value.stack_status", "value.orchestration_state")
        yield listed(f"{folder}/etcd_worker", case(f"{folder}/etcd_worker"), readable(facts.worker), same)
    for name in ("shown", "billing", "ports"):
        recorded = case(f"{FOLDER}/{name}")
        ours = played.shown[name]
        yield f"{FOLDER}/{name}", recorded, ours if isinstance(recorded, list) else ours[0]["body"]
    before = [{"shown": item} for item in played.shown["prerequisites"]]
    yield f"{FOLDER}/prerequisites", case(f"{FOLDER}/prerequisites"), before
    yield f"{update}/steps", case(f"{update}/steps"), [{"shown": item} for item in played.shown["steps"]]
    earlier = played.between("before", "seed")
    recorded = case(f"{FOLDER}/prerequisites_etcd")
    found = {
        "config": listed("", recorded["config"], earlier.configs, by(played, "key", "value.version"))[2],
        "jobs": listed("", recorded["jobs"], earlier.job_entries, by(played, "key_prefix"))[2],
    }
    yield f"{FOLDER}/prerequisites_etcd", recorded, found


def configs(played: Played) -> Iterator[tuple[str, Any, Any]]:
    """What the API writes to etcd: the same writes in the same order, and no other."""
    ours = played.between("seed", "steps").configs
    order = case(f"{FOLDER}/etcd_config/{ORDER}")
    own = [{"key": item["key"], "version": item["value"]["version"]} for item in ours]
    yield f"{FOLDER}/etcd_config/{ORDER}", order, own
    for item, written in zip(order, ours, strict=True):
        yield f"{FOLDER}/etcd_config/{item['file']}", case(f"{FOLDER}/etcd_config/{item['file']}"), [written]
    update = f"{FOLDER}/update_interface/etcd_config"
    yield update, case(update), played.between("update").configs


def structured(stacks: Sequence[Any]) -> list[Any]:
    """Parameters that are lists or maps as what they say: Heat shows some as JSON, some as Python's own text."""
    found = [{**stack, "parameters": dict(stack["parameters"])} for stack in stacks]
    for stack in found:
        for name, text in stack["parameters"].items():
            if text[:1] in ("{", "["):
                stack["parameters"][name] = literal_eval(text)
    return found


def compared(played: Played, found: Iterator[tuple[str, Any, Any]]) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for path, recorded, ours in found:
        tally = Comparison(played.ids, rules(), SETS).compare(recorded, ours, path)
        tallies[path] = tally
        assert tally.leaves == sum(1 for _ in leaves(recorded)) or tally.differences, path
    differences = [difference for tally in tallies.values() for difference in tally.differences]
    assert not differences, "\n".join(map(str, differences[:60]))
    return tallies


def test_what_is_written_to_etcd_is_as_recorded_and_in_its_order(played: Played, report: Callable[[str], None]) -> None:
    total = Tally()
    for tally in compared(played, configs(played)).values():
        total.add(tally)
    report(f"recorded {FOLDER + ' etcd_config':42} {total.line()}")


def test_what_follows_is_as_recorded(played: Played, report: Callable[[str], None]) -> None:
    for path, tally in compared(played, comparisons(played)).items():
        report(f"recorded {path:42} {tally.line()}")


def test_every_file_is_compared_and_every_rule_is_needed(played: Played, report: Callable[[str], None]) -> None:
    rest = {f"{FOLDER}/request", f"{FOLDER}/nova_calls"}  # what is played; what test_nova_calls compares
    tallies = compared(played, configs(played)) | compared(played, comparisons(played))
    total = Tally()
    for tally in tallies.values():
        total.add(tally)
    report(f"recorded {FOLDER + ' all':42} {total.line()}")
    seen = {*tallies, *rest}
    files = {str(path.relative_to(CASES).with_suffix("")) for path in (CASES / FOLDER).rglob("*.json")}
    assert files - seen == set()
    assert [rule.path for rule in rules() if not rule.used] == []
    assert [(rule.path, rule.equal) for rule in rules() if rule.equal] == [], "broader than needed"


def test_passwords_are_twelve_letters_and_digits(played: Played) -> None:
    bodies = [item["value"]["body"] for item in played.between("seed", "steps").configs]
    found = {(name, body[name]) for body in bodies for name in body if re.fullmatch("(admin|user)_password", name)}
    assert sorted(name for name, _ in found) == ["admin_password", "user_password"]
    assert all(re.fullmatch("[A-Za-z0-9]{12}", value) for _, value in found)


def test_a_delete_goes_from_the_outside_in_and_leaves_nothing(cases: None) -> None:
    async def then(ring: Ring) -> None:
        (balancer,) = await ring.list("load_balancer")
        before = len(ring.facts.writes)
        await ring.delete("load_balancer", balancer["id"])
        await ring.rest()
        for schema in (
            "load_balancer",
            "load_balancer_interface",
            "load_balancer_conf",
            "vnf_instance",
            "vnf_interface",
        ):
            assert await ring.list(schema) == []
        assert {port["device_owner"] for port in await ring.list("port")} == {"network:dhcp"}
        bills = [row["ended"] for row in await ring.list("billing_resource") if row["resource_type"] != "network"]
        assert all(bills)
        jobs = [job for job in Facts(ring.facts.writes[before:]).jobs() if job.action == "logical_delete"]
        order = list(dict.fromkeys(job.resource_type for job in jobs))
        assert order == ["load_balancer_interface", "load_balancer", "load_balancer_conf", "vnf_instance", "port"]
        for one, other in pairwise(order[:-1]):
            earlier = {job.id for job in jobs if job.resource_type == one}
            assert all(earlier <= set(job.dependency) for job in jobs if job.resource_type == other)

    play(then)
