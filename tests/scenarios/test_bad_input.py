"""Whatever is wrong with a request: the status says whose fault, the answer names the place, and nothing is half made.

Real HTTP to a real API over a file of SQLite, with the VPN catalogue. Each line of the table is one request, sent to
the same API one after the other; all rows of all tables are compared before and after each. Alice and Bob are tenants,
root is an administrator. How the ring that they use came to be stands in served.py.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from esi.testing import chain
from esi.testing.ring import Snapshot
from scenarios.served import BOB, FOREIGN, FREE, SECRET, TOKENS, rows, served, services, stage

NO_ID = "00000000-0000-4000-8000-999999999999"
GATEWAYS, INTERFACES = "/v2.0/vpn_gateways", "/v2.0/vpn_interfaces"
ROUTERS, PAIRS, OPTIONS = "/v2.0/edge_routers", "/v2.0/ha_interfaces", "/v2.0/qos_options"
SERVICES, TEMPLATES = "/v2.0/vpn_services", "/v2.0/heat_templates"
BIG = 1024 * 1024 + 1

pytestmark = pytest.mark.xdist_group("bad input")


def wish(schema: str) -> dict[str, Any]:
    """A good body of the chain, of the first resource of a schema."""
    wishes = [*chain.prerequisites(), chain.gateway(), chain.interface()]
    return dict(next(item.body for item in wishes if item.schema == schema))


def gateway(**changes: Any) -> dict[str, Any]:
    """One that would be made."""
    return {**wish("vpn_gateway"), "uplink_vlan_id": "200", **changes}


def interface(**changes: Any) -> dict[str, Any]:
    """One on Alice's free gateway that would be made."""
    return {**wish("vpn_interface"), "vpn_gw_id": FREE, "bgp_md5": SECRET, **changes}


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


def side(**changes: Any) -> dict[str, Any]:
    return {**wish("vpn_interface")["primary"], **changes}


def router(**changes: Any) -> dict[str, Any]:
    return {**wish("edge_router"), "ip": "192.0.2.99", "password": SECRET, **changes}


def template() -> dict[str, Any]:
    return next(dict(body) for body in services().templates if body["id"] == "vpn_gateway")


@dataclass(frozen=True)
class Bad:
    """One request and its answer: `place` is a property that the error is about, "" when it is about none."""

    name: str
    method: str
    path: str
    body: Any
    status: int
    code: str
    place: str = ""
    who: str | None = "alice"
    data: bytes | None = None
    announced: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


def post(name: str, body: dict[str, Any], place: str, *, status: int = 400, code: str = "invalid", who: str = "alice",
         path: str = "") -> Bad:  # fmt: skip
    path = path or (INTERFACES if "vpn_gw_id" in body or "bgp_remote_as" in body else GATEWAYS)
    return Bad(name, "POST", path, body, status, code, place, who)


def taken(name: str, body: dict[str, Any], place: str, **more: Any) -> Bad:
    return post(name, body, place, status=409, code="conflict", **more)


def raw(name: str, data: bytes, status: int, code: str, place: str = "", *, media: str = "application/json",
        announced: bool = True) -> Bad:  # fmt: skip
    headers = {"Content-Type": media}
    return Bad(name, "POST", GATEWAYS, None, status, code, place, data=data, announced=announced, headers=headers)


