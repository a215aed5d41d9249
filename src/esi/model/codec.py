"""The recorded shapes of values in etcd: built and parsed here, nowhere else. `body` in a config is a JSON *string*.

    config      {"body": "<json text>", "marked_for_deletion": false, "version": 1}
    state       {"error": "", "state": {"worker_state": …, "heat_outputs": "<json text>", …}, "version": 1}
    worker copy {"body": {…}, "deleted": false, "version": 1}
    heat stack  {"id", "stack_id", "tenant_id", "stack_status", "status_reason", "output": [{"output_key", …}]}

A value that is not of its shape raises Broken with the key's name: etcd is written by our own processes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from esi.errors import Broken
from esi.model.resource import Body


def dumps(value: Any) -> bytes:
    """JSON as bytes."""
    return orjson.dumps(value)


def loads(value: bytes, what: str = "value") -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Broken(f"{what} is not JSON: {error}") from error


def loads_object(value: bytes, what: str = "value") -> Body:
    decoded = loads(value, what)
    if not isinstance(decoded, dict):
        raise Broken(f"{what} is not a JSON object")
    return decoded


@dataclass(frozen=True, slots=True)
class Config:
    """What is wanted of one resource, as the sync writer put it. `body` stays text until somebody looks into it."""

    body: str
    version: int
    marked_for_deletion: bool = False

    def decode(self) -> Body:
        return loads_object(self.body.encode(), "config body")


def encode_config(body: bytes, version: int, *, marked_for_deletion: bool = False) -> bytes:
    return dumps({"body": body.decode(), "marked_for_deletion": marked_for_deletion, "version": version})


def decode_config(value: bytes, key: str = "config") -> Config:
    raw = loads_object(value, key)
    body, version = raw.get("body"), raw.get("version")
    if not isinstance(body, str) or not isinstance(version, int):
        raise Broken(f"{key} is not a config envelope")
    return Config(body, version, bool(raw.get("marked_for_deletion")))


def encode_worker_config(body: str, version: int, *, deleted: bool) -> bytes:
    """`body` is JSON text already: it is set in, not decoded and encoded again."""
    return dumps({"body": orjson.Fragment(body), "deleted": deleted, "version": version})


@dataclass(frozen=True, slots=True)
class State:
    """What a worker knows of one resource version. `error` is "" when all went well. `held`: {version, words} of what
    holds a later version up.
    """

    state: Body
    version: int
    error: str = ""
    held: Body | None = None


def encode_state(state: Body, version: int, error: str = "") -> bytes:
    return dumps({"error": error, "state": state, "version": version})


def decode_state(value: bytes, key: str = "state") -> State:
    raw = loads_object(value, key)
    state, version = raw.get("state"), raw.get("version")
    if not isinstance(version, int) or not isinstance(state, dict):
        raise Broken(f"{key} is not a state envelope")
    held = raw.get("held")
    return State(state, version, raw.get("error") or "", held if isinstance(held, dict) else None)
