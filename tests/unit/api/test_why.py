"""GET /esi/why: the facts are the row's own, of whom the caller may read."""

from __future__ import annotations

from esi.client.why import sentences
from esi.errors import Unreachable
from esi.model.resource import Ref, Resource
from unit.api.serving import Talk
from unit.lifecycle.ring import ADMIN, ALICE


class Progress:
    def __init__(self, *, away: bool = False) -> None:
        self._away = away

    async def waits_for(self, row: Resource) -> str:
        if self._away:
            raise Unreachable("etcd does not answer")
        return f"version {row.config_version} waits for a worker"


async def why(talk: Talk, ref: Ref, token: str = "root") -> str:
    status, told, _ = await talk.ask("GET", f"/esi/why/{ref.schema}/{ref.id}", token=token)
    assert status == 200
    return "\n".join(sentences(told["why"]))


async def test_a_life_in_sentences(talk: Talk) -> None:
    talk.ring.lifecycle.progress = Progress()
    gateway = await talk.ring.working_gateway()
    assert "is ACTIVE: done" in await why(talk, gateway)
    status, _made, _ = await talk.ask("PATCH", f"/v2.0/gateways/{gateway.id}", {"limit": 7})
    assert status == 200
    told = await why(talk, gateway)
    assert "Version 2 is wanted, by update in request req-" in told
    assert "the last answer was to version 1" in told
    assert "Where it has got to: version 2 waits for a worker." in told
    await talk.ring.done(gateway, "UPDATE_FAILED", "192.0.2.1: no room")
    told = await why(talk, gateway)
    assert "is ERROR: could not be done." in told
    assert "The reason: 192.0.2.1: no room." in told
    assert "version 2 waits" not in told
    await talk.ring.lifecycle.delete(ADMIN, gateway)
    talk.ring.lifecycle.progress = Progress(away=True)
    told = await why(talk, gateway)
    assert "is PENDING_DELETE: on its way out." in told
    assert "Where it has got to" not in told


async def test_what_it_stands_on_is_named(talk: Talk) -> None:
    gateway = await talk.ring.working_gateway()
    pair = (await talk.ring.body(gateway))["pair_id"]
    router = Ref("router", (await talk.ring.body(Ref("pair", pair)))["primary_id"])
    await talk.ring.lifecycle.apply_monitoring(router, {"it": "DOWN", "version": 1})
    told = await why(talk, gateway)
    assert f"as good as what stands in pair_id: pair {pair} (MONITORING_UNAVAILABLE)" in told
    assert f"`esi why pair {pair}`" in told
    assert "primary_id and secondary_id" in await why(talk, Ref("pair", pair))
    assert "it DOWN" in await why(talk, router)


async def test_nobody_asks_about_what_is_not_his(talk: Talk) -> None:
    gateway = await talk.ring.working_gateway()
    own = await talk.ring.make("gateway", {"pair_id": (await talk.ring.body(gateway))["pair_id"]}, ALICE)
    assert (await talk.ask("GET", f"/esi/why/gateway/{gateway.id}", token="alice"))[0] == 404
    assert (await talk.ask("GET", f"/esi/why/gateway/{gateway.id}", token=None))[0] == 401
    assert (await talk.ask("GET", f"/esi/why/gateway/{own.id}", token="bob"))[0] == 404
    assert (await talk.ask("GET", f"/esi/why/router/{gateway.id}", token="stranger"))[0] == 403
    assert (await talk.ask("GET", "/esi/why/nothing/x"))[0] == 404
    assert (await talk.ask("POST", f"/esi/why/gateway/{own.id}", {}))[0] == 405
    assert "PENDING_CREATE" in await why(talk, own, "alice")


async def test_no_secret_is_among_the_facts(talk: Talk) -> None:
    router = await talk.ring.make("router", {"ip": "192.0.2.9", "password": "hush"})
    await why(talk, router)
    assert b"hush" not in talk.text