SHAPES = [
    post("unknown field", gateway(colour="red"), "colour"),
    post("unknown nested field", interface(primary=side(colour="red")), "primary.colour"),
    post("unknown field with hostile name", gateway(**{"a\nb;{": 1}), "a�b;{"),
    post("number for text", gateway(name=7), "name"),
    post("list for text", gateway(name=["x"]), "name"),
    post("object for text", gateway(local_as_number={"x": 1}), "local_as_number"),
    post("text for number", gateway(maximum_static_routes="32"), "maximum_static_routes"),
    post("negative number", gateway(maximum_static_routes=-1), "maximum_static_routes"),
    post("text for object", interface(primary="x"), "primary"),
    post("null for what is required", gateway(vpn_service_id=None), "vpn_service_id"),
    post("text for integer", router(ssh_port="830"), "ssh_port", who="root", path=ROUTERS),
    post("fraction for integer", router(ssh_port=830.5), "ssh_port", who="root", path=ROUTERS),
    post("integer beyond all bounds", router(ssh_port=10**30), "ssh_port", who="root", path=ROUTERS),
    post("too long a name", gateway(name="x" * 256), "name"),
    post("required field is missing", without(gateway(), "local_as_number"), "local_as_number"),
    post("read-only field on create", gateway(vrf_name="mine"), "vrf_name"),
    post("status on create", gateway(status="ACTIVE"), "status"),
]

ADDRESSES = [
    post("bad CIDR", interface(primary=side(ip_address="192.168.8.2/33")), "primary.ip_address"),
    post("no mask", interface(primary=side(ip_address="192.168.8.2")), "primary.ip_address"),
    post("IPv6 for IPv4", interface(primary=side(ip_address="2001:db8::1/64")), "primary.ip_address"),
    post("network address", interface(primary=side(ip_address="192.168.8.0/30")), "primary.ip_address"),
    post("bad IPv4", interface(primary=side(bgp_peer_ip="192.168.8.256")), "primary.bgp_peer_ip"),
    post("IPv4 with blank", interface(primary=side(bgp_peer_ip="192.168.8.1 ")), "primary.bgp_peer_ip"),
    post("IPv4 in other digits", interface(primary=side(bgp_peer_ip="192.168.8.\u0661")), "primary.bgp_peer_ip"),
    post("peer outside the network", interface(primary=side(bgp_peer_ip="192.168.9.1")), "primary.bgp_peer_ip"),
    post("router id is no address", interface(secondary=side(bgp_router_id="x")), "secondary.bgp_router_id"),
    post("both sides alike", interface(secondary=side()), "secondary.ip_address"),
    post("AS number beyond", gateway(local_as_number="4294967296"), "local_as_number"),
    post("AS number with zero", gateway(local_as_number="065101"), "local_as_number"),
    post("remote AS is our own", interface(bgp_remote_as="65101"), "bgp_remote_as"),
]

RELATIONS = [
    post("unknown relation", gateway(qos_option_id=NO_ID), "qos_option_id"),
    post("relation is no id", gateway(qos_option_id="x; y"), "qos_option_id"),
    post("relation is empty", gateway(qos_option_id=""), "qos_option_id"),
    post("relation to another schema", interface(vpn_gw_id=chain.SERVICE), "vpn_gw_id"),
    post("foreign tenant's gateway", interface(vpn_gw_id=FOREIGN), "vpn_gw_id"),
    post(
        "unknown relation in a list",
        {**wish("vpn_service"), "uplink_interfaces": [NO_ID]},
        "uplink_interfaces[0]",
        who="root",
        path=SERVICES,
    ),
    post("downlink for uplink", gateway(uplink_interface_id=chain.DOWNLINK), "uplink_interface_id"),
    taken("second interface on a gateway", interface(vpn_gw_id=chain.GATEWAY), "vpn_gw_id"),
    taken("router pair twice", wish("ha_router"), "router_id", who="root", path="/v2.0/ha_routers"),
    taken("router address twice", {**router(), "ip": chain.PRIMARY_IP}, "ip", who="root", path=ROUTERS),
]

