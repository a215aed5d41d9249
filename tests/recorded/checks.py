"""What is compared with what: each check gives parts of recorded files with our trees of the same form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from esi.testing.compare import ABSENT, Ids, align
from recorded import collector
from recorded.cases import case, part, readable
from recorded.scenes import STEPS, Played

FLOWS = ("old", "new")
PLAYED = (*FLOWS, "network")
ROLES = {"primary": "10.79.5.185", "secondary": "10.79.5.184"}
NOTHING_YET = ("vpn/request", "vpn/jobs.note")
"""Files and parts that hold nothing to compare, or not yet: rules say why."""


class Pair(NamedTuple):
    """A part of a recorded file, our tree of the same form, and the run that it comes from."""

    path: str
    ours: Any
    played: Played


Same = Callable[[Any, Any], bool]
Runs = dict[str, Played]


def places(name: str, runs: Runs) -> Iterator[tuple[str, Played]]:
    """Where a file's lists stand: in vpn/ one per flow, in vpn_chain/ one of the flow of 2018."""
    for flow in FLOWS:
        yield f"vpn/{name}.{flow}", runs[flow]
    yield f"vpn_chain/{name}", runs["new"]
    yield f"logical_network/{name}", runs["network"]


def by_members(ids: Ids, *names: str) -> Same:
    """Entries are meant for each other when these members are equal, ids mapped."""
    return lambda recorded, ours: all(ids.translated(recorded[name]) == ours[name] for name in names)


def configs(runs: Runs) -> Iterator[Pair]:
    """What the API writes to etcd, in its order."""
    for path, played in places("etcd_config", runs):
        ids = played.ids

        def same(recorded: Any, ours: Any, ids: Ids = ids) -> bool:
            versions = recorded["value"]["version"] == ours["value"]["version"]
            return bool(versions and ids.translate(recorded["key"]) == ours["key"])

        yield Pair(path, in_order(path, played.facts.configs, same), played)


def jobs(runs: Runs) -> Iterator[Pair]:
    for path, played in places("jobs", runs):
        yield Pair(path, in_order(path, played.facts.job_entries, by_members(played.ids, "key_prefix")), played)


def stacks(runs: Runs) -> Iterator[Pair]:
    for path, played in places("heat_stacks", runs):
        same = by_members(played.ids, "stack_name", "stack_status")
        yield Pair(path, in_order(path, played.facts.stacks, same), played)


def in_order(path: str, ours: Sequence[Any], same: Same) -> list[Any]:
    """Ours as the record lists them; our own order must be the same."""
    recorded = part(path)
    if path.startswith("logical_network"):  # listed by the names of the documents
        return align(recorded, ours, same).ours
    steady = [entry for entry in recorded if not _racing(entry)]
    assert align(steady, [entry for entry in ours if not _racing(entry)], same).in_order, f"{path}: another order"
    return align(recorded, ours, same).ours


def _racing(entry: Any) -> bool:
    """The two ports of a gateway interface, and what follows from them, overtake each other."""
    name = str(entry.get("key") or entry.get("key_prefix") or entry.get("stack_name") or "")
    version = entry.get("version") or (entry.get("value") or {}).get("version")
    return name.startswith(("port_", "ese_logical_port_")) or (version == 2 and "port" in name)


def workers(runs: Runs) -> Iterator[Pair]:
    """What workers write, in their order inside one resource; the agent is a writer of its own."""
    for path, played in places("etcd_worker", runs):
        recorded, written = part(path), readable(played.facts.worker)
        ours = align(recorded, written, _worker_like(played.ids)).ours
        _check_order_inside_resources(recorded, ours, written)
        yield Pair(path, ours, played)


def requests(played: Any) -> list[collector.Asked]:
    return [
        collector.Asked(stack, name, dict(props))
        for stack, made in played.facts.targets.items()
        for name, props in made.items()
    ]


def _worker_like(ids: Ids) -> Same:
    """A write is meant by its key and by what makes one write of a key another than the next."""

    def same(recorded: Any, ours: Any) -> bool:
        if ids.translate(recorded["key"]) != ours["key"]:
            return False
        one, other = recorded["value"], ours["value"]
        kinds = [one.get(name) == other.get(name) for name in ("version", "stack_status")]
        return all(kinds) and bool(one.keys() - {"orchestration_state"} <= other.keys())

    return same


def _check_order_inside_resources(recorded: Sequence[Any], ours: Sequence[Any], written: Sequence[Any]) -> None:
    found: dict[str, list[int]] = {}
    for entry, own in zip(recorded, ours, strict=True):
        if own != ABSENT:
            resource = re.sub(r"^/(esi-worker/)?[a-z_]+", "", entry["key"])
            resource += " as the agent sees it" if entry["key"].startswith("/monitoring") else ""
            found.setdefault(resource, []).append(written.index(own))
    assert {resource: order for resource, order in found.items() if order != sorted(order)} == {}


