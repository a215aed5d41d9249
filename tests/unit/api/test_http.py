"""The HTTP behaviour that clients depend on."""

from __future__ import annotations

import asyncio
import json

import pytest

from esi.telemetry import MASK
from unit.api.serving import Talk

NOTES = "/v2.0/notes"


async def test_create_show_list_update_delete(talk: Talk) -> None:
    status, made, headers = await talk.ask("POST", NOTES, {"note": {"text": "a"}}, token="alice")
    assert (status, headers["Content-Type"]) == (201, "application/json")
    assert headers["X-Request-Id"].startswith("req-")
    note = made["note"]
    assert note == {"id": note["id"], "tenant_id": "a" * 32, "text": "a"}
    path = f"{NOTES}/{note['id']}"
    assert await _body(talk, path) == {"note": {**note, "raw": None, "hidden": None}}
    status, listed, headers = await talk.ask("GET", NOTES)
    assert (status, [row["id"] for row in listed["notes"]], headers["X-Total-Count"]) == (200, [note["id"]], "1")
    for method, text in (("PATCH", "b"), ("PUT", "c")):
        status, changed, _headers = await talk.ask(method, path, {"text": text})
        assert (status, changed["note"]["text"]) == (200, text)
    status, made, _headers = await talk.ask("PUT", f"{NOTES}/chosen", {"note": {"text": "new"}})
    assert (status, made["note"]["id"]) == (201, "chosen")
    assert (await talk.ask("PATCH", f"{NOTES}/unknown", {"text": "x"}))[0] == 404
    assert (await talk.ask("DELETE", path))[:2] == (204, None)
    assert (await talk.ask("GET", path))[0] == 404


async def _body(talk: Talk, path: str) -> object:
    status, document, _headers = await talk.ask("GET", path)
    assert status == 200
    return document


async def test_json_is_sorted_and_indented_and_the_suffix_is_accepted(talk: Talk) -> None:
    await talk.ask("PUT", f"{NOTES}/n", {"text": "é"})
    await talk.ask("GET", f"{NOTES}/n.json/")
    text = talk.text.decode()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False)
    assert (await talk.ask("GET", f"{NOTES}.json"))[0] == 200
    assert (await talk.ask("PUT", f"{NOTES}/n.json.json", {"text": "x"}))[0] == 400


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("?sort_key=text&sort_order=desc", ["b", "c", "a"]),
        ("?sort_key=text&limit=1&offset=1", ["c"]),
        ("?text=1", ["a"]),
        ("?text=1&text=3", ["a", "b"]),
        ("?text=1&id=b&any_of=true", ["a", "b"]),
        ("?any_of=true", []),
        ("?limit=0", []),
        ("?id=zzz", []),
        ("?text=2&search_field=text", ["c"]),
        ("?_details=false&fields=id", ["a", "b", "c"]),
        ("?raw=", []),
    ],
)
async def test_lists(talk: Talk, query: str, ids: list[str]) -> None:
    for id_, text in (("a", "1"), ("b", "3"), ("c", "12")):
        await talk.ask("PUT", f"{NOTES}/{id_}", {"text": text})
    if "search" in query:
        ids = ["c"]
    status, listed, headers = await talk.ask("GET", NOTES + query)
    assert (status, [row["id"] for row in listed["notes"]]) == (200, ids)
    assert headers["X-Total-Count"] == ("3" if "limit" in query else str(len(ids)))


async def test_fields_leave_out_the_rest_and_nulls(talk: Talk) -> None:
    await talk.ask("PUT", f"{NOTES}/a", {"text": "x"})
    assert await _body(talk, f"{NOTES}/a?_fields=text&_fields=raw") == {"note": {"text": "x"}}


@pytest.mark.parametrize(
    "query",
    ["?colour=red", "?limit=-1", "?offset=x", "?limit=9" + "9" * 30, "?sort_key=nope", "?sort_order=up",
    "?_fields=nope",
     "?search_field=text", "?any_of=perhaps", "?" + "&".join(f"text={n}" for n in range(600)), "?limit=٣"],
)  # fmt: skip
async def test_queries_that_make_no_sense(talk: Talk, query: str) -> None:
    status, document, _headers = await talk.ask("GET", NOTES + query)
    assert (status, document["code"]) == (400, "invalid")


@pytest.mark.parametrize("value", ["x", "1.5", "99999999999999999999", "٣"])
async def test_filters_have_the_kind_of_their_property(talk: Talk, value: str) -> None:
    assert (await talk.ask("GET", f"/v2.0/pairs?free={value}"))[0] == 400
    assert (await talk.ask("GET", "/v2.0/gateways?settings=x"))[0] == 400
    assert (await talk.ask("GET", "/v2.0/pairs?free=-3"))[0] == 200