VLANS = [
    taken("uplink VLAN taken", gateway(uplink_vlan_id="122"), "uplink_vlan_id"),
    taken("downlink VLAN taken", gateway(downlink_vlan_id="1025"), "downlink_vlan_id"),
    post("downlink VLAN restricted", gateway(downlink_vlan_id="7"), "downlink_vlan_id"),
    post("VLAN 0", gateway(uplink_vlan_id="0"), "uplink_vlan_id"),
    post("VLAN 4095", gateway(uplink_vlan_id="4095"), "uplink_vlan_id"),
    post("VLAN of a thousand digits", gateway(uplink_vlan_id="1" * 1000), "uplink_vlan_id"),
    post("VLAN is no number", gateway(uplink_vlan_id="x"), "uplink_vlan_id"),
    post("VLAN as number", gateway(uplink_vlan_id=123), "uplink_vlan_id"),
    post("VLAN with sign", gateway(uplink_vlan_id="+200"), "uplink_vlan_id"),
    post("VLAN with blank", gateway(uplink_vlan_id=" 200"), "uplink_vlan_id"),
    post("VLAN in other digits", gateway(uplink_vlan_id="\uff12\uff10\uff10"), "uplink_vlan_id"),
    post(
        "VLAN range without end",
        {**wish("ha_interface"), "restricted_vlans": "7-"},
        "restricted_vlans",
        who="root",
        path=PAIRS,
    ),
]

KEYS = [
    post("md5 missing", without(interface(), "bgp_md5"), "bgp_md5"),
    post("md5 empty", interface(bgp_md5=""), "bgp_md5"),
    post("md5 is null", interface(bgp_md5=None), "bgp_md5"),
    post("md5 is a number", interface(bgp_md5=7), "bgp_md5"),
    post("md5 in a list", interface(bgp_md5=[SECRET]), "bgp_md5"),
    post("md5 with newline", interface(bgp_md5=f"{SECRET}\n"), "bgp_md5"),
    post("md5 too long", interface(bgp_md5=SECRET * 10), "bgp_md5"),
    post("md5 encoded already", interface(bgp_md5=f"$9${SECRET}"), "bgp_md5"),
    post("password in a list", router(password=[SECRET]), "password", who="root", path=ROUTERS),
    post("password with NUL", router(password=f"{SECRET}\0"), "password", who="root", path=ROUTERS),
]

IDS = [
    taken("duplicate id", template(), "id", who="root", path=TEMPLATES),
    post("id of another in a POST", interface(id=chain.INTERFACE), "id"),
    post("id is no uuid", gateway(id="mine"), "id"),
    post("id that climbs", gateway(id="../edge_routers/x"), "id"),
    post("id is a number", gateway(id=7), "id"),
    Bad("id in the path is no uuid", "PUT", f"{GATEWAYS}/mine", gateway(), 400, "invalid", "id"),
    Bad("id differs from the path", "PUT", f"{GATEWAYS}/{NO_ID}", gateway(id=FREE), 400, "invalid", "id"),
    Bad("id cannot change", "PUT", f"{GATEWAYS}/{FREE}", {"id": NO_ID}, 400, "invalid", "id"),
]