def shown(runs: Runs) -> Iterator[Pair]:
    """What is shown after each chapter, and of the seed."""
    old, new = runs["old"], runs["new"]
    for flow, played in runs.items():
        yield Pair(STEPS[flow], [{"shown": entries} for entries in played.shown], played)
    after = {entry["resource"]: entry for entry in old.shown[9]}
    yield Pair("vpn/shown.seed", [after["vpn_interface"], after["vpn_gateway"]], old)
    yield Pair("vpn/shown.old_vpn_gateway_before_interface", old.shown[8], old)
    yield Pair("vpn/shown.new_vpn_gateway_before_interface", new.shown[8], new)
    yield Pair("vpn/shown.new_after_interface", new.shown[9], new)


def targets(runs: Runs) -> Iterator[Pair]:
    """Monitoring targets as stacks ask for them, and what the agent answers."""
    for path in ("vpn/collector_targets", "vpn_chain/collector_targets", "logical_network/collector_targets"):
        played, recorded = runs["network" if path.startswith("logical") else "new"], part(path)
        entries = [{"request": asked.props, "asked": asked} for asked in requests(played)]

        def same(recorded: Any, ours: Any, ids: Ids = played.ids) -> bool:
            one, other = recorded["request"], ours["request"]
            return all(ids.translated(one[name]) == other[name] for name in ("type", "resource_id", "field_name"))

        yield Pair(path, answered(recorded, align(recorded, entries, same).ours), played)


def answered(recorded: Sequence[Any], ours: Sequence[Any]) -> list[Any]:
    """Each request of ours with the agent's answers; values in the order of the record, which says nothing."""
    pairs = [(one, own) for one, own in zip(recorded, ours, strict=True) if own != ABSENT]
    url = str(recorded[0]["response"]["monitorer"])
    saw = {
        (own["request"]["resource_id"], own["request"]["field_name"]): {v["key"]: v["value"] for v in one["gets"][-1]}
        for one, own in pairs
        if one["gets"]
    }
    told = iter(collector.answers(url, [own["asked"] for _, own in pairs], saw))
    found: list[Any] = []
    for one, own in zip(recorded, ours, strict=True):
        if own == ABSENT:
            found.append(ABSENT)
            continue
        answers = next(told)
        if one["gets"]:  # else nobody read what was seen
            order = [value["key"] for value in one["gets"][-1]]
            answers["gets"][-1].sort(key=lambda value, order=order: order.index(value["key"]))
        else:
            answers["gets"] = []
        found.append({"request": own["request"], **answers})
    return found


def edits(runs: Runs) -> Iterator[Pair]:
    """What routers are given: the primary is 10.79.5.185."""
    for played in (runs[flow] for flow in FLOWS):
        yield Pair("vpn/junos_expected", {"routers": [_router(played, item) for item in _recorded_routers()]}, played)


def _recorded_routers() -> Any:
    return case("vpn/junos_expected")["routers"]


def _router(played: Played, recorded: Any) -> Any:
    ip = recorded["device_ip"]
    assert ip == ROLES[recorded["role"]]
    address = next(load.address for load in played.facts.loads if load.address.ip == ip)
    given = played.facts.edits(ip)
    sizes = {"vpn_gateway": 3, "vpn_interface": 3, "gw_interface": 2, "static_route": 1}
    steps = [{"resource": kind, "edits": [given.pop(0) for _ in range(size)]} for kind, size in sizes.items()]
    assert not given
    return {"device_ip": address.ip, "port": address.port, "login": address.username, "steps": steps}


def printed(runs: Runs) -> Iterator[Pair]:
    """What routers print: what they held before is not recorded, what the steps have added is there."""
    for played in (runs[flow] for flow in FLOWS):
        for label, ip in (("MX-2", ROLES["primary"]), ("MX-1", ROLES["secondary"])):
            after = {"vpn_gateway": 8, "vpn_interface": 9, "gw_interface": 12, "static_route": 13, "all steps": 13}
            ours = {step: played.running[chapter][ip] for step, chapter in after.items()}
            yield Pair(f"vpn/junos_text.{label}", ours, played)


def topics(runs: Runs) -> Iterator[Pair]:
    """What the monitoring worker of 2017 publishes, in the order of each topic."""
    old = runs["old"]

    def same(recorded: Any, ours: Any) -> bool:
        members = ("gohan_resource_type", "name", "version", "action")
        return recorded["topic"] == ours["topic"] and all(
            recorded["message"][name] == ours["message"][name] for name in members
        )

    yield Pair("vpn/kafka", in_order("vpn/kafka", old.facts.messages, same), old)


def mappings(runs: Runs) -> Iterator[Pair]:
    """What stands for which resource, after the last chapter."""
    old = runs["old"]
    (shown,) = [entry["body"] for entry in old.shown[9] if entry["resource"] == "resource_mapping"]
    yield Pair("vpn/resource_mapping", shown, old)


def nothing_yet(runs: Runs) -> Iterator[Pair]:
    for path in NOTHING_YET:
        yield Pair(path, ABSENT, runs["old"])


CHECKS: dict[str, Callable[[Runs], Iterator[Pair]]] = {
    check.__name__: check
    for check in (configs, jobs, stacks, workers, shown, targets, edits, printed, topics, mappings, nothing_yet)
}
