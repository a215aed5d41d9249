"""What the verbs can beyond the recorded ones: files, members, formats, pages, waiting, force, a schema's own."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest
import yaml

from unit.cli.calling import Program
from unit.client.server import Api

ID = "0bea303d-b6eb-4edc-83ef-e32f915d3047"
JSON = ("--output-format", "json")


@pytest.fixture
def device(api: Api) -> str:
    api.rows["devices"][ID] = {"id": ID, "name": "alpha", "status": "ACTIVE", "ports": 4, "settings": {"b": 1, "a": 2}}
    return ID


def made(api: Api) -> dict[str, object]:
    (row,) = api.rows["devices"].values()
    return {key: value for key, value in row.items() if key not in ("id", "status", "kind")}


def test_yaml_and_csv_hold_what_json_holds(program: Program, device: str, api: Api) -> None:
    for verb in (("show", ID), ("list",)):
        told = program("client", "device", *verb, *JSON).json
        assert yaml.safe_load(program("client", "device", *verb, "--output-format", "yaml").out) == told
    (row,) = csv.DictReader(io.StringIO(program("client", "device", "list", "--output-format", "csv").out))
    assert row == {"id": ID, "name": "alpha", "ports": "4", "settings": '{"a": 2, "b": 1}', "status": "ACTIVE"}
    two = program("client", "device", "list", "--column", "name", "--column", "ports,id", "--output-format", "csv")
    assert two.out.splitlines()[0] == "name,ports,id"


def test_no_cell_of_csv_is_run_by_a_spreadsheet(program: Program, api: Api) -> None:
    for number, name in enumerate(("=1+1", "+1", "-1", "@x", "\tx", "two\nlines", 'q"q')):
        api.rows["devices"][str(number)] = {"id": str(number), "name": name, "ports": -4}
    out = program("client", "device", "list", "--output-format", "csv", "--column", "name,ports").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["name"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "two\nlines", 'q"q']
    assert {row["ports"] for row in rows} == {"-4"}, "a number is a number"


def test_members_of_objects_have_options(program: Program, api: Api) -> None:
    assert program("client", "device", "create", "--name", "d", "--settings.mtu", "9000", "--settings.side.mode", "l3")
    assert made(api) == {"name": "d", "settings": {"mtu": 9000, "side": {"mode": "l3"}}}
    both = program("client", "device", "set", "d", "--settings", '{"x": 1}', "--settings.mtu", "1500", *JSON)
    assert both.json["device"]["settings"] == {"x": 1, "mtu": 1500}
    nowhere = program("client", "device", "set", "d", "--settings", "<null>", "--settings.mtu", "1500")
    assert (nowhere.code, "--settings.mtu has no place" in nowhere.err) == (2, True)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "d", "ports": 4, "note": "2018-02-03"}',
        '{"device": {"name": "d", "ports": 4, "note": "2018-02-03"}}',
        "device:\n  name: d\n  ports: 4\n  note: 2018-02-03\n",
    ],
)
def test_a_body_may_come_from_a_file(program: Program, api: Api, tmp_path: Path, text: str) -> None:
    path = tmp_path / "body"
    path.write_text(text)
    assert program("client", "device", "create", "--file", str(path), "--ports", "8").code == 0
    assert made(api) == {"name": "d", "ports": 8, "note": "2018-02-03"}


def test_a_body_may_come_from_standard_input(
    program: Program, api: Api, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ports: 9\nsettings: {a: 3}\n")))
    assert program("client", "device", "set", "--file", "-", "--settings.mtu", "1500", "alpha").code == 0
    assert api.rows["devices"][ID]["ports"] == 9
    assert api.rows["devices"][ID]["settings"] == {"a": 3, "mtu": 1500}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name: [", "line 1 column 8"),
        (b'{"name": "d",, }', "line 1 column"),
        (b"- a\n- b\n", "holds no object of properties, but list"),
        (b"", "but NoneType"),
        (b"1: x\n", "holds no object"),
        (b"\xff\xfe", "neither JSON nor YAML"),
        (b"name: \x00", "neither JSON nor YAML"),
        (b"name: !!python/object:os.system x\n", "could not determine a constructor"),
    ],
)
def test_a_file_that_cannot_be_read_is_2_and_says_where(
    program: Program, api: Api, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "body.yaml"
    path.write_bytes(content)
    called = program("client", "device", "create", "--file", str(path))
    assert (called.code, api.rows["devices"]) == (2, {})
    assert said in called.err
    assert str(path) in called.err
    assert program("client", "device", "create", "--file", str(tmp_path / "none")).code == 2


def test_list_filters_sorts_and_pages_through(program: Program, api: Api) -> None:
    for number in range(7):
        api.rows["devices"][f"d{number}"] = {"id": f"d{number}", "name": "x", "enabled": True}
    part = program("client", "device", "list", "--limit", "3")
    assert "3 of 7 are shown; --all shows every one" in part.err
    whole = program("client", "device", "list", "--all", "--limit", "3", *JSON)
    assert (len(whole.json["devices"]), whole.err) == (7, "")
    program("client", "device", "list", "--sort", "-name", "--filter", "name=x", "--filter", "enabled=yes")
    assert api.paths("GET")[-1] == "/v1.0/devices?sort_key=name&sort_order=desc&name=x&enabled=true"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--filter", "nam=x"), "device has no property 'nam'; it has name"),
        (("--filter", "name"), "not like PROPERTY=VALUE"),
        (("--filter", "ports=x"), "--filter ports: 'x' is not an integer"),
    ],
)
def test_a_filter_that_cannot_be_is_2(program: Program, api: Api, words: tuple[str, ...], said: str) -> None:
    called = program("client", "device", "list", *words)
    assert (called.code, said in called.err) == (2, True), called.err


def test_delete_by_force_prints_what_is_left(program: Program, device: str, api: Api) -> None:
    told = program("client", "device", "delete", "--force", "alpha", *JSON).json["device"]
    assert told["left"] == [{"device": "192.0.2.1", "path": "interfaces ge-0/0/1 unit 7"}]
    assert not api.rows["devices"]
    api.rows["devices"][ID] = {"id": ID, "name": "alpha"}
    assert "interfaces ge-0/0/1 unit 7" in program("client", "device", "delete", "--force", "alpha").out


def test_retry_sends_nothing_and_timeout_ends_the_wait(program: Program, device: str, api: Api) -> None:
    assert program("client", "device", "set", "--retry", "alpha").code == 0
    assert api.paths("PATCH") == [f"/v1.0/devices/{ID}"]
    late = program("client", "device", "create", "--name", "stays", "--wait", "--timeout", "100ms")
    assert late.code == 6
    assert "is PENDING_CREATE, not ACTIVE, after 0.1 s" in late.err


def test_verbs_of_a_schemas_own(program: Program, device: str, tmp_path: Path) -> None:
    path = tmp_path / "input.json"
    path.write_text('{"hard": true}')
    told = program("client", "device", "reboot", "--file", str(path), "alpha").json
    assert told == {"did": [ID, "reboot"], "with": {"hard": True}}
    assert program("client", "device", "rescan").json["did"] == ["rescan"]
    assert "reboot" in program("client", "device", "--help").out


def test_codes_tell_what_is_wrong(program: Program, api: Api) -> None:
    nobody = program("client", "devise", "list")
    assert nobody.code == 4
    assert "the server has no schema 'devise'; it has device" in nobody.err
    assert program("client", "device", "show", "nobody").code == 4
    for status, code in ((401, 5), (403, 5), (404, 4), (409, 1), (500, 1), (503, 3), (504, 6)):
        api.raw_answer = (status, json.dumps({"error": "so it is"}).encode())
        called = program("client", "--no-cache", "device", "list")
        assert (called.code, "so it is" in called.err) == (code, True)
        assert len(called.err.splitlines()) == 2, "what and which, then what to do"
