"""Which commits go together, and what each hears."""

from __future__ import annotations

import asyncio

import pytest

from esi.errors import EsiError, LeaseLost, Unreachable
from esi.kv import Entry, Guard, Put
from esi.kv import rpc_pb2 as pb
from esi.kv.together import MOST_OPS, Commit, Commits, Reads
from esi.together import TOGETHER, UNDER_WAY, Together

Answers = Together[Commit, tuple[bool, int]]


class Etcd:
    """Holds what is sent until `open`; then refuses what `refuses` says."""

    def __init__(self) -> None:
        self.sent: list[pb.TxnRequest] = []
        self.open = asyncio.Event()
        self.refuses: EsiError | None = None

    async def send(self, request: pb.TxnRequest) -> pb.TxnResponse:
        self.sent.append(request)
        await self.open.wait()
        nested = [op.request_txn for op in request.success if op.HasField("request_txn")]
        if self.refuses is not None and (nested or request.success[0].request_put.key == b"/bad"):
            raise self.refuses
        answers = [pb.ResponseOp(response_txn=pb.TxnResponse(succeeded=not one.compare)) for one in nested]
        header = pb.ResponseHeader(revision=len(self.sent))
        return pb.TxnResponse(header=header, succeeded=not request.compare, responses=answers)


async def started(together: Answers, *keys: str, guards: tuple[Guard, ...] = ()) -> list[asyncio.Task[object]]:
    tasks: list[asyncio.Task[object]] = [
        asyncio.ensure_future(together.ask(Commit([Put(key, b"")], guards))) for key in keys
    ]
    await asyncio.sleep(0)
    return tasks


async def busy(etcd: Etcd) -> tuple[Answers, list[asyncio.Task[object]]]:
    """As many under way as may be."""
    together = Together(Commits(etcd.send))
    return together, await started(together, *(f"/first/{number}" for number in range(UNDER_WAY)))


def sizes(etcd: Etcd) -> list[int]:
    return [len(request.success) for request in etcd.sent]


def keys(request: pb.TxnRequest) -> list[str]:
    nested = [op.request_txn for op in request.success if op.HasField("request_txn")]
    return [op.request_put.key.decode() for one in nested or [request] for op in one.success]


async def test_who_comes_first_goes_at_once_and_the_others_together() -> None:
    etcd = Etcd()
    together, first = await busy(etcd)
    later = await started(together, *(f"/later/{number}" for number in range(TOGETHER + 3)))
    assert sizes(etcd) == [1] * UNDER_WAY
    etcd.open.set()
    assert {answer[0] for answer in await asyncio.gather(*first, *later)} == {True}  # type: ignore[index]
    assert sorted(sizes(etcd)) == sorted([*[1] * UNDER_WAY, TOGETHER, 3])


async def test_commits_that_meet_in_a_key_do_not_go_together_and_nobody_overtakes() -> None:
    etcd = Etcd()
    together, first = await busy(etcd)
    later = await started(together, "/a", "/b", "/a", "/c")
    later += await started(together, "/d", guards=(Guard.absent("/c"),))
    etcd.open.set()
    await asyncio.gather(*first, *later)
    assert [keys(request) for request in etcd.sent[UNDER_WAY:]] == [["/a", "/b"], ["/a", "/c"], ["/d"]]


async def test_each_hears_whether_its_own_guards_held() -> None:
    etcd = Etcd()
    together, first = await busy(etcd)
    good = await started(together, "/good")
    bad = await started(together, "/other", guards=(Guard.absent("/x"),))
    etcd.open.set()
    answers = await asyncio.gather(*first, *good, *bad)
    assert answers[UNDER_WAY:] == [(True, UNDER_WAY + 1), (False, UNDER_WAY + 1)]


async def test_one_that_is_refused_refuses_nobody_else() -> None:
    etcd = Etcd()
    etcd.refuses = LeaseLost("the lease has ended")
    together, first = await busy(etcd)
    later = await started(together, "/one", "/bad", "/two")
    etcd.open.set()
    answers = await asyncio.gather(*first, *later, return_exceptions=True)
    assert [isinstance(answer, LeaseLost) for answer in answers[UNDER_WAY:]] == [False, True, False]


async def test_an_answer_that_is_lost_is_lost_for_all_and_nothing_is_sent_again() -> None:
    etcd = Etcd()
    etcd.refuses = Unreachable("etcd does not answer", reason="full")
    together, first = await busy(etcd)
    later = await started(together, "/one", "/two")
    etcd.open.set()
    answers = await asyncio.gather(*first, *later, return_exceptions=True)
    lost = [answer for answer in answers if isinstance(answer, Unreachable)]
    assert [error.details for error in lost] == [{"reason": "full"}] * 2
    assert lost[0] is not lost[1]
    assert len(etcd.sent) == UNDER_WAY + 1


async def test_what_is_cancelled_before_it_went_is_not_sent() -> None:
    etcd = Etcd()
    together, first = await busy(etcd)
    (gone,) = await started(together, "/gone")
    gone.cancel()
    etcd.open.set()
    await asyncio.gather(*first, gone, return_exceptions=True)
    assert len(etcd.sent) == UNDER_WAY


async def test_a_wide_one_goes_alone() -> None:
    etcd = Etcd()
    together, first = await busy(etcd)
    later = await started(together, "/one")
    wide = [Put(f"/wide/{number}", b"") for number in range(MOST_OPS + 1)]
    later.append(asyncio.ensure_future(together.ask(Commit(wide, ()))))
    etcd.open.set()
    await asyncio.gather(*first, *later)
    assert sizes(etcd)[UNDER_WAY:] == [1, MOST_OPS + 1]


async def test_closing_ends_who_waits() -> None:
    etcd = Etcd()
    together, first = await busy(etcd)
    later = await started(together, "/one", "/two")
    await together.close()
    with pytest.raises(Unreachable, match="closed"):
        await later[0]
    with pytest.raises(Unreachable, match="closed"):
        await later[1]
    etcd.open.set()
    await asyncio.gather(*first)


async def test_reads_go_together_and_each_gets_its_own() -> None:
    """What is not there is None, also among others."""
    opened, sent = asyncio.Event(), []

    async def read(key: str) -> Entry | None:
        await opened.wait()
        return None

    async def send(request: pb.TxnRequest) -> pb.TxnResponse:
        names = [op.request_range.key for op in request.success]
        sent.append(names)
        kvs = [[pb.KeyValue(key=name, value=name, mod_revision=3)] if name != b"/none" else [] for name in names]
        return pb.TxnResponse(responses=[pb.ResponseOp(response_range=pb.RangeResponse(kvs=found)) for found in kvs])

    together = Together(Reads(read, send))
    wanted = [*(f"/first/{number}" for number in range(UNDER_WAY)), "/a", "/none", "/b"]
    tasks = [asyncio.ensure_future(together.ask(key)) for key in wanted]
    await asyncio.sleep(0)
    opened.set()
    found = await asyncio.gather(*tasks)
    assert [entry and entry.key for entry in found] == [*[None] * UNDER_WAY, "/a", None, "/b"]
    assert sent == [[b"/a", b"/none", b"/b"]]
