"""A key and a password go through the ring, and nothing that talks about the ring has ever said them.

Silent are logs (at DEBUG), error texts, reasons of a status, and the flight recorder, whose ports hear everything.
Where secrets must stand, they stand: in SQL, in etcd's config, jobs and stack records, and on the router in the `$9$`
form.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from esi.api import Api
from esi.bootstrap.services import Services
from esi.errors import RequestError
from esi.identity.none import NoIdentity
from esi.kv import Event
from esi.model import keys
from esi.stacks.records import decode_made
from esi.testing import chain, invariants
from esi.testing.loop import run
from esi.testing.ring import World
from simulation.lives import services
from simulation.recorded import Recorded, ask
from simulation.slots import lines

KEY, PASSWORD = "hush;{canary}key", "hush;{canary}word"
"""With signs that make every reader stumble who takes them for more than a word."""

NETCONF = "    properties:\n      device_ip"
BAD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a constraint": {"md5:\n    type: string": "md5:\n    type: string\n    constraints: [{length: {max: 3}}]"},
    "a list of what is allowed": {
        "md5:\n    type: string": "md5:\n    type: string\n    constraints: [{allowed_values: [x]}]"
    },
    "a pattern": {"md5:\n    type: string": "md5:\n    type: string\n    constraints: [{allowed_pattern: x}]"},
    "a number": {"md5:\n    type: string": "md5:\n    type: number"},
    "JSON": {"md5:\n    type: string": "md5:\n    type: json"},
    "a property of another type": {"lock_timeout: 3000": "lock_timeout: {get_param: md5}"},
    "a property with few values": {"lock_timeout: 3000": "lock_timeout: 3000\n      on_update: {get_param: md5}"},
    "a name in a path": {"name: {get_param: bgp_group_name}": "name: {get_param: md5}"},
    "a tag in a path": {"tag: routing-options": "tag: {get_param: md5}"},
    "configuration by itself": {'config: ""': "config: {get_param: md5}"},
    "a place that no router knows": {"router-id $router_id": "router-id $router_id; $key x", "$router_id: {": (
        "$key: {get_param: md5}\n                $router_id: {")},
    "an address": {"device_ip: {get_param: {{ router }}_device_ip}": "device_ip: {get_param: md5}"},
    "a port": {"port: {get_param: {{ router }}_device_port}": "port: {get_param: {{ router }}_device_password}"},
    "a value inside": {"username: {get_param: {{ router }}_device_username}": "username: {get_param: [md5, x]}"},
    "a map": {"username: {get_param: {{ router }}_device_username}": "username: {map_merge: [{get_param: md5}]}"},
    "a repeat": {"lock_timeout: 3000": "lock_timeout: {repeat: {for_each: {x: {get_param: md5}}, template: x}}"},
}  # fmt: skip
"""Ways to make the key's word turn up in somebody's complaint: pieces of the template, exchanged."""


class Watched(Recorded):
    """A world whose ports report to a recorder, and whose commits to etcd are kept."""

    def watch(self) -> None:
        self.written: list[Event] = []
        self.kv.on_commit = self.written.extend


def with_secrets(wish: chain.Wish) -> chain.Wish:
    secret = {"edge_router": {"password": PASSWORD}, "vpn_interface": {"bgp_md5": KEY}}.get(wish.schema, {})
    return wish._replace(body={**wish.body, **secret})


def changed(pieces: Mapping[str, str]) -> Services:
    """The catalogue with a changed template of VPN interfaces."""
    templates = []
    for body in services().templates:
        text = body["template_file"]
        if body["id"] == "vpn_interface":
            for old, new in pieces.items():
                assert old in text, old
                text = text.replace(old, new)
        templates.append({**body, "template_file": text})
    return replace(services(), templates=templates)


async def through_the_api(world: Watched) -> list[str]:
    """Write, read and list with an API that records; the answers."""
    api = Api(world.lifecycle, NoIdentity(), recorder=world.recorder)
    answers = []
    path = f"/v2.0/vpn_interfaces/{chain.INTERFACE}"
    router = f"/v2.0/edge_routers/{chain.PRIMARY}"
    for method, where, body in (
        ("PATCH", path, {"bgp_md5": KEY + "2"}),
        ("PUT", path, {"bgp_md5": [KEY]}),
        ("PATCH", router, {"password": {"x": PASSWORD}}),
        ("PUT", "/v2.0/edge_routers/00000000-0000-4000-8000-000000000099", {"password": PASSWORD + "\n", "ip": "x"}),
    ):
        status, answer = await ask(api, method, where, body)
        assert 400 <= status < 500, answer
        answers.append(json.dumps(answer))
    return answers


async def live(known: Services) -> tuple[Watched, list[str]]:
    """A life with secrets; the world, and everything that was said to callers."""
    said: list[str] = []
    world = Watched(known)
    world.watch()

    async def scenario() -> None:
        for wish in map(with_secrets, [*chain.prerequisites(), chain.gateway(), chain.interface()]):
            try:
                await world.ask(wish)
            except RequestError as error:
                raise AssertionError(f"{wish.schema}: {error}") from error
            shown = await world.until_status(wish, "ACTIVE", "ERROR", None, within=9_000)  # type: ignore[arg-type]
            said.append(str(shown.get("status_reason")))
        said.extend(await through_the_api(world))
        await world.until(lambda: rests(world), within=9_000)
        said.append(shown["status"])

    await world.run(scenario())
    return world, said


async def rests(world: World) -> bool:
    return not await invariants.nothing_is_under_way(world)


def tell_tales(text: str) -> bool:
    return "hush" in text or "canary" in text


@pytest.mark.parametrize("name", BAD)
def test_nobody_says_a_secret(name: str, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    world, said = run(live(changed(BAD[name])))
    recorder = world.recorder.clean
    assert said[-1] == ("ACTIVE" if name == "nothing" else "ERROR"), said
    assert [text for text in said if tell_tales(text)] == []
    records = [record.getMessage() + repr(record.args) + str(record.exc_text) for record in caplog.records]
    ours = [record for record in caplog.records if record.name.startswith("esi")]
    assert ours or name == "nothing", "what fails is logged"
    assert [text for text in records if tell_tales(text)] == []
    assert {message.hop for message in recorder.messages} >= {"http", "sql", "etcd", "job", "status"}
    assert [message for message in recorder.messages if tell_tales(repr(message))] == []
    assert any(tell_tales(repr(message)) for message in world.recorder.told), "there was something to mask"
    kept = world.kept(tmp_path)
    assert kept.count(b"\n") > 100
    assert [line for line in kept.decode().splitlines() if tell_tales(line)] == []
    errors = [event for event in world.written if event.key.startswith((keys.STATE, keys.JOBS_FINISHED))]
    assert errors
    assert [event.key for event in errors if tell_tales(repr(event.value))] == []
    shown = [decode_made(event.value, event.key) for event in world.written if event.key.endswith("/made")]
    assert shown
    assert [made for made in shown if tell_tales(str(made))] == []


def test_secrets_stand_where_they_must() -> None:
    world, _said = run(live(services()))
    holders = {event.key for event in world.written if tell_tales(repr(event.value))}
    trees = {"/".join(key.split("/")[:3]) for key in holders}
    assert trees == {"/config/v2.0", "/esi-worker/config", "/jobs/all", "/esi-worker/stacks"}
    assert KEY.encode() in world.store.snapshot()
    for text in invariants.configurations(world).values():
        assert KEY not in text
        assert sum(line[-1][0] == ("authentication-key", KEY) for line in lines(text)) == 1
