"""GET /esi/trace: everything that one request set in motion, for whoever may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from esi.api import Api
from esi.identity import Identity
from esi.store.messages import SqliteMessages
from esi.store.recording import RecordingStore
from esi.telemetry import MASK, MemoryRecorder, Message
from esi.telemetry.masks import Masks
from esi.telemetry.segments import Limits, as_document
from unit.api.serving import PEOPLE, People, Talk, catalogue, served

NOTES = "/v2.0/notes"


class Traced:
    """A talk with an API whose messages are kept; `keep` brings there what has been recorded so far."""

    def __init__(self, talk: Talk, messages: SqliteMessages) -> None:
        self.talk = talk
        self.messages = messages
        lifecycle = talk.ring.lifecycle
        lifecycle.store = RecordingStore(lifecycle.store, talk.recorder, lifecycle.clock)
        talk.api = Api(lifecycle, People(), recorder=talk.recorder, messages=messages)

    async def keep(self) -> None:
        found = [orjson.dumps(as_document(message, "api")) for message in self.talk.recorder.messages]
        self.talk.recorder.messages.clear()
        await self.messages.take(b"\n".join(found))

    async def trace(self, schema: str, id_: str, *, token: str = "root", query: str = "") -> dict[str, Any]:
        await self.keep()
        status, document, _headers = await self.talk.ask("GET", f"/esi/trace/{schema}/{id_}{query}", token=token)
        assert status == 200, document
        found: dict[str, Any] = document["trace"]
        return found


@pytest.fixture
async def traced() -> AsyncIterator[Traced]:
    async with served(catalogue()) as talk:
        messages = SqliteMessages(":memory:", clock=talk.ring.clock, inline=True)
        yield Traced(talk, messages)
        await messages.close()


def summary(trace: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(item["hop"], item["from"], item["to"]) for item in trace["messages"]]


async def test_the_trace_of_one_request(traced: Traced) -> None:
    _status, made, headers = await traced.talk.ask("POST", NOTES, {"text": "x", "hidden": "hush"})
    trace = await traced.trace("note", made["note"]["id"])
    assert summary(trace)[:2] == [("http", "client", "gohan"), ("sql", "gohan", "sql")]
    assert (trace["method"], trace["request_id"]) == ("create", headers["X-Request-Id"])
    assert trace["parties"] == ["client", "gohan", "sql"]
    assert (trace["complete"], trace["dropped"]) == (True, 0)
    (change,) = trace["changes"]
    assert (change["action"], change["version"], change["cause"]) == ("create", 1, None)
    text = str(trace)
    assert "hush" not in text
    assert MASK in text


async def test_a_request_can_be_picked_and_the_newest_is_the_default(traced: Traced) -> None:
    path = f"{NOTES}/a"
    _status, _made, first = await traced.talk.ask("PUT", path, {"text": "x"})
    _status, _made, second = await traced.talk.ask("PUT", path, {"text": "y"})
    newest = await traced.trace("note", "a")
    older = await traced.trace("note", "a", query=f"?request={first['X-Request-Id']}")
    assert (newest["request_id"], older["request_id"]) == (second["X-Request-Id"], first["X-Request-Id"])
    assert {ref["version"] for item in newest["messages"] for ref in item["refs"]} == {2}
    assert {ref["version"] for item in older["messages"] for ref in item["refs"]} == {1}
    assert (await traced.talk.ask("GET", "/esi/trace/note/a?request=req-none"))[0] == 404


async def test_what_was_caused_belongs_to_it_and_nothing_else(traced: Traced) -> None:
    talk = traced.talk
    gateway = await talk.ring.working_gateway()
    body = await talk.ring.body(gateway)
    _status, made, headers = await talk.ask("POST", "/v2.0/interfaces", {"gateway_id": body["id"], "name": "n"})
    await talk.ask("PUT", f"{NOTES}/other", {"text": "x"})
    trace = await traced.trace("interface", made["interface"]["id"])
    found = {(change["schema"], change["version"]): change for change in trace["changes"]}
    assert set(found) >= {("interface", 1)}
    for change in found.values():
        assert change["request_id"] == headers["X-Request-Id"]
        if change["schema"] != "interface":
            assert change["cause"] == {"schema": "interface", "id": made["interface"]["id"], "version": 1}
    assert "note" not in {ref["schema"] for item in trace["messages"] for ref in item["refs"]}


async def test_a_foreign_trace_is_not_there(traced: Traced) -> None:
    _status, made, _headers = await traced.talk.ask("POST", NOTES, {"text": "his"}, token="bob")
    await traced.keep()
    path = f"/esi/trace/note/{made['note']['id']}"
    shown = await traced.talk.ask("GET", f"{NOTES}/{made['note']['id']}", token="alice")
    asked = await traced.talk.ask("GET", path, token="alice")
    nobody = await traced.talk.ask("GET", "/esi/trace/note/nobody", token="alice")
    assert (shown[0], asked[0], nobody[0]) == (404, 404, 404)
    assert (await traced.talk.ask("GET", path, token=None))[0] == 401
    assert (await traced.talk.ask("GET", "/esi/trace/nothing/1", token="alice"))[0] == 404
    assert (await traced.talk.ask("GET", path, token="bob"))[0] == 200


async def test_a_tenant_sees_that_it_happened_and_its_own_words_only(traced: Traced) -> None:
    talk = traced.talk
    _status, made, _headers = await talk.ask("POST", NOTES, {"text": "mine", "hidden": "hush"}, token="alice")
    id_ = made["note"]["id"] if "note" in made else ""
    if not id_:
        _status, made, _headers = await talk.ask("POST", NOTES, {"text": "mine"}, token="alice")
        id_ = made["note"]["id"]
    ref, foreign = ("note", id_, 1), ("gateway", "9", 1)
    diff = {"diff": "foreign lines"}
    now = talk.ring.clock.now()
    talk.recorder.message(Message("device", "devices", "10.0.0.9", "commit", diff, now, 0.1, (ref, foreign)))
    talk.recorder.message(Message("device", "devices", "10.0.0.9", "commit", diff, now, 0.1, (foreign,)))
    trace = await traced.trace("note", id_, token="alice")
    devices = [item for item in trace["messages"] if item["hop"] == "device"]
    assert [(item["to"], item["body"], len(item["refs"])) for item in devices] == [("device", None, 1)]
    assert "foreign" not in str(trace)
    assert "10.0.0.9" not in str(trace)
    told = {item["hop"]: item["body"] for item in trace["messages"]}
    assert told["http"] is not None
    assert told["sql"] is None
    whole = await traced.trace("note", id_)
    assert len([item for item in whole["messages"] if item["hop"] == "device"]) == 1
    assert "foreign lines" in str(whole)


async def test_what_is_gone_is_for_administrators(traced: Traced) -> None:
    path = f"{NOTES}/a"
    await traced.talk.ask("PUT", path, {"text": "x", "tenant_id": PEOPLE["bob"].tenant})
    assert (await traced.talk.ask("DELETE", path))[0] == 204
    trace = await traced.trace("note", "a")
    assert [change["action"] for change in trace["changes"]][-1] == "physical_delete"
    assert summary(trace)[0] == ("http", "client", "gohan")
    assert (await traced.talk.ask("GET", "/esi/trace/note/a", token="bob"))[0] == 404


async def test_messages_are_taken_from_workers_only(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PEOPLE, "worker", Identity("worker", roles=("worker",)))
    await traced.talk.ask("PUT", f"{NOTES}/a", {"text": "x"})
    more = Message(
        "job", "heat worker", "etcd", "PUT /jobs", {}, traced.talk.ring.clock.now(), refs=(("note", "a", 1),)
    )
    lines = {"lines": orjson.dumps(as_document(more, "worker")).decode() + '\n{"cut off'}
    for token, expected in (("alice", 403), (None, 401), ("worker", 204), ("worker", 204)):
        assert (await traced.talk.ask("POST", "/esi/messages", lines, token=token))[0] == expected
    assert (await traced.talk.ask("POST", "/esi/messages", {"lines": 3}, token="worker"))[0] == 400
    trace = await traced.trace("note", "a")
    assert summary(trace).count(("job", "heat worker", "etcd")) == 1, "sent twice it stands there once"


async def test_what_is_not_kept_yet_when_a_trace_is_asked_for_comes_first(traced: Traced) -> None:
    _status, made, _headers = await traced.talk.ask("POST", NOTES, {"text": "x"})
    traced.messages.first = traced.keep
    _status, answer, _headers = await traced.talk.ask("GET", f"/esi/trace/note/{made['note']['id']}", token="root")
    assert summary(answer["trace"])[:2] == [("http", "client", "gohan"), ("sql", "gohan", "sql")]


async def test_messages_are_bounded_and_a_loss_is_told() -> None:
    async with served(catalogue()) as talk:
        clock = talk.ring.clock
        messages = SqliteMessages(":memory:", clock=clock, limits=Limits(size=20_000), inline=True)
        for number in range(200):
            one = Message("sql", "gohan", "sql", str(number), "x" * 100, clock.now(), refs=(("note", "a", 1),))
            await messages.take(orjson.dumps(as_document(one, "api")))
        await messages.take(orjson.dumps({"dropped": 7, "at": clock.now(), "process": "api"}))
        kept = await messages.of([("note", "a", 1)], [], clock.now() - 60)
        assert 20 < len(kept.messages) < 100
        assert "199" in {item["subject"] for item in kept.messages}
        assert kept.dropped == 7
        await messages.close()


def test_masks_know_what_schemas_declare() -> None:
    recorder = MemoryRecorder(clean=Masks(catalogue().secret_names))
    recorder.message(Message("sql", "a", "b", "", {"hidden": "hush"}))
    assert recorder.messages[0].body == {"hidden": MASK}
