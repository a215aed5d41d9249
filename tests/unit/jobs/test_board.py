"""Who waits for whom, and what a failure does: the recorded chains, and the rules behind them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from esi.jobs.board import Board, Ops
from esi.jobs.plan import Change, stages
from esi.kv import Delete, Put
from esi.model import keys
from esi.model.codec import decode_state
from esi.model.job import Job
from esi.model.resource import Ref

GATEWAY, INTERFACE, ROUTER = Ref("vpn_gateway", "g"), Ref("vpn_interface", "i"), Ref("ha_router", "r")
BOTH = ("heat_worker", "monitoring_worker")


def new_board() -> Board:
    numbers = itertools.count()
    return Board(lambda ref: f"/v2.0/{ref.schema}s/{ref.id}", lambda: f"{next(numbers):05d}")


def change(
    workflow: str, ref: Ref, version: int, reads: Sequence[Ref] = (), handlers: Sequence[str] = ("heat_worker",)
) -> Change:
    resources = [{"resource_type": one.schema, "resource_id": one.id} for one in reads]
    params = [{"param": "p", "type": "value", "value": 1, "resources": resources}]
    return Change(workflow, ref, version, {"id": ref.id}, {name: params for name in handlers}, frozenset(reads))


def jobs_of(ops: Ops) -> list[Job]:
    return [Job.decode(op.value) for op in ops if isinstance(op, Put) and op.key.startswith("/jobs/all/")]


def keys_of(ops: Ops, prefix: str) -> list[str]:
    return [op.key.removeprefix(prefix) for op in ops if isinstance(op, Put) and op.key.startswith(prefix)]


def short(job_id: str) -> str:
    return job_id.rsplit(":", 1)[0]


def test_the_recorded_chain_of_the_first_flow() -> None:
    board = new_board()
    interface = jobs_of(board.plan(change("create", INTERFACE, 1, [GATEWAY, ROUTER], BOTH)))
    gateway = jobs_of(board.plan(change("modify", GATEWAY, 2, [ROUTER], BOTH)))
    assert [(job.action, job.handler, job.is_first, job.is_last, job.on_failure) for job in interface + gateway] == [
        ("create", "heat_worker", True, False, "fail"),
        ("create", "monitoring_worker", False, True, "fail"),
        ("delete", "monitoring_worker", True, False, "ignore"),
        ("modify", "heat_worker", False, False, "fail"),
        ("create", "monitoring_worker", False, True, "fail"),
    ]
    a, b, c, d, _ = (job.id for job in interface + gateway)
    assert [set(job.dependency) for job in interface + gateway] == [set(), {a}, {a, b}, {c}, {c, d}]
    assert gateway[0].needs == frozenset(), "the reverse rule is order only"


def test_the_second_flow_has_one_job_each() -> None:
    board = new_board()
    (create,) = jobs_of(board.plan(change("create", INTERFACE, 1, [GATEWAY])))
    (modify,) = jobs_of(board.plan(change("modify", GATEWAY, 2)))
    assert modify.dependency == (create.id,)
    assert modify.is_first
    assert modify.is_last


def test_what_my_parameters_read_is_needed() -> None:
    board = new_board()
    (gateway,) = jobs_of(board.plan(change("create", GATEWAY, 1)))
    (interface,) = jobs_of(board.plan(change("create", INTERFACE, 1, [GATEWAY])))
    assert interface.needs == {gateway.id}


def test_a_delete_waits_for_everything_and_needs_nothing() -> None:
    board = new_board()
    board.plan(change("create", GATEWAY, 1))
    board.plan(change("create", INTERFACE, 1, [GATEWAY]))
    (delete,) = jobs_of(board.plan(change("logical_delete", GATEWAY, 2)))
    assert len(delete.dependency) == 2
    assert delete.needs == frozenset()


def test_versions_of_one_resource_keep_their_order() -> None:
    board = new_board()
    (first,) = jobs_of(board.plan(change("create", GATEWAY, 1)))
    (second,) = jobs_of(board.plan(change("modify", GATEWAY, 2)))
    assert second.dependency == (first.id,)
    assert second.needs == frozenset(), "a failed create is repaired by the update"


def test_a_job_without_open_dependencies_is_ready_and_others_become_so() -> None:
    board = new_board()
    first = board.plan(change("create", GATEWAY, 1))
    second = board.plan(change("create", INTERFACE, 1, [GATEWAY]))
    assert keys_of(first, "/jobs/ready/") == [jobs_of(first)[0].id]
    assert keys_of(second, "/jobs/waiting/") == [jobs_of(second)[0].id]
    over = board.finish(jobs_of(first)[0].id)
    ready = next(i for i, op in enumerate(over) if op.key.startswith("/jobs/ready/"))
    waiting = next(i for i, op in enumerate(over) if op.key.startswith("/jobs/waiting/"))
    assert ready < waiting, "ready stands before waiting goes"


def test_what_a_workflow_has_found_goes_with_its_last_job() -> None:
    board, found = new_board(), "/esi-worker/job_state/v2.0/vpn_interfaces/i"
    one, two = jobs_of(board.plan(change("create", INTERFACE, 1, [], BOTH)))
    board.plan(change("modify", INTERFACE, 2))
    assert found not in [op.key for op in board.finish(one.id)]
    over = [op.key for op in board.finish(two.id) if isinstance(op, Delete)]
    assert over.index(found) < over.index(keys.job_all_key(two.id)), "as recorded"


def test_nothing_is_left_of_a_workflow_that_was_given_up() -> None:
    board = new_board()
    one, _ = jobs_of(board.plan(change("create", INTERFACE, 1, [], BOTH)))
    assert Delete("/esi-worker/job_state/v2.0/vpn_interfaces/i") in board.finish(one.id, "given up")


def test_a_failure_fails_those_that_need_it_with_its_words() -> None:
    board = new_board()
    first = jobs_of(board.plan(change("create", GATEWAY, 1)))
    board.plan(change("create", INTERFACE, 1, [GATEWAY], BOTH))
    ops = board.finish(first[0].id, "mx1: no such filter")
    (state,) = [op for op in ops if isinstance(op, Put) and op.key == "/state/v2.0/vpn_interfaces/i"]
    decoded = decode_state(state.value)
    assert decoded.error == "dependency failed: vpn_gateway:g: mx1: no such filter"
    assert decoded.state["orchestration_state"] == "CREATE_FAILED"
    assert len(board) == 0
    assert sum(isinstance(op, Delete) and op.key.startswith("/jobs/all/") for op in ops) == 3


def test_a_failure_does_not_touch_those_that_only_come_after() -> None:
    board = new_board()
    interface = jobs_of(board.plan(change("create", INTERFACE, 1, [GATEWAY])))
    gateway = jobs_of(board.plan(change("modify", GATEWAY, 2)))
    ops = board.finish(interface[0].id, "refused")
    assert keys_of(ops, "/jobs/ready/") == [gateway[0].id]
    assert not keys_of(ops, "/state/")


def test_the_rest_of_a_failed_workflow_goes_without_a_second_state() -> None:
    board = new_board()
    jobs = jobs_of(board.plan(change("create", INTERFACE, 1, [], BOTH)))
    ops = board.finish(jobs[0].id, "refused")
    assert not keys_of(ops, "/state/")
    assert len(board) == 0


def test_a_new_master_knows_what_the_old_one_knew() -> None:
    old = new_board()
    ops = old.plan(change("create", INTERFACE, 1, [GATEWAY], BOTH)) + old.plan(change("modify", GATEWAY, 2, [], BOTH))
    jobs = jobs_of(ops)
    new = new_board()
    new.load(reversed(jobs))
    assert [op.key for op in new.finish(jobs[0].id)] == [op.key for op in old.finish(jobs[0].id)]


@pytest.mark.parametrize(
    ("workflow", "handlers", "expected"),
    [
        ("create", ("monitoring_worker",), ["create"]),
        ("modify", ("monitoring_worker",), ["delete", "create"]),
        ("logical_delete", ("monitoring_worker",), ["delete"]),
        ("logical_delete", BOTH, ["delete", "logical_delete"]),
        ("modify", ("heat_worker",), ["modify"]),
    ],
)
def test_stages(workflow: str, handlers: tuple[str, ...], expected: list[str]) -> None:
    assert [stage.action for stage in stages(workflow, handlers)] == expected
