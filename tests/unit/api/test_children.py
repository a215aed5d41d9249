"""Paths below a parent: the same as the collection, filtered by the parent or set to it."""

from __future__ import annotations

from esi.schema import load_documents
from unit.api.serving import Talk, served

SCHEMAS = """
schemas:
- {id: rack, singular: rack, plural: racks, title: R, description: d, prefix: /v1, schema: {type: object, properties: {
    id: {type: string}}}}
- {id: device, singular: device, plural: devices, title: D, description: d, prefix: /v1, parent: rack,
   actions: {rescan: {method: POST, path: /rescan}}, schema: {type: object, properties: {
    id: {type: string}, name: {type: string, permission: [create, update]}}}}
"""


async def test_children_are_listed_and_made_below_their_parent() -> None:
    async with served(load_documents(SCHEMAS)) as talk:
        for rack in ("r1", "r2"):
            assert (await talk.ask("PUT", f"/v1/racks/{rack}", {}))[0] == 201
            status, made, _headers = await talk.ask("POST", f"/v1/racks/{rack}/devices", {"name": rack})
            assert (status, made["device"]["rack_id"]) == (201, rack)
        status, listed, headers = await talk.ask("GET", "/v1/racks/r1/devices")
        assert (status, [row["name"] for row in listed["devices"]], headers["X-Total-Count"]) == (200, ["r1"], "1")
        assert (await talk.ask("GET", "/v1/racks/r1/devices?name=r2&any_of=true"))[0] == 400
        assert (await talk.ask("POST", "/v1/racks/nowhere/devices", {"name": "x"}))[0] == 400
        assert (await talk.ask("DELETE", "/v1/racks/r1"))[0] == 409
        await _actions(talk)


async def _actions(talk: Talk) -> None:
    """An action on the collection is no id."""
    assert (await talk.ask("POST", "/v1/devices/rescan"))[0] == 200
    assert (await talk.ask("GET", "/v1/devices/rescan"))[0] == 405
