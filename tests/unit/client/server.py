"""A small API of one made-up service, over real HTTP, in a thread: what the client and the command line talk to."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

SCHEMAS: list[dict[str, Any]] = [
    {
        "id": "rack",
        "singular": "rack",
        "plural": "racks",
        "prefix": "/v1.0",
        "url": "/v1.0/racks",
        "title": "Rack",
        "description": "Where devices stand.",
        "schema": {
            "type": "object",
            "required": ["name"],
            "propertiesOrder": ["id", "name"],
            "properties": {
                "id": {"title": "ID", "type": "string", "permission": ["create"]},
                "name": {"title": "Name", "type": "string", "permission": ["create", "update"]},
            },
        },
    },
    {
        "id": "device",
        "singular": "device",
        "plural": "devices",
        "prefix": "/v1.0",
        "title": "Device",
        "description": "A thing with ports.",
        "actions": {
            "reboot": {"method": "POST", "path": "/:id/reboot"},
            "rescan": {"method": "POST", "path": "/rescan"},
        },
        "schema": {
            "type": "object",
            "required": ["name", "rack_id"],
            "propertiesOrder": [
                "id",
                "name",
                "rack_id",
                "ports",
                "load",
                "enabled",
                "note",
                "kind",
                "tags",
                "settings",
            ],
            "properties": {
                "id": {"title": "ID", "type": "string", "permission": ["create"]},
                "name": {"title": "Name", "type": "string", "permission": ["create", "update"]},
                "rack_id": {"title": "Rack", "type": "string", "relation": "rack", "permission": ["create"]},
                "ports": {"title": "Ports", "type": "integer", "permission": ["create", "update"]},
                "load": {"title": "Load", "type": "number", "permission": ["create", "update"]},
                "enabled": {"title": "Enabled", "type": "boolean", "permission": ["create", "update"]},
                "note": {"title": "Note", "type": ["string", "null"], "permission": ["create", "update"]},
                "kind": {"title": "Kind", "type": "string", "enum": ["tor", "edge"], "permission": ["create"]},
                "tags": {"title": "Tags", "type": "array", "permission": ["create", "update"]},
                "settings": {
                    "title": "Settings",
                    "type": "object",
                    "permission": ["create", "update"],
                    "properties": {
                        "mtu": {"title": "MTU", "type": "integer"},
                        "side": {"type": "object", "properties": {"mode": {"type": "string", "enum": ["l2", "l3"]}}},
                    },
                },
                "status": {"title": "Status", "type": "string"},
            },
        },
    },
    {"id": "owned", "singular": "owned", "plural": "owned", "type": "abstract", "schema": {}},
]


class Api:
    """Rows by collection. A device is PENDING_CREATE for `looks_until_active` shows; its name may say otherwise:
    `fails` becomes ERROR, `stays` never changes, `lingers` outlives its DELETE by some shows, `full` is refused."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, dict[str, Any]]] = {"racks": {}, "devices": {}}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.documents: dict[str, Any] = {}  # path: what is answered, whatever the query
        self.looks_until_active = 2
        self.url = ""
        self.schemas = SCHEMAS
        self.raw_answer: tuple[int, bytes] | None = None
        self.more: dict[str, str] = {}
        self._looks: dict[str, int] = {}

    def paths(self, method: str) -> list[str]:
        return [path for verb, path, _ in self.requests if verb == method]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any, int | None]:
        if path == "/gohan/v0.1/schemas":
            return 200, {"schemas": self.schemas}, len(self.schemas)
        _, _, collection, *rest = path.split("/")
        if collection not in self.rows:
            return 404, {"error": f"nothing at {path}", "code": "not_found", "details": {"path": path}}, None
        rows, one = self.rows[collection], collection[:-1]
        if rest[-1:] in (["reboot"], ["rescan"]):
            return 200, {"did": rest, "with": body}, None
        if not rest:
            if method == "POST":
                return self._store(collection, str(uuid.uuid4()), body[one])
            return self._list(collection, query)
        if method == "PUT" and rest[0] not in rows:
            return self._store(collection, rest[0], body[one])
        if rest[0] not in rows:
            return 404, {"error": f"{one} {rest[0]} not found", "code": "not_found", "details": {}}, None
        row = rows[rest[0]]
        if method == "DELETE":
            return self._delete(collection, row, forced=query.get("force") == "true")
        if method in ("PATCH", "PUT"):
            row.update(body[one])
            return 200, {one: row}, None
        self._look(collection, row)
        return 200, {one: dict(row)}, None

    def _store(self, collection: str, id: str, body: dict[str, Any]) -> tuple[int, Any, int | None]:
        if body.get("name") == "full":
            return 409, {"error": "no room for it", "code": "quota_exceeded", "details": {"limit": 3}}, None
        if not body.get("name"):
            sentence = "device cannot be accepted\n\tname: is required,"
            errors = [{"path": "name", "message": "is required"}]
            return 400, {"error": sentence, "code": "invalid", "details": {"errors": errors}}, None
        row = {**body, "id": id}
        if collection == "devices":
            row |= {"status": "PENDING_CREATE", "kind": body.get("kind", "tor")}
        self.rows[collection][id] = row
        return 201, {collection[:-1]: row}, None

    def _list(self, collection: str, query: dict[str, str]) -> tuple[int, Any, int | None]:
        rows = self.rows[collection].values()
        found = [row for row in rows if all(str(row.get(k)) == v for k, v in query.items() if k in row)]
        begin, most = int(query.get("offset", 0)), int(query.get("limit", len(found)))
        return 200, {collection: found[begin : begin + most]}, len(found)

    def _delete(self, collection: str, row: dict[str, Any], *, forced: bool) -> tuple[int, Any, int | None]:
        row["status"] = "PENDING_DELETE"
        self._looks[row["id"]] = 0
        if forced or row["name"] != "lingers":
            del self.rows[collection][row["id"]]
        left = [{"device": "192.0.2.1", "path": "interfaces ge-0/0/1 unit 7"}]
        told = {"id": row["id"], "left": left, "message": "may be left: 192.0.2.1 …"}
        return (200, {collection[:-1]: told}, None) if forced else (204, None, None)

    def _look(self, collection: str, row: dict[str, Any]) -> None:
        looks = self._looks[row["id"]] = self._looks.get(row["id"], 0) + 1
        if collection != "devices" or looks < self.looks_until_active or row["name"] == "stays":
            return
        if row["name"] == "lingers" and row["status"] == "PENDING_DELETE":
            del self.rows[collection][row["id"]]
        elif row["name"] == "fails":
            row |= {"status": "ERROR", "status_reason": "10.0.0.1: filter F1 is not defined"}
        else:
            row["status"] = "ACTIVE"


class _Handler(BaseHTTPRequestHandler):
    api: Api

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.api.requests.append((self.command, self.path, dict(self.headers.items())))
        status, answer, total = self.api.answer(self.command, parts.path, dict(parse_qsl(parts.query)), body)
        raw = b"" if answer is None else json.dumps(answer).encode()
        if parts.path in self.api.documents:
            status, raw = 200, json.dumps(self.api.documents[parts.path]).encode()
        if self.api.raw_answer is not None:
            status, raw = self.api.raw_answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        for name, value in self.api.more.items():
            self.send_header(name, value)
        if total is not None:
            self.send_header("X-Total-Count", str(total))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextmanager
def serving(api: Api | None = None) -> Iterator[Api]:
    """The API on a free loopback port until the block ends."""
    api = api or Api()
    handler = type("Handler", (_Handler,), {"api": api})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        api.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