async def test_errors_have_one_shape(talk: Talk) -> None:
    status, document, headers = await talk.ask("POST", "/v2.0/routers", {"ip": "nonsense", "colour": 1})
    assert (status, headers["Content-Type"], sorted(document)) == (
        400,
        "application/json",
        ["code", "details", "error", "help", "request_id"],
    )
    assert [error["path"] for error in document["details"]["errors"]] == ["colour", "ip"]
    assert (await talk.ask("POST", "/v2.0/routers", {"ip": "192.0.2.1"}))[0] == 201
    status, document, _headers = await talk.ask("POST", "/v2.0/routers", {"ip": "192.0.2.1"})
    assert (status, document["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/", 404),
        ("GET", f"{NOTES}/a/b/c", 404),
        ("GET", f"{NOTES}/a%2Fb", 404),
        ("DELETE", NOTES, 405),
        ("POST", f"{NOTES}/a", 405),
        ("TRACE", NOTES, 405),
        ("POST", "/gohan/v0.1/schemas", 405),
        ("OPTIONS", NOTES, 204),
        ("HEAD", NOTES, 200),
    ],
)
async def test_paths_and_methods(talk: Talk, method: str, path: str, status: int) -> None:
    got, _document, headers = await talk.ask(method, path)
    assert got == status
    assert ("Allow" in headers) == (status in (405, 204))


@pytest.mark.parametrize(
    ("data", "media", "status", "words"),
    [
        (b'{"note": mist}', "application/json", 400, "line 1 column"),
        (b"", "application/json", 400, "parse"),
        (b"[1]", "application/json", 400, "not a data dictionary"),
        (b'"x"', "application/json", 400, "not a data dictionary"),
        (b"\xff", "application/json", 400, "parse"),
        (b'{"text": "\\ud800"}', "application/json", 400, "parse"),
        (b"[" * 100 + b"]" * 100, "application/json", 400, "deeper"),
        (b"[" * 100_000, "application/json", 400, "parse"),
        (b"text=a", "application/x-www-form-urlencoded", 415, "not understood"),
        (b'{"text": "a"}', "application/vnd.esi+json; charset=utf-8", 201, ""),
    ],
)
async def test_bodies(talk: Talk, data: bytes, media: str, status: int, words: str) -> None:
    got, document, _headers = await talk.ask("POST", NOTES, data=data, headers={"Content-Type": media})
    assert got == status
    assert words in document.get("error", "")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_has_at_most_a_mebibyte_announced_or_not(talk: Talk, announced: bool) -> None:
    big = json.dumps({"text": "x" * (1024 * 1024)}).encode()
    headers = {"Content-Length": str(len(big))} if announced else {}
    status, document, _headers = await talk.ask("POST", NOTES, data=big, headers=headers)
    assert (status, document["code"]) == (413, "too_large")
    assert (await talk.ask("POST", NOTES, {"text": "x" * 1_000_000}))[0] == 201


async def test_who_may_do_what(talk: Talk) -> None:
    await talk.ask("PUT", f"{NOTES}/hers", {"text": "x"}, token="alice")
    cases = [
        ("GET", f"{NOTES}/hers", None, 401),
        ("GET", f"{NOTES}/hers", "wrong", 401),
        ("GET", "/nowhere", None, 401),
        ("GET", "/gohan/v0.1/version", None, 401),
        ("GET", f"{NOTES}/hers", "bob", 404),
        ("DELETE", f"{NOTES}/hers", "alice", 403),
        ("GET", NOTES, "stranger", 403),
        ("GET", f"{NOTES}/hers", "stranger", 403),
        ("GET", "/v2.0/journals", None, 200),
        ("POST", "/v2.0/journals", None, 401),
        ("GET", "/common/v1.0/tenants", "alice", 403),
    ]
    for method, path, token, expected in cases:
        body: object = {} if method == "POST" else None
        assert (await talk.ask(method, path, body, token=token))[0] == expected, (method, path, token)


async def test_a_token_comes_by_header_cookie_or_bearer(talk: Talk) -> None:
    for headers in ({"Cookie": "Auth-Token=alice"}, {"Authorization": "Bearer alice"}):
        assert (await talk.ask("GET", NOTES, token=None, headers=headers))[0] == 200
    assert (await talk.ask("GET", NOTES, token="wrong", headers={"Cookie": "Auth-Token=alice"}))[0] == 401