CHANGES = [
    Bad("read-only field", "PATCH", f"{GATEWAYS}/{FREE}", {"vrf_name": "x"}, 400, "invalid", "vrf_name"),
    Bad("create-only field", "PUT", f"{GATEWAYS}/{FREE}", {"uplink_vlan_id": "201"}, 400, "invalid", "uplink_vlan_id"),
    Bad("create-only key", "PATCH", f"{INTERFACES}/{chain.INTERFACE}", {"bgp_md5": f"{SECRET}2"}, 400, "invalid",
        "bgp_md5"),
    Bad("create-only nested", "PATCH", f"{INTERFACES}/{chain.INTERFACE}", {"primary": {"ip_address": "10.0.0.1/30"}},
        400, "invalid", "primary"),
    Bad("status", "PATCH", f"{GATEWAYS}/{FREE}", {"status": "ERROR"}, 400, "invalid", "status"),
    Bad("another tenant's now", "PATCH", f"{GATEWAYS}/{FREE}", {"tenant_id": BOB}, 400, "invalid", "tenant_id"),
    Bad("unknown field in change", "PATCH", f"{GATEWAYS}/{FREE}", {"colour": 1}, 400, "invalid", "colour"),
    Bad("bad relation in change", "PATCH", f"{GATEWAYS}/{FREE}", {"qos_option_id": NO_ID}, 400, "invalid",
        "qos_option_id"),
    Bad("newline in change", "PATCH", f"{GATEWAYS}/{FREE}", {"name": "a\nb"}, 400, "invalid", "name"),
    Bad("gateway with an interface", "DELETE", f"{GATEWAYS}/{chain.GATEWAY}", None, 409, "conflict",
        "connected_vpn_interface"),
    Bad("router in a pair", "DELETE", f"{ROUTERS}/{chain.PRIMARY}", None, 409, "conflict", "primary_router_id", "root"),
    Bad("interface pair in use", "DELETE", f"{PAIRS}/{chain.DOWNLINK}", None, 409, "conflict", "vpn_gateway", "root"),
    Bad("option in use", "DELETE", f"{OPTIONS}/{chain.QOS}", None, 409, "conflict", "vpn_gateway", "root"),
    Bad("service in use", "DELETE", f"{SERVICES}/{chain.SERVICE}", None, 409, "conflict", "vpn_service_id", "root"),
    Bad("delete of nothing", "DELETE", f"{GATEWAYS}/{NO_ID}", None, 404, "not_found"),
    Bad("change of nothing", "PATCH", f"{GATEWAYS}/{NO_ID}", {"name": "x"}, 404, "not_found"),
]  # fmt: skip

PEOPLE = [
    Bad("no token", "POST", GATEWAYS, gateway(), 401, "unauthenticated", who=None),
    Bad("wrong token", "POST", GATEWAYS, gateway(), 401, "unauthenticated", who="mallory"),
    Bad("token of blanks", "GET", GATEWAYS, None, 401, "unauthenticated", who=" "),
    Bad("no token, unknown path", "GET", "/v2.0/nowhere", None, 401, "unauthenticated", who=None),
    Bad("foreign gateway shown", "GET", f"{GATEWAYS}/{FOREIGN}", None, 404, "not_found"),
    Bad("foreign gateway changed", "PATCH", f"{GATEWAYS}/{FOREIGN}", {"name": "x"}, 404, "not_found"),
    Bad("foreign gateway put", "PUT", f"{GATEWAYS}/{FOREIGN}", gateway(), 404, "not_found"),
    Bad("foreign gateway deleted", "DELETE", f"{GATEWAYS}/{FOREIGN}", None, 404, "not_found"),
    Bad("for another tenant", "POST", GATEWAYS, gateway(tenant_id=BOB), 403, "forbidden"),
    Bad("router by a member", "POST", ROUTERS, router(), 403, "forbidden"),
    Bad("router read by a member", "GET", f"{ROUTERS}/{chain.PRIMARY}", None, 403, "forbidden"),
    Bad("template by a member", "PATCH", f"{TEMPLATES}/vpn_gateway", {"template_file": "x"}, 403, "forbidden"),
    Bad("unknown tenant, bad body", "POST", GATEWAYS, gateway(tenant_id="c" * 32, uplink_vlan_id="x"), 400, "invalid",
        "uplink_vlan_id", "root"),
    Bad("tenant is no id", "POST", GATEWAYS, gateway(tenant_id="x/y"), 400, "invalid", "tenant_id", "root"),
]  # fmt: skip

