"""Whatever is sent is answered in Neutron's shape, and never as our own fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from unit.neutron.bench import Bench
from unit.services.desk import TENANT

TEXTS = (
    "",
    "%00",
    "%ff%fe",
    "%ED%A0%80",
    "..%2f..",
    "%F0%9F%92%A3",
    "'%22;--",
    "a" * 2000,
    "%25s",
    "{0}",
    "null",
    "-1",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1e400,
    "",
    "x" * 5000,
    "\u0000",
    "\ue000",
    [],
    [[]],
    [None],
    {},
    {"": {}},
)


def bodies(kind: str, names: list[str]) -> Iterator[dict[str, Any]]:
    for name in (*names, "binding:profile", "project_id", "\u0000"):
        for value in VALUES:
            yield {kind: {name: value}}


async def answered(bench: Bench, method: str, path: str, data: Any = None, *, token: str = TENANT) -> None:
    status, body, _ = await bench.ask(method, path, data=data, token=token)
    assert status < 500, (method, path, str(data)[:200], body)
    assert status < 400 or set(body["NeutronError"]) == {"type", "message", "detail"}


@pytest.mark.parametrize("plural", ["ports", "networks", "subnets", "security-groups", "quotas", "routers"])
async def test_any_path_and_query_is_answered(bench: Bench, plural: str) -> None:
    for text in TEXTS:
        for method in ("GET", "DELETE"):
            await answered(bench, method, f"/v2.0/{plural}/{text}")
        for word in ("id", "name", "status", "tenant_id", "fixed_ips", "tags", "marker", "limit", "sort_key", "fields"):
            await answered(bench, "GET", f"/v2.0/{plural}?{word}={text}")
        await answered(bench, "GET", f"/v2.0/{plural}?{text}=x")
        await answered(bench, "GET", f"/{text}")


@pytest.mark.parametrize("kind", ["port", "network", "subnet", "security_group"])
async def test_any_body_is_answered(bench: Bench, kind: str) -> None:
    names = list(bench.desk.catalogue[kind].properties)
    port = await bench.port()
    ids = {"port": port["id"], "network": bench.desk.network.id, "subnet": bench.desk.subnet.id}
    for body in bodies(kind, names):
        data = json.dumps(body).encode()
        await answered(bench, "POST", f"/v2.0/{kind}s", data, token="root")
        await answered(bench, "PUT", f"/v2.0/{kind}s/{ids.get(kind, 'x')}", data, token="root")