async def test_an_administrator_acts_for_a_tenant_others_do_not(talk: Talk) -> None:
    for token, tenant in (("root", "b" * 32), ("alice", "a" * 32)):
        _status, made, _headers = await talk.ask(
            "POST", NOTES, {"text": "x"}, token=token, headers={"X-Tenant": "b" * 32}
        )
        assert made["note"]["tenant_id"] == tenant


async def test_secrets_are_the_administrators(talk: Talk) -> None:
    _status, made, _headers = await talk.ask("POST", NOTES, {"text": "x", "hidden": "hush"}, token="alice")
    path = f"{NOTES}/{made['note']['id']}"
    assert "hidden" not in made["note"]
    for query in ("", "?_fields=hidden"):
        _status, shown, _headers = await talk.ask("GET", path + query, token="alice")
        assert "hidden" not in shown["note"]
    assert (await talk.ask("GET", f"{NOTES}?hidden=hush", token="alice"))[0] == 400
    assert (await talk.ask("GET", f"{NOTES}?sort_key=hidden", token="alice"))[0] == 400
    _status, shown, _headers = await talk.ask("GET", path)
    assert shown["note"]["hidden"] == "hush"
    _status, schemas, _headers = await talk.ask("GET", "/gohan/v0.1/schemas/note", token="alice")
    assert "hidden" not in schemas["schema"]["schema"]["properties"]


async def test_messages_are_recorded_with_secrets_masked(talk: Talk) -> None:
    _status, made, headers = await talk.ask("POST", NOTES, {"note": {"text": "x", "hidden": "hush"}})
    sent, told = talk.recorder.of("http")
    assert (sent.sender, sent.subject, sent.body) == (
        "client",
        f"POST {NOTES}",
        {"note": {"text": "x", "hidden": MASK}},
    )
    assert (told.receiver, told.subject, told.refs) == (
        "client",
        f"201 POST {NOTES}",
        (("note", made["note"]["id"], 1),),
    )
    assert told.body["note"]["hidden"] == MASK
    assert sent.request == told.request == headers["X-Request-Id"]


async def test_actions_and_schemas_and_health(talk: Talk) -> None:
    await talk.ask("PUT", f"{NOTES}/a", {"text": "x"})
    assert (await talk.ask("POST", f"{NOTES}/a/shout", {"loud": True}))[0] == 200
    assert (await talk.ask("POST", f"{NOTES}/a/shout", {"loud": "very"}))[0] == 400
    assert (await talk.ask("GET", f"{NOTES}/a/shout"))[0] == 405
    status, document, headers = await talk.ask("GET", "/gohan/v0.1/schemas", token="alice")
    listed = {schema["id"]: schema for schema in document["schemas"]}
    assert (status, headers["X-Total-Count"], "tenant" in listed) == (200, str(len(listed)), False)
    assert listed["note"]["url"] == NOTES
    assert listed["note"]["schema"]["permission"] == ["create", "read", "update"]
    assert listed["note"]["schema"]["properties"]["text"]["permission"] == ["create", "update"]
    assert list(listed["pair"]["schema"]["properties"]) == ["id", "status"]
    assert (await talk.ask("GET", "/gohan/v0.1/schemas/tenant", token="alice"))[0] == 404
    assert (await talk.ask("GET", "/gohan/v0.1/version", token="alice"))[1].keys() == {"app", "version"}
    assert (await talk.ask("GET", "/healthz", token=None))[:2] == (200, {"status": "ok"})


async def test_what_breaks_inside_is_not_told(talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    async def break_(tx: object, change: object) -> None:
        raise KeyError("inner secret")

    talk.ring.hooks.on("note", "pre_create", break_)
    status, document, headers = await talk.ask("POST", NOTES, {"text": "x"})
    assert (status, document["code"]) == (500, "broken")
    assert document["request_id"] == headers["X-Request-Id"]
    assert "inner secret" not in str(document)
    assert "inner secret" in caplog.text
    await talk.ring.store.close()
    assert (await talk.ask("GET", "/healthz"))[0] in (500, 503)


async def test_many_at_once(talk: Talk) -> None:
    answers = await asyncio.gather(*(talk.ask("PUT", f"{NOTES}/n{n}", {"text": str(n)}) for n in range(100)))
    assert {status for status, _document, _headers in answers} == {201}
    _status, _listed, headers = await talk.ask("GET", f"{NOTES}?limit=1")
    assert headers["X-Total-Count"] == "100"