PLACES = [
    Bad("unknown path", "GET", "/v2.0/nowhere", None, 404, "not_found"),
    Bad("path below an item", "GET", f"{GATEWAYS}/{FREE}/x/y", None, 404, "not_found"),
    Bad("path that climbs", "GET", f"{GATEWAYS}/%2e%2e%2fedge_routers", None, 404, "not_found"),
    Bad("path with markup", "GET", "/v2.0/<script>alert(1)", None, 404, "not_found"),
    Bad("path with NUL", "GET", f"{GATEWAYS}/%00", None, 404, "not_found"),
    Bad("wrong method on a collection", "DELETE", GATEWAYS, None, 405, "wrong_method"),
    Bad("wrong method on an item", "POST", f"{GATEWAYS}/{FREE}", {}, 405, "wrong_method"),
    Bad("unknown query parameter", "GET", f"{GATEWAYS}?colour=red", None, 400, "invalid", "colour"),
    Bad("secret as filter", "GET", f"{INTERFACES}?bgp_md5={SECRET}", None, 400, "invalid", "bgp_md5"),
    Bad("sorted by a secret", "GET", f"{INTERFACES}?sort_key=bgp_md5", None, 400, "invalid", "bgp_md5"),
    Bad("limit is no number", "GET", f"{GATEWAYS}?limit=x", None, 400, "invalid", "limit"),
    Bad("number as filter", "GET", f"{GATEWAYS}?maximum_static_routes=x", None, 400, "invalid",
        "maximum_static_routes"),
]  # fmt: skip

BODIES = [
    raw("body over 1 MiB", b'{"name": "%b"}' % (b"x" * BIG), 413, "too_large"),
    raw("body over 1 MiB, not announced", b'{"name": "%b"}' % (b"x" * BIG), 413, "too_large", announced=False),
    raw("broken JSON", b'{"name": "x",\n oops}', 400, "invalid", "line 2 column 2"),
    raw("no JSON at all", b"", 400, "invalid", "line 1 column 1"),
    raw("not an object", b'["name"]', 400, "invalid"),
    raw("a text", b'"name"', 400, "invalid"),
    raw("wrapped, not an object", b'{"vpn_gateway": 7}', 400, "invalid", "vpn_gateway"),
    raw("no UTF-8", b'{"name": "\xff"}', 400, "invalid", "line 1"),
    raw("half a surrogate", b'{"name": "\\ud800"}', 400, "invalid", "line 1"),
    raw("not a number", b'{"maximum_static_routes": NaN}', 400, "invalid", "line 1"),
    raw("wrong content type", b"name=x", 415, "wrong_type", media="application/x-www-form-urlencoded"),
    raw("XML", b"<name>x</name>", 415, "wrong_type", media="text/xml"),
    raw("deep nesting", b'{"name": %b1%b}' % (b"[" * 80, b"]" * 80), 400, "invalid"),
    raw("bottomless nesting", b"[" * 500_000, 400, "invalid", "line 1"),
    raw("deep object", b'{"a":' * 80 + b"1" + b"}" * 80, 400, "invalid"),
]

ESCAPES = {
    "newline": "\n", "carriage return": "\r", "NUL": "\0", "tab": "\t", "escape": "\x1b[2J", "delete": "\x7f",
    "next line": "\x85", "line separator": "\u2028", "opening mark": "\ue000", "closing mark": "\ue001",
}  # fmt: skip
SIGNS = {
    "semicolon": ";", "open brace": "{", "close brace": "}", "less than": "<a/>", "Jinja": "{{ 7 * 7 }}",
    "end of message": "]]>]]>", "comment": "/* x */", "hash": "# x", "quote": '"', "backslash": "\\",
    "look-alike": "\uff1b",
}  # fmt: skip

