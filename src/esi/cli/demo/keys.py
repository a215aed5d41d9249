"""What stands in etcd, read with the ordinary `etcdctl`."""

from __future__ import annotations

import base64
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from esi.cli.demo.children import Children
from esi.errors import Rejected

Keys = dict[str, Any]

SHOWN = ("/config/", "/state/", "/esi-worker/heat_stacks/")
FACTS = ("version", "worker_state", "orchestration_state", "stack_status", "error")


def etcdctl() -> str | None:
    """The program: the one on PATH, else one that is installed beside this Python."""
    return shutil.which("etcdctl") or shutil.which("etcdctl", path=str(Path(sys.executable).parent))


async def read_keys(children: Children, endpoint: str) -> Keys:
    """Every key with its value parsed, or as text where it is not JSON; nothing without an etcdctl.

    Rejected with its words when it fails."""
    program = etcdctl()
    if program is None:
        return {}
    command = [program, f"--endpoints={endpoint}", "get", "--prefix", "/", "--write-out=json"]
    code, out = await children.run(command, environment={"ETCDCTL_API": "3"})
    if code:
        raise Rejected("etcdctl", out.strip())
    return {_text(pair["key"]): _value(_text(pair.get("value", ""))) for pair in json.loads(out).get("kvs", [])}


def of_resource(keys: Keys, id: str) -> Keys:
    """The keys of a resource that the record shows: what is wanted, what is known, its stack."""
    return {name: keys[name] for name in sorted(keys) if id in name and name.startswith(SHOWN)}


def summary(value: Any) -> str:
    """A key's versions and states in one line; bodies stay where they are, with the secrets in them."""
    return ", ".join(f"{name} {item}" for name, item in _facts(value))


def _facts(value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        return []
    nested = [fact for item in value.values() for fact in _facts(item)]
    return nested + [(name, value[name]) for name in FACTS if value.get(name)]


def _text(raw: str) -> str:
    return base64.b64decode(raw).decode(errors="replace")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
