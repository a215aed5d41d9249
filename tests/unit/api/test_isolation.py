"""No endpoint shows, changes or confirms a foreign tenant's row: whatever is asked, by whatever name."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from unit.api.serving import Talk, catalogue, served

SECRET = "belongs to bob"
KNOWN = catalogue()
HIS = ["note", "gateway", "interface"]
WORDS = [
    "id",
    "name",
    "text",
    "tenant_id",
    "status",
    "vlan",
    "gateway_id",
    "any_of",
    "search_field",
    "sort_key",
    "_fields",
    "limit",
]
VALUES = ["", "%", "b" * 32, "a" * 32, "his", SECRET, "true", "name", "text", "id", "5", "' OR 1=1 --"]


async def prepared(talk: Talk) -> dict[str, str]:
    """Bob has one of each; the answer maps schema to id."""
    pair = (await talk.ring.body(await talk.ring.working_gateway()))["pair_id"]
    _s, gateway, _h = await talk.ask("POST", "/v2.0/gateways", {"pair_id": pair, "name": SECRET}, token="bob")
    _s, note, _h = await talk.ask("POST", "/v2.0/notes", {"text": SECRET}, token="bob")
    gateway_id = gateway["gateway"]["id"]
    _s, interface, _h = await talk.ask(
        "POST", "/v2.0/interfaces", {"gateway_id": gateway_id, "name": SECRET}, token="bob"
    )
    return {"note": note["note"]["id"], "gateway": gateway_id, "interface": interface["interface"]["id"]}


requests = st.lists(
    st.tuples(
        st.sampled_from(["GET", "PUT", "PATCH", "DELETE", "POST"]),
        st.sampled_from(HIS),
        st.sampled_from(["collection", "item", "action"]),
        st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(VALUES)), max_size=3),
        st.sampled_from(["alice", "stranger"]),
    ),
    min_size=10,
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(requests)
def test_no_endpoint_returns_a_foreign_row(asked: list[tuple[str, str, str, list[tuple[str, str]], str]]) -> None:
    async def run() -> None:
        async with served(KNOWN) as talk:
            his = await prepared(talk)
            before = {name: await _row(talk, name, id_) for name, id_ in his.items()}
            for method, name, place, query, token in asked:
                path = (
                    KNOWN[name].path
                    + {"collection": "", "item": f"/{his[name]}", "action": f"/{his[name]}/shout"}[place]
                )
                body = {"name": "mine", "gateway_id": his["gateway"]} if method != "GET" else None
                status, document, headers = await talk.ask(method, path, body, token=token, params=query)
                assert SECRET not in str(document) or any(value == SECRET for _, value in query)
                assert not (place == "item" and status < 400), (method, path, status)
                assert not any(row.get("tenant_id") == "b" * 32 for row in _rows(document))
                if method == "GET" and place == "collection" and status == 200:
                    assert _rows(document) == []  # alice has nothing: not even a count or an empty row may be told
                    assert headers["X-Total-Count"] == "0"
            assert {name: await _row(talk, name, id_) for name, id_ in his.items()} == before

    asyncio.run(run())


async def _row(talk: Talk, name: str, id_: str) -> Any:
    return (await talk.ask("GET", f"{KNOWN[name].path}/{id_}"))[1]


def _rows(document: Any) -> list[dict[str, Any]]:
    if not isinstance(document, dict):
        return []
    found = [value for value in document.values() if isinstance(value, dict)]
    return found + [row for value in document.values() if isinstance(value, list) for row in value]


async def test_every_relation_refuses_a_foreign_id_like_an_unknown_one() -> None:
    """Each relation of each schema, with an id of bob's and with one that is nobody's: the answers are the same."""
    async with served(KNOWN) as talk:
        his = await prepared(talk)
        tried = 0
        for schema in KNOWN:
            for link in schema.links:
                if link.target not in his or not schema.properties[link.steps[0]].create:
                    continue
                answers = []
                for id_ in (his[link.target], "00000000-0000-4000-8000-00000000dead"):
                    value = [id_] if link.is_list else id_
                    status, told, _ = await talk.ask("POST", schema.path, {link.steps[0]: value}, token="alice")
                    answers.append((status, told["error"], told["code"], told["details"], told["help"]))
                assert answers[0] == answers[1]
                assert answers[0][0] == 400
                tried += 1
        assert tried == 2