BREAKOUTS = [
    *(post(f"{name} in name", gateway(name=f"a{text}b"), "name") for name, text in ESCAPES.items()),
    *(post(f"{name} in description", interface(description=f"a{text}b"), "description")
      for name, text in ESCAPES.items()),
    *(post(f"{name} in VLAN", gateway(uplink_vlan_id=f"200{text}"), "uplink_vlan_id")
      for name, text in (ESCAPES | SIGNS).items()),
    *(post(f"{name} in AS number", interface(bgp_remote_as=f"9598{text}"), "bgp_remote_as")
      for name, text in (ESCAPES | SIGNS).items()),
    *(post(f"{name} in address", interface(primary=side(bgp_peer_ip=f"192.168.8.1{text}")), "primary.bgp_peer_ip")
      for name, text in (ESCAPES | SIGNS).items()),
    *(post(f"{name} in CIDR", interface(primary=side(ip_address=f"192.168.8.2/30{text}")), "primary.ip_address")
      for name, text in (ESCAPES | SIGNS).items()),
    *(post(f"{name} in key", interface(bgp_md5=f"{SECRET}{text}b"), "bgp_md5") for name, text in ESCAPES.items()),
    *(post(f"{name} in pair's name", {**wish("ha_interface"), "name": f"a{text}"}, "name", who="root", path=PAIRS)
      for name, text in (ESCAPES | SIGNS).items()),
    *(post(f"{name} in policer's name", {**wish("qos_option"), "incoming_policer_name": f"a{text}"},
           "incoming_policer_name", who="root", path=OPTIONS) for name, text in (ESCAPES | SIGNS).items()),
    *(post(f"{name} in group's name", {**wish("vpn_service"), "primary_ebgp_config_group": f"a{text}"},
           "primary_ebgp_config_group", who="root", path=SERVICES) for name, text in (ESCAPES | SIGNS).items()),
]  # fmt: skip

TABLE = [
    *SHAPES, *ADDRESSES, *RELATIONS, *VLANS, *KEYS, *IDS, *CHANGES, *PEOPLE, *PLACES, *BODIES, *BREAKOUTS,
]  # fmt: skip
BY_NAME = {bad.name: bad for bad in TABLE}


@dataclass(frozen=True)
class Answer:
    """What came back, and the rows that are not as they were before."""

    status: int
    headers: Mapping[str, str]
    text: str
    changed: list[str]


async def ask(http: aiohttp.ClientSession, url: str, bad: Bad) -> tuple[int, Mapping[str, str], str]:
    headers = {"Content-Type": "application/json", **bad.headers}
    if bad.who is not None:
        headers["X-Auth-Token"] = TOKENS.get(bad.who, bad.who)
    data = bad.data if bad.data is not None else b"" if bad.body is None else json.dumps(bad.body).encode()
    body = io.BytesIO(data) if bad.announced else slices(data)
    async with http.request(bad.method, URL(url + bad.path, encoded=True), data=body, headers=headers) as answer:
        return answer.status, answer.headers, await answer.text()


async def slices(data: bytes) -> AsyncIterator[bytes]:
    """A body in pieces, whose length nobody has announced."""
    for at in range(0, len(data), 65536):
        yield data[at : at + 65536]


async def play(folder: Path, begin: Snapshot) -> dict[str, Answer]:
    """Send the whole table."""
    answers: dict[str, Answer] = {}
    async with served(folder, begin) as url, aiohttp.ClientSession() as http:
        before = rows(folder)
        for bad in TABLE:
            status, headers, text = await ask(http, url, bad)
            after = rows(folder)
            answers[bad.name] = Answer(status, headers, text, sorted(set(before) ^ set(after)))
            before = after
    return answers


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    return asyncio.run(play(tmp_path_factory.mktemp("api"), stage()))


def test_no_line_stands_twice() -> None:
    assert len(BY_NAME) == len(TABLE)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_bad_request(answers: dict[str, Answer], name: str) -> None:
    bad, answer = BY_NAME[name], answers[name]
    assert (answer.status, answer.headers["Content-Type"]) == (bad.status, "application/json"), answer.text[:500]
    document = json.loads(answer.text)
    assert sorted(document) == ["code", "details", "error", "help", "request_id"]
    assert document["code"] == bad.code
    assert document["error"].isprintable() or "\n\t" in document["error"]
    assert len(answer.text) < 4000, "an answer does not repeat what was sent"
    if bad.place:
        places = [error["path"] for error in document["details"].get("errors", [])]
        assert any(place == bad.place or place.startswith(bad.place + " ") for place in places) or (
            bad.code == "conflict" and bad.place in document["error"]
        ), document
    assert SECRET not in answer.text
    assert "mallory" not in answer.text
    assert answer.headers["X-Request-Id"].startswith("req-")
    assert answer.changed == []
