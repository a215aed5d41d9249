"""What etcd's errors mean, and where a prefix ends."""

from __future__ import annotations

import subprocess
import sys

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from esi.errors import Compacted, EsiError, LeaseLost, Rejected, TooLarge, Unreachable
from esi.kv.wire import Verdict, first_key, judge, range_end

Code = grpc.StatusCode

CONNECT = """
import asyncio
import esi.kv.etcd
import grpc.aio
async def main():
    channel = grpc.aio.insecure_channel("127.0.0.1:1")
    channel.get_state(try_to_connect=True)
    await asyncio.sleep(0.2)
    await channel.close()
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("trace", "sign"), [({}, ""), ({"GRPC_TRACE": "tcp", "GRPC_VERBOSITY": "debug"}, "tcp_client")]
)
def test_grpc_uses_the_engine_that_costs_less_and_knows_it_by_that_name(trace: dict[str, str], sign: str) -> None:
    """A gRPC without it would say on stderr that it does not know the word (docs/adr/0032). It traces its own sockets
    only with that engine."""
    done = subprocess.run([sys.executable, "-c", CONNECT], capture_output=True, text=True, check=True, env=trace)
    assert sign in done.stderr
    assert trace or not done.stderr, done.stderr


def error(code: Code, words: str) -> AioRpcError:
    return AioRpcError(code, Metadata(), Metadata(), details=words)


@pytest.mark.parametrize(
    ("code", "words", "verdict"),
    [
        (Code.UNAVAILABLE, "failed to connect to all addresses; last error: refused", Verdict.NOT_DONE),
        (Code.UNAVAILABLE, "etcdserver: no leader", Verdict.NOT_DONE),
        (Code.RESOURCE_EXHAUSTED, "etcdserver: too many requests", Verdict.NOT_DONE),
        (Code.UNAVAILABLE, "etcdserver: leader changed", Verdict.UNKNOWN),
        (Code.UNAVAILABLE, "etcdserver: request timed out", Verdict.UNKNOWN),
        (Code.UNAVAILABLE, "Socket closed", Verdict.UNKNOWN),
        (Code.DEADLINE_EXCEEDED, "Deadline Exceeded", Verdict.UNKNOWN),
        (Code.INTERNAL, "Received RST_STREAM with error code 2", Verdict.UNKNOWN),
        (Code.UNAUTHENTICATED, "etcdserver: invalid auth token", Verdict.NEW_TOKEN),
        (Code.INVALID_ARGUMENT, "etcdserver: revision of auth store is old", Verdict.NEW_TOKEN),
    ],
)
def test_calls_that_may_be_tried_again(code: Code, words: str, verdict: Verdict) -> None:
    assert judge(error(code, words), "here") is verdict


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", Compacted),
        (Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision", Compacted),
        (Code.NOT_FOUND, "etcdserver: requested lease not found", LeaseLost),
        (Code.INVALID_ARGUMENT, "etcdserver: request is too large", TooLarge),
        (Code.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", Unreachable),
        (Code.PERMISSION_DENIED, "etcdserver: permission denied", Rejected),
        (Code.INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user ID or password", Rejected),
        (Code.INVALID_ARGUMENT, "etcdserver: user name is empty", Rejected),
        (Code.UNIMPLEMENTED, "unknown method", Rejected),
    ],
)
def test_calls_that_end(code: Code, words: str, kind: type[EsiError]) -> None:
    assert isinstance(judge(error(code, words), "here"), kind)


@pytest.mark.parametrize(
    ("prefix", "end"),
    [(b"/a/", b"/a0"), (b"\xff", b"\0"), (b"a\xff\xff", b"b"), (b"", b"\0"), (b"\xf4\x8f", b"\xf4\x90")],
)
def test_range_of_a_prefix(prefix: bytes, end: bytes) -> None:
    assert range_end(prefix) == end
    assert first_key(prefix) == (prefix or b"\0")
