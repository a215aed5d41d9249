"""POST per second, durable, with an outbox row, over real HTTP; policies on, a token file for identity."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import many
from benchmarks.processes import Children, client_of, make_chain, start_ring
from benchmarks.ring import with_own_service
from benchmarks.rows import Plan, Row
from esi.bootstrap.services import load_services
from esi.clock import SystemClock
from esi.schema import Catalogue
from esi.store.rows import Statements
from esi.store.sqlite import SqliteStore
from esi.testing import chain

TITLE = "POST per second"
ABOUT = """`flat_network` is a flat schema of ten properties. 32 connections of one load generator post as fast as it is
answered. The bare loop parses HTTP by hand and executes the same SQL statements in the same group commit with
`synchronous=FULL`; *drain on* means that outbox rows are put into etcd, 100 in a commit, and deleted, by the room sync
beside the API. What the room jobs makes of them, which `esi api` runs as well, the bare loop does not do, and this row
leaves out: with it a third to two fifths fewer are answered (docs/limits.md). A `vpn_interface` also makes a new
version of its gateway in the same transaction; its hooks check addresses and keys."""

CONNECTIONS = 32
TOKEN, ADMINISTRATOR = "a-token-of-the-benchmark", "the-administrator"
TOKENS = f"""
- {{token: {TOKEN}, user: bench, tenant: {chain.TENANT}, roles: [Member]}}
- {{token: {ADMINISTRATOR}, user: admin, tenant: {chain.TENANT}, roles: [admin]}}
"""
NETWORKS, VPN = "/v2.0/flat_networks", "/v2.0/vpn_interfaces"


async def measure(plan: Plan) -> list[Row]:
    seconds = 1.0 if plan.quick else 3.0
    rows = []
    for drain, least in ((False, "0.5"), (True, "0.35")):
        row = Row(f"network, drain {'on' if drain else 'off'}", "per second", [], target=f"ratio >= {least}")
        late: list[float] = []
        for number in range(plan.runs()):
            place = plan.folder / f"{drain}-{number}"
            found = await ours(place / "ours", drain, networks(int(9000 * seconds)), NETWORKS, seconds)
            row.ours.append(found["count"] / found["seconds"])
            late.append(found["p99"])
            theirs = await _baseline(place / "theirs", drain, networks(int(16000 * seconds)), seconds)
            row.baseline.append(theirs["count"] / theirs["seconds"])
        row.note = f"p99 of one request {sorted(late)[len(late) // 2]:.0f} ms"
        rows.append(row)
    beside = Row("vpn_interface with its gateway's update, drain off", "per second", [])
    for number in range(plan.runs(3)):
        place = plan.folder / f"vpn-{number}"
        found = await ours(place, False, interfaces(200 if plan.quick else 1000), VPN, 60.0)
        beside.ours.append(found["count"] / found["seconds"])
    return [*rows, beside]


def networks(count: int) -> list[bytes]:
    return [
        json.dumps({"flat_network": {
            "name": f"network {number}", "tenant_id": chain.TENANT, "admin_state_up": True,
            "cidr": f"10.{number >> 8 & 255}.{number & 255}.0/24", "segment": number + 1}}).encode()
        for number in range(count)
    ]  # fmt: skip


def interfaces(count: int) -> list[bytes]:
    return [json.dumps({"vpn_interface": wish.body}).encode() for wish in (many.interface(n) for n in range(count))]


async def ours(
    place: Path, drain: bool, bodies: list[bytes], path: str, seconds: float, more: Sequence[str] = ()
) -> dict[str, Any]:
    """POST these bodies to an API of ours; `more` settings."""
    if path == VPN:
        await _stand(place)
    async with Children(place) as children:
        (place / "tokens.yaml").write_text(TOKENS)
        words = ["--folder", str(place), "--port", "0", "--monitoring", "none"]
        words += ["--set", f"api.token_file={place / 'tokens.yaml'}", *more]
        if drain:
            etcd = await children.esi("etcd", "--folder", str(place))
            words += ["--etcd", etcd["etcd"]]
        api = await children.esi("room", "api", *(["sync"] if drain else []), *words, name="api")
        if path == VPN:
            async with client_of(api["api"], ADMINISTRATOR) as client:
                await many.put(client, (many.gateway(number) for number in range(len(bodies))))
        return await load(children, api["api"], path, bodies, seconds)


async def _stand(place: Path) -> None:
    """What gateways stand on must be ACTIVE: a whole ring makes it so, and goes."""
    async with Children(place) as children:
        ring = await start_ring(children)
        async with client_of(ring["api"]) as client:
            await make_chain(client, many.prerequisites())


async def _baseline(place: Path, drain: bool, bodies: list[bytes], seconds: float) -> dict[str, Any]:
    async with Children(place) as children:
        etcd = [(await children.esi("etcd", "--folder", str(place)))["etcd"]] if drain else []
        await prepare(place)
        api = await children.python("baselines.post", place, *etcd)
        return await load(children, api["api"], NETWORKS, bodies, seconds)


async def prepare(place: Path) -> None:
    """The database as ours begins with, and the statements that ours executes, for the bare loop."""
    with_own_service()
    catalogue = load_services("2017").catalogue
    store = SqliteStore(place / "esi.db", catalogue, clock=SystemClock())
    await store.close()
    keep(place, catalogue, Statements(catalogue))


def keep(place: Path, catalogue: Catalogue, found: Statements) -> None:
    """The statements of a POST, for a bare loop."""
    schema = catalogue["flat_network"]
    sql: dict[str, Any] = {"row": found.codec("flat_network").insert, "tenant": found.codec("tenant").has}
    sql |= {"outbox": found.outbox, "log": found.log, "batch": found.outbox_batch, "done": found.outbox_done}
    sql |= {"names": list(schema.properties), "defaults": schema.defaults()}
    (place / "statements.json").write_text(json.dumps(sql))


async def load(children: Children, url: str, path: str, bodies: list[bytes], seconds: float) -> dict[str, Any]:
    file = children.folder / "bodies"
    file.write_bytes(b"\n".join(bodies))
    found = await children.result("load", url, path, file, str(CONNECTIONS), str(seconds), TOKEN)
    if found["wrong"]:
        raise RuntimeError(f"requests were refused: {found['wrong'][0]}")
    return found
