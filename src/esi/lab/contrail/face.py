"""The config API as requests and answers: paths, tokens, lists, plain-text refusals.

Whoever comes without a token that counts gets 401, except for `/` and `/documentation`; whoever is no administrator
gets 403. Both only where somebody is asked whose a token is (`keystone`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from esi.lab.contrail.bodies import href, show
from esi.lab.contrail.config import Config
from esi.lab.contrail.kinds import KINDS
from esi.lab.contrail.objects import Refused, Standing
from esi.lab.web import Answer, Asked, CloudFaults, as_json

OPEN = frozenset({"/", "/documentation"})
ACTIONS = {"/fqname-to-id": "name-to-id", "/id-to-fqname": "id-to-name", "/ref-update": "ref-update"}
BULK = "/list-bulk-collection"


class ConfigFace:
    """Implements esi.lab.web.Core. `keystone`: the address that a 401 names; "" asks nobody for a token."""

    def __init__(self, config: Config, faults: CloudFaults, keystone: str = "") -> None:
        self.config = config
        self.faults = faults
        self._keystone = keystone

    def handle(self, asked: Asked) -> Answer:
        try:
            self._let_in(asked)
            return self._routed(asked)
        except Refused as refused:
            headers = {"WWW-Authenticate": f"Keystone uri='{self._keystone}'"} if refused.status == 401 else {}
            return Answer(refused.status, refused.text.encode(), "text/html", headers)

    def _let_in(self, asked: Asked) -> None:
        if not self._keystone or asked.path in OPEN:
            return
        if asked.caller is None:
            raise Refused(401, "Authentication required")
        if not asked.caller.is_admin and "service" not in asked.caller.roles:
            raise Refused(403, "403 Permission Denied")

    def _routed(self, asked: Asked) -> Answer:
        if asked.path == "/" and asked.method == "GET":
            return as_json({"href": asked.base, "links": links(asked.base)})
        if asked.path in (*ACTIONS, BULK):
            if asked.method != "POST":
                raise Refused(405, "Method not allowed.")
            return self._action(asked, _document(asked.body))
        word, _, uuid = asked.path.removeprefix("/").partition("/")
        type = word if uuid else word.removesuffix("s")
        if type not in KINDS or (not uuid and not word.endswith("s")):
            raise Refused(404, f"Resource type '{type}' not found")
        verbs = self._on_one() if uuid else self._on_all()
        if asked.method not in verbs:
            raise Refused(405, "Method not allowed.")
        return verbs[asked.method](asked, type, uuid)

    def _on_all(self) -> Mapping[str, Callable[[Asked, str, str], Answer]]:
        return {"GET": self._list, "POST": self._create}

    def _on_one(self) -> Mapping[str, Callable[[Asked, str, str], Answer]]:
        return {"GET": self._read, "PUT": self._update, "DELETE": self._delete}

    def _create(self, asked: Asked, type: str, _: str) -> Answer:
        body = _inner(_document(asked.body), type)
        return as_json({type: self.config.create(type, body, asked.base)})

    def _read(self, asked: Asked, type: str, uuid: str) -> Answer:
        found = self.config.read(type, uuid, asked.base, asked.query)
        one = self.config.objects.get(uuid)
        tag = one.modified if one is not None else ""
        if asked.headers.get("If-None-Match", "").strip('"') == tag:
            return Answer(304, headers={"ETag": f'"{tag}"'})
        return as_json({type: found}, headers={"ETag": f'"{tag}"'})

    def _update(self, asked: Asked, type: str, uuid: str) -> Answer:
        document = _document(asked.body)
        if document:
            self.config.update(type, uuid, _inner(document, type))
        return as_json({type: {"uuid": uuid, "href": href(asked.base, type, uuid)}}) if document else Answer(200)

    def _delete(self, asked: Asked, type: str, uuid: str) -> Answer:
        self.config.delete(type, uuid, asked.base)
        return Answer(200)

    def _action(self, asked: Asked, body: Mapping[str, Any]) -> Answer:
        if asked.path == "/fqname-to-id":
            return as_json({"uuid": self.config.find(str(body.get("type")).replace("_", "-"), body.get("fq_name"))})
        if asked.path == "/id-to-fqname":
            found = self.config.objects.get(str(body.get("uuid")))
            if found is None:
                raise Refused(404, f"UUID {body.get('uuid')} not found")
            return as_json({"fq_name": list(found.fq_name), "type": found.type})
        if asked.path == "/ref-update":
            return as_json({"uuid": self.config.refer(body)})
        type = str(body.get("type"))
        if type not in KINDS:
            raise Refused(404, f"Resource type '{type}' not found")
        texts = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in body.items()}
        return self._rows(type, asked.base, texts)

    def _list(self, asked: Asked, type: str, _: str) -> Answer:
        return self._rows(type, asked.base, asked.query)

    def _rows(self, type: str, base: str, query: Mapping[str, str]) -> Answer:
        found = [one for one in self.config.listed(type) if _wanted(self.config, one, query)]
        name = f"{type}s"
        if query.get("count", "").lower() == "true":
            return as_json({name: {"count": len(found)}})
        if query.get("detail", "").lower() == "true":
            return as_json({name: [{type: show(self.config.objects, one, base, query)} for one in found]})
        rows = [{"uuid": one.uuid, "fq_name": list(one.fq_name), "href": href(base, type, one.uuid)} for one in found]
        return as_json({name: rows})


def _wanted(config: Config, one: Standing, query: Mapping[str, str]) -> bool:
    ids = query.get("obj_uuids")
    if ids and one.uuid not in ids.split(","):
        return False
    parents = query.get("parent_id")
    if parents and one.parent not in parents.split(","):
        return False
    back = query.get("back_ref_id")
    if back and not {uuid for _, uuid in one.refs} & set(back.split(",")):
        return False
    above = config.objects.get(one.parent)
    named = query.get("parent_fq_name_str")
    if named and (above is None or ":".join(above.fq_name) != named):
        return False
    if query.get("shared", "").lower() == "true" and not one.body.get("is_shared"):
        return False
    conditions = [part.partition("==") for part in query.get("filters", "").split(",") if "==" in part]
    return all(str(one.body.get(field)) == value.strip("'\"") for field, _, value in conditions)


def links(base: str) -> list[dict[str, Any]]:
    """What GET / tells: where each type and each action is."""
    rows = [("root", "config-root", base, "GET"), ("documentation", "documentation", f"{base}/documentation", "GET")]
    for type in KINDS:
        rows.append(("collection", type, f"{base}/{type}s", "GET"))
        rows.append(("resource-base", type, f"{base}/{type}", "GET"))
    rows += [("action", name, base + path, "POST") for path, name in (*ACTIONS.items(), (BULK, "list-bulk-collection"))]
    return [{"link": {"rel": rel, "name": name, "href": at, "method": method}} for rel, name, at, method in rows]


def _document(raw: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        raise Refused(400, "Bad Request, the body is no JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "Bad Request, the body is no JSON object")
    return found


def _inner(document: Mapping[str, Any], type: str) -> Mapping[str, Any]:
    found = document.get(type)
    if not isinstance(found, dict):
        raise Refused(400, f"Bad Request, no {type} in the body")
    return found
