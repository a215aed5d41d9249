"""The lab's appliance, request by request: what it refuses, in NITRO's codes, and what it forgets."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.clock import SystemClock
from esi.lab.netscaler import Asked, Image, Netscaler, Nitro
from esi.lab.netscaler.appliance import Answer
from esi.lab.netscaler.faults import KINDS
from esi.lab.netscaler.sessions import SECONDS

IP, GATEWAY = "100.64.193.3", "100.64.193.1"


class HandClock(SystemClock):
    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


class Bench:
    """An appliance and somebody who is logged in."""

    def __init__(self, user: str = "nsroot", password: str = "nsroot", **image: Any) -> None:
        self.clock = HandClock()
        self.appliance = Netscaler(Image(IP, gateway=GATEWAY, **image), self.clock)
        self.nitro = Nitro(self.appliance)
        self.token = ""
        self.log_in(user, password)

    def log_in(self, user: str, password: str, **more: str) -> int:
        self.token = ""
        answer = self.send("POST", "login", {"username": user, "password": password, **more})
        self.token = answer.body.get("sessionid", "")
        return int(answer.body["errorcode"])

    def send(self, method: str, path: str, fields: Any = None, *, section: str = "config") -> Answer:
        headers = {"Cookie": f"NITRO_AUTH_TOKEN={self.token.replace('#', '%23')}"} if self.token else {}
        kind = path.partition("?")[0].partition("/")[0]
        body = b"" if fields is None else json.dumps({kind: fields}).encode()
        return self.nitro.handle(Asked(method, f"/nitro/v1/{section}/{path}", headers, body))

    def code(self, method: str, path: str, fields: Any = None) -> int:
        return int(self.send(method, path, fields).body["errorcode"])

    def rows(self, path: str) -> Any:
        return self.send("GET", path).body.get(path.partition("/")[0].partition("?")[0])


BINDING = "systemuser_systemcmdpolicy_binding"
SNIP = {"ipaddress": "10.225.225.3", "netmask": "255.255.255.0"}
ACTION = {"name": "sys1", "serverip": "10.0.0.9", "loglevel": ["ALL"]}
POLICY = {"name": "pol", "rule": "ns_true", "action": "sys1"}
BOUND = {"id": 101, **SNIP}
VLAN, PORT = {"id": 101}, {"id": 101, "ifnum": "1/1"}
ROUTE = {"network": "10.9.0.0", "netmask": "255.255.0.0", "gateway": "10.225.225.1"}

REFUSED: list[tuple[list[tuple[str, str, Any]], int, int]] = [
    ([("POST", "nothing", {})], 1232, 404),
    ([("GET", "nothing", None)], 1232, 404),
    ([("PATCH", "vlan", VLAN)], 1236, 405),
    ([("POST", "vlan?action=explode", VLAN)], 1240, 400),
    ([("POST", "vlan", {"id": 101, "more": 1})], 1090, 400),
    ([("POST", "vlan", {})], 1095, 400),
    ([("POST", "vlan", {"id": 5000})], 1097, 400),
    ([("POST", "vlan", {"id": "x"})], 1074, 400),
    ([("POST", "vlan", {"id": True})], 1074, 400),
    ([("POST", "vlan", [VLAN])], 1233, 400),
    ([("POST", "vlan", VLAN), ("POST", "vlan", VLAN)], 273, 409),
    ([("POST", "vlan", {"id": 1})], 273, 409),
    ([("DELETE", "vlan/1", None)], 257, 403),
    ([("DELETE", "vlan/101", None)], 258, 404),
    ([("GET", "vlan/101", None)], 258, 404),
    ([("PUT", "vlan", {"id": 101, "aliasname": "a"})], 258, 404),
    ([("POST", "vlan", VLAN), ("PUT", "vlan", VLAN)], 431, 400),
    ([("POST", "nsip", {"ipaddress": "10.0.0.300", "netmask": "255.255.255.0"})], 1110, 400),
    ([("POST", "nsip", {"ipaddress": "10.0.0.3", "netmask": "255.0.255.0"})], 1111, 400),
    ([("POST", "nsip", {"ipaddress": "127.0.0.3", "netmask": "255.0.0.0"})], 1110, 400),
    ([("POST", "nsip", {**SNIP, "type": "NSIP"})], 996, 599),
    ([("POST", "nsip", SNIP), ("PUT", "nsip", {**SNIP, "type": "VIP"})], 1090, 400),
    ([("DELETE", f"nsip/{IP}", None)], 2510, 599),
    ([("PUT", "vlan_nsip_binding", BOUND)], 258, 404),
    ([("POST", "vlan", VLAN), ("PUT", "vlan_nsip_binding", BOUND)], 397, 599),
    (
        [
            ("POST", "vlan", VLAN),
            ("PUT", "vlan_nsip_binding", {"id": 101, "ipaddress": IP, "netmask": "255.255.255.0"}),
        ],
        1015,
        599,
    ),
    ([("POST", "vlan", VLAN), ("PUT", "vlan_interface_binding", {"id": 101, "ifnum": "1/9"})], 258, 404),
    ([("POST", "vlan", VLAN)] + [("PUT", "vlan_interface_binding", PORT)] * 2, 2080, 599),
    ([("POST", "route", ROUTE)], 604, 599),
    ([("POST", "nsip", SNIP), ("POST", "route", {**ROUTE, "network": "10.9.1.0"})], 278, 400),
    ([("POST", "nsip", SNIP), ("POST", "route", ROUTE), ("DELETE", "nsip/10.225.225.3", None)], 605, 599),
    (
        [
            ("POST", "nsip", SNIP),
            ("POST", "vlan", VLAN),
            ("PUT", "vlan_nsip_binding", BOUND),
            ("POST", "route", ROUTE),
            ("DELETE", "vlan/101", None),
        ],
        2083,
        599,
    ),
    ([("DELETE", "route/10.9.0.0", None)], 1095, 400),
    ([("POST", "Interface", {"id": "1/9"})], 1236, 405),
    ([("POST", "Interface?action=disable", {"id": "1/9"})], 258, 404),
    ([("POST", "vlan?action=disable", VLAN)], 1240, 400),
    ([("POST", "systemuser", {"username": "-a", "password": "x"})], 1075, 400),
    ([("POST", "systemuser", {"username": "a"})], 1095, 400),
    ([("DELETE", "systemuser/nsroot", None)], 359, 599),
    (
        [("PUT", "systemuser_systemcmdpolicy_binding", {"username": "vlbadmin", "policyname": "x", "priority": 1})],
        373,
        599,
    ),
    (
        [("PUT", "systemuser_systemcmdpolicy_binding", {"username": "nsroot", "policyname": "network", "priority": 1})],
        360,
        599,
    ),
    ([("POST", "snmpcommunity", {"communityname": "a", "permissions": "SOME"})], 1097, 400),
    ([("PUT", "snmpcommunity", {"communityname": "a", "permissions": "GET"})], 1236, 405),
    ([("POST", "systemfile", {"filename": "../a", "filelocation": "/nsconfig", "filecontent": ""})], 1074, 400),
    ([("POST", "systemfile", {"filename": "a", "filelocation": "/etc", "filecontent": ""})], 1074, 400),
    ([("POST", "systemfile", {"filename": "a", "filelocation": "/nsconfig", "filecontent": "%"})], 1074, 400),
    ([("GET", "systemfile", None)], 1095, 400),
    ([("POST", "auditsyslogaction", {**ACTION, "lbvservername": "v"})], 1092, 400),
    ([("POST", "auditsyslogaction", {"name": "a", "loglevel": ["ALL"]})], 1095, 400),
    ([("POST", "auditsyslogaction", {**ACTION, "loglevel": ["SOME"]})], 1097, 400),
    ([("POST", "auditsyslogpolicy", POLICY)], 258, 404),
    (
        [
            ("POST", "auditsyslogaction", ACTION),
            ("POST", "auditsyslogpolicy", POLICY),
            ("DELETE", "auditsyslogaction/sys1", None),
        ],
        315,
        599,
    ),
    ([("PUT", "systemglobal_auditsyslogpolicy_binding", {"policyname": "pol", "priority": 1})], 258, 404),
    ([("POST", "nsconfig?action=clear", {})], 1240, 400),
    ([("PUT", "nscapacity", {"edition": "Gold", "unit": "Mbps", "bandwidth": 10})], 1097, 400),
    ([("PUT", "nscapacity", {"edition": "Standard", "unit": "Mbps", "bandwidth": 11})], 1097, 400),
]


@pytest.mark.parametrize(("calls", "code", "status"), REFUSED)
def test_nonsense_is_refused_in_nitros_words_and_changes_nothing(
    calls: list[tuple[str, str, Any]], code: int, status: int
) -> None:
    bench = Bench()
    for method, path, fields in calls[:-1]:
        assert bench.code(method, path, fields) == 0, path
    before = bench.appliance.rows.copy()
    method, path, fields = calls[-1]
    answer = bench.send(method, path, fields)
    assert (answer.status, answer.body["errorcode"], answer.body["severity"]) == (status, code, "ERROR")
    assert bench.appliance.rows.same_as(before)


def test_what_is_bound_goes_with_what_it_is_bound_to() -> None:
    bench = Bench()
    for method, path, fields in (
        ("POST", "nsip", SNIP),
        ("POST", "vlan", VLAN),
        ("PUT", "vlan_interface_binding", PORT),
        ("PUT", "vlan_nsip_binding", BOUND),
        ("DELETE", "vlan/101", None),
    ):
        assert bench.code(method, path, fields) == 0
    assert bench.appliance.rows.of("vlan_interface_binding") == bench.appliance.rows.of("vlan_nsip_binding") == []


def test_a_port_is_untagged_in_one_vlan_only() -> None:
    bench = Bench()
    for number in (101, 102):
        assert bench.code("POST", "vlan", {"id": number}) == 0
        assert bench.code("PUT", "vlan_interface_binding", {"id": number, "ifnum": "1/1"}) == 0
    assert bench.rows("vlan_interface_binding/102") == [{"tagged": False, "id": "102", "ifnum": "1/1"}]
    assert bench.send("GET", "vlan_interface_binding/101").body.get("vlan_interface_binding") is None


def test_names_are_quoted_twice_in_paths_and_once_in_args() -> None:
    bench = Bench()
    assert bench.rows("Interface/1%252F1")[0]["id"] == "1/1"
    assert bench.code("POST", "vlan", VLAN) == bench.code("PUT", "vlan_interface_binding", PORT) == 0
    assert bench.code("DELETE", "vlan_interface_binding/101?args=ifnum:1%2F1") == 0


def test_passwords_and_files_are_not_shown() -> None:
    bench = Bench()
    content = base64.b64encode(b"LA-1").decode()
    file = {"filename": "a.lic", "filelocation": "/nsconfig/license", "filecontent": content}
    assert bench.code("POST", "systemfile", file) == 0
    assert all("password" not in user for user in bench.rows("systemuser"))
    (shown,) = bench.rows("systemfile?args=filelocation:%2Fnsconfig%2Flicense")
    assert "filecontent" not in shown


# -- what is kept, and for how long


def test_what_is_not_saved_is_lost_and_files_stay() -> None:
    bench = Bench()
    assert bench.code("POST", "vlan", VLAN) == 0
    assert bench.rows("nsconfig")["configchanged"] is True
    assert bench.code("POST", "nsconfig?action=save", {}) == 0
    assert bench.rows("nsconfig")["configchanged"] is False
    assert bench.code("POST", "vlan", {"id": 102}) == 0
    content = base64.b64encode(b"LA-1").decode()
    file = {"filename": "a.lic", "filelocation": "/nsconfig/license", "filecontent": content}
    assert bench.code("POST", "systemfile", file) == 0
    assert bench.rows("nslicense")["lb"] is False
    assert bench.code("POST", "reboot", {"warm": True}) == 0
    assert bench.send("GET", "nsversion").status == 0  # away: the connection is cut
    bench.clock.at += 1
    assert bench.code("GET", "nsversion") == 444
    assert bench.log_in("nsroot", "nsroot") == 0
    assert {row["id"] for row in bench.rows("vlan")} == {"1", "101"}
    assert bench.rows("nslicense")["lb"] is True


def test_a_machine_that_is_switched_on_again_finds_its_new_ports() -> None:
    bench = Bench(ports=("0/1",))
    bench.appliance.power(False)
    assert bench.send("GET", "nsversion").status == 0
    bench.appliance.power(True, ("0/1", "1/1"))
    bench.clock.at += 1
    bench.log_in("nsroot", "nsroot")
    assert [row["id"] for row in bench.rows("Interface")] == ["0/1", "1/1"]
    for path, fields in (("vlan", VLAN), ("vlan_interface_binding", PORT), ("nsconfig?action=save", {})):
        assert bench.code("POST", path, fields) == 0
    bench.appliance.power(False)
    bench.appliance.power(True, ("0/1",))
    bench.clock.at += 1
    bench.log_in("nsroot", "nsroot")
    assert [row["id"] for row in bench.rows("Interface")] == ["0/1"]
    assert bench.appliance.rows.of("vlan_interface_binding") == []


# -- who may


def test_sessions_end_and_are_counted() -> None:
    bench = Bench()
    bench.clock.at += SECONDS
    assert bench.code("GET", "nsversion") == 444
    codes = [bench.log_in("nsroot", "nsroot") for _ in range(21)]
    assert codes == [0] * 20 + [445]


@pytest.mark.parametrize("password", ["", "NSROOT", "nsroot ", None, 5, {"a": 1}])
def test_a_wrong_password_is_refused(password: Any) -> None:
    bench = Bench()
    assert bench.send("POST", "login", {"username": "nsroot", "password": password}).body["errorcode"] == 354


def test_nobody_is_heard_without_a_login() -> None:
    bench = Bench()
    bench.token = ""
    assert bench.send("GET", "nsversion").body["errorcode"] == 352
    headers = {"X-NITRO-USER": "nsroot", "X-NITRO-PASS": "nsroot"}
    assert bench.nitro.handle(Asked("GET", "/nitro/v1/config/nsversion", headers)).status == 200


def test_a_factory_password_must_be_changed_first() -> None:
    bench = Bench(insists=True)
    assert bench.log_in("nsroot", "nsroot") == 1047
    assert bench.log_in("nsroot", "nsroot", new_password="other") == 0
    assert bench.log_in("nsroot", "other") == 0
    headers = {"X-NITRO-USER": "vlbadmin", "X-NITRO-PASS": "password"}
    assert bench.nitro.handle(Asked("GET", "/nitro/v1/config/nsversion", headers)).body["errorcode"] == 1047


@pytest.mark.parametrize(
    ("policy", "code", "switch"), [("", 371, 371), ("read-only", 257, 257), ("operator", 257, 0), ("superuser", 0, 0)]
)
def test_a_user_may_what_his_policies_say(policy: str, code: int, switch: int) -> None:
    bench = Bench()
    assert bench.code("POST", "systemuser", {"username": "u", "password": "p"}) == 0
    if policy:
        bound = {"username": "u", "policyname": policy, "priority": 1}
        assert bench.code("PUT", "systemuser_systemcmdpolicy_binding", bound) == 0
    assert bench.log_in("u", "p") == 0
    assert bench.code("POST", "vlan", VLAN) == code
    assert bench.code("POST", "Interface?action=disable", {"id": "1/1"}) == switch
    assert bench.code("GET", "vlan") == (371 if not policy else 0)


# -- counters


def test_counters_move_with_the_clock() -> None:
    bench = Bench()
    first = bench.send("GET", "Interface/1%252F1", section="stat").body["Interface"][0]
    requests = int(bench.send("GET", "ns", section="stat").body["ns"]["httptotrequests"])
    bench.code("POST", "Interface?action=disable", {"id": "1/2"})
    bench.clock.at += 60
    later = bench.send("GET", "Interface/1%252F1", section="stat").body["Interface"][0]
    assert int(later["totrxbytes"]) > int(first["totrxbytes"])
    assert bench.send("GET", "Interface/1%252F2", section="stat").body["Interface"][0]["curintfstate"] == "DOWN"
    assert int(bench.send("GET", "ns", section="stat").body["ns"]["httptotrequests"]) > requests


def test_the_page_of_the_lab_names_every_kind() -> None:
    page = (Path(__file__).parents[3] / "docs" / "lab.md").read_text()
    sentence = page.partition("100.64.193.3 KIND` takes ")[2].partition(".\n")[0]
    assert set(sentence.split("`")[1::2]) == set(KINDS)


# -- noise

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=8,
)
PATHS = st.sampled_from(["login", "vlan", "nsip", "route", "systemuser", "systemfile", "nscapacity", "nsconfig", "x"])


@given(method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]), kind=PATHS, rest=st.text(), value=JSON)
def test_nothing_that_comes_in_breaks_it(method: str, kind: str, rest: str, value: Any) -> None:
    bench = Bench()
    answer = bench.send(method, f"{kind}{rest}", value)
    assert isinstance(answer.body["errorcode"], int)
    fields = {"id": value, "ipaddress": value, "netmask": value, "username": value, "password": value}
    for name in fields:
        assert isinstance(bench.send(method, kind, {name: value}).body["errorcode"], int)
