"""What stands in etcd, read with the ordinary `etcdctl`."""

from __future__ import annotations

import base64
import json
import shutil
from typing import Any

from esi.cli.demo.children import Children
from esi.telemetry import masked

Keys = dict[str, Any]


def has_etcdctl() -> bool:
    return shutil.which("etcdctl") is not None


async def read_keys(children: Children, endpoint: str) -> Keys:
    """Every key with its value parsed, or as text where it is not JSON."""
    command = ["etcdctl", f"--endpoints={endpoint}", "get", "--prefix", "/", "--write-out=json"]
    code, out = await children.run(command, environment={"ETCDCTL_API": "3"})
    if code:
        return {}
    return {_text(pair["key"]): _value(_text(pair.get("value", ""))) for pair in json.loads(out).get("kvs", [])}


def of_resource(keys: Keys, id: str) -> Keys:
    """The keys that name a resource, apart from what only the processes keep there."""
    return {name: value for name, value in sorted(keys.items()) if id in name}


def summary(value: Any) -> str:
    """A key's facts in one line: its scalars, with secrets masked and the body left out."""
    return ", ".join(f"{name}={item}" for name, item in _scalars(masked(value)))


def _scalars(value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        return []
    found: list[tuple[str, Any]] = []
    for name, item in value.items():
        if isinstance(item, dict):
            found += _scalars(item)
        elif not isinstance(item, list) and name not in ("body", "heat_outputs") and item not in ("", None):
            found.append((name, item))
    return found


def _text(raw: str) -> str:
    return base64.b64decode(raw).decode(errors="replace")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
