"""`gohan client`, against a small API over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from esi.cli.values import NULL
from unit.cli.calling import Program
from unit.client.server import Api, serving

ID = "0bea303d-b6eb-4edc-83ef-e32f915d3047"


@pytest.fixture
def device(api: Api) -> str:
    api.rows["devices"][ID] = {"id": ID, "name": "alpha", "status": "ACTIVE", "ports": 4, "settings": {"b": 1, "a": 2}}
    return ID


def test_json_is_printed_as_recorded(program: Program, device: str) -> None:
    called = program("client", "device", "show", "--output-format", "json", device, name="gohan")
    assert called.code == 0
    assert called.out == (
        '{\n    "device": {\n'
        f'        "id": "{ID}",\n'
        '        "name": "alpha",\n'
        '        "ports": 4,\n'
        '        "settings": {\n            "a": 2,\n            "b": 1\n        },\n'
        '        "status": "ACTIVE"\n'
        "    }\n}\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--output-format", "json", "device", "show", ID),
        ("device", "show", "--output-format", "json", ID),
        ("device", "show", ID, "--output-format", "json"),
        ("--output-format", "table", "device", "show", ID, "--output-format", "json"),
    ],
)
def test_the_format_may_stand_before_or_behind(program: Program, device: str, words: tuple[str, ...]) -> None:
    assert program("client", *words).json["device"]["id"] == ID


def test_the_environment_says_format_and_fields(program: Program, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOHAN_OUTPUT_FORMAT", "json")
    monkeypatch.setenv("GOHAN_FIELDS", "name, ports")
    assert program("client", "device", "list").json == {"devices": [{"name": "alpha", "ports": 4}]}
    assert program("client", "device", "show", ID, "--fields", "id").json == {"device": {"id": ID}}


def test_a_table_shows_rows_whole_where_it_is_not_a_terminal(program: Program, api: Api) -> None:
    long = "n" * 150
    api.rows["devices"][ID] = {"id": ID, "name": long, "status": "ACTIVE"}
    table = program("client", "device", "list").out
    assert long in table
    assert "status" in table.splitlines()[1]
    assert "tenant_id" not in table


def test_text_in_a_table_is_not_markup(program: Program, api: Api) -> None:
    api.rows["devices"][ID] = {"id": ID, "name": "[red]x[/red]", "status": "ACTIVE"}
    assert "[red]x[/red]" in program("client", "device", "list").out


def test_create_sends_typed_values(program: Program, api: Api) -> None:
    called = program(
        *("client", "--output-format", "json", "device", "create", "--name", "beta", "--ports", "8"),
        *("--load", "0.5", "--enabled", "true", "--tags", '["a"]', "--settings", '{"mtu": 9000}', "--note", NULL),
    )
    assert called.code == 0
    row = next(iter(api.rows["devices"].values()))
    sent = {key: value for key, value in row.items() if key not in ("id", "status", "kind")}
    assert sent == {
        "name": "beta", "ports": 8, "load": 0.5, "enabled": True, "tags": ["a"], "settings": {"mtu": 9000}, "note": None
    }  # fmt: skip


def test_a_relation_is_given_by_name_or_id_under_either_name(program: Program, api: Api) -> None:
    rack = program("client", "rack", "create", "--name", "r1", "--output-format", "json").json["rack"]["id"]
    for given in (("--rack", "r1"), ("--rack_id", "r1"), ("--rack_id", rack)):
        called = program("client", "device", "create", "--name", "d", *given, "--output-format", "json")
        assert called.json["device"]["rack_id"] == rack
    found = program("client", "device", "list", "--rack", "r1", "--output-format", "json").json["devices"]
    assert len(found) == 3


def test_list_filters_and_pages_on_the_server(program: Program, api: Api) -> None:
    program("client", "device", "list", "--name", "x", "--limit", "2", "--sort-key", "name", "--sort-order", "desc")
    asked = api.paths("GET")[-1]
    assert asked == "/v1.0/devices?limit=2&sort_key=name&sort_order=desc&name=x"


def test_set_sends_only_what_was_given(program: Program, device: str, api: Api) -> None:
    assert program("client", "device", "set", "--ports", "9", "alpha").code == 0
    assert api.rows["devices"][ID]["ports"] == 9
    assert api.rows["devices"][ID]["settings"] == {"b": 1, "a": 2}
    nothing = program("client", "device", "set", "alpha")
    assert nothing.code == 2
    assert "nothing to set" in nothing.err


def test_create_only_properties_are_no_options_of_set(program: Program, device: str) -> None:
    called = program("client", "device", "set", "--kind", "edge", device)
    assert called.code == 2
    assert "--kind" in called.err


def test_delete_and_wait(program: Program, api: Api) -> None:
    made = program("client", "device", "create", "--name", "lingers", "--wait", "--output-format", "json").json
    assert made["device"]["status"] == "ACTIVE"
    assert program("client", "device", "delete", "--wait", "lingers") == (0, "", "")
    assert not api.rows["devices"]


def test_refused_by_the_server_is_1_with_its_sentence(program: Program, api: Api) -> None:
    called = program("client", "device", "create", "--ports", "4", name="gohan")
    assert called.code == 1
    assert called.out == ""
    assert "name: is required" in called.err
    assert "gohan client SCHEMA create --help" in called.err


def test_a_failed_wait_is_1_with_the_reason(program: Program, api: Api) -> None:
    called = program("client", "device", "create", "--name", "fails", "--wait")
    assert called.code == 1
    assert "10.0.0.1: filter F1 is not defined" in called.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("device", "create", "--ports", "x"), "'x' is not an integer"),
        (("device", "create", "--enabled", "perhaps"), "neither true nor false"),
        (("device", "create", "--tags", "a"), "is not JSON"),
        (("device", "create", "--tags", "{}"), "not an array"),
        (("device", "create", "--settings", "[]"), "not an object"),
        (("device", "create", "--load", "x"), "not a number"),
        (("device", "create", "--colour", "red"), "No such option"),
        (("device", "paint"), "No such command"),
        (("--cache-timeout", "soon", "device", "list"), "not like 5m"),
    ],
)
def test_wrong_use_is_2_and_says_what(program: Program, api: Api, words: tuple[str, ...], said: str) -> None:
    called = program("client", *words)
    assert called.code == 2
    assert said in called.err


def test_nobody_there_is_3_and_says_what_to_do(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as gone:
        monkeypatch.setenv("GOHAN_ENDPOINT_URL", gone.url)
    called = program("client", "device", "list")
    assert called.code == 3
    assert gone.url in called.err
    assert "esi dev" in called.err


def test_help_works_without_a_server(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as gone:
        monkeypatch.setenv("GOHAN_ENDPOINT_URL", gone.url)
    called = program("client", "--help")
    assert called.code == 0
    assert gone.url in called.out
    assert "listed here when the server can be reached" in called.out


def test_help_lists_the_servers_schemas_and_their_properties(program: Program, api: Api) -> None:
    assert "Rack" in program("client", "--help").out
    help = program("client", "device", "create", "--help").out
    assert "--rack_id, --rack NAME|ID" in help
    assert "--kind tor|edge" in help
    assert "Name (required)" in help
    assert "--status" not in help


def test_help_asks_the_server_that_is_named_before_it(program: Program, api: Api) -> None:
    with serving() as other:
        other.schemas = []
        assert "Rack" not in program("client", "--endpoint-url", other.url, "--help").out
    assert not api.requests


def test_schemas_are_kept_for_the_time_given(program: Program, api: Api, tmp_path: Path) -> None:
    program("client", "rack", "list")
    program("client", "rack", "list")
    assert api.paths("GET").count("/gohan/v0.1/schemas") == 1
    program("client", "--cache-timeout", "0s", "rack", "list")
    assert api.paths("GET").count("/gohan/v0.1/schemas") == 2
    program("client", "--no-cache", "rack", "list")
    assert api.paths("GET").count("/gohan/v0.1/schemas") == 3


def test_only_verbs_that_the_caller_may_use_are_commands(program: Program, api: Api) -> None:
    schema = {**api.schemas[0], "schema": {**api.schemas[0]["schema"], "permission": ["read"]}}
    api.schemas = [schema]
    help = program("client", "--no-cache", "rack", "--help").out
    assert "show" in help
    assert "delete" not in help


def test_verbosity_logs_requests_but_no_token(program: Program, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_TOKEN_ID", "t0psecret")
    called = program("client", "--verbosity", "3", "rack", "list")
    assert "GET " in called.err
    assert "t0psecret" not in called.err
    assert api.requests[-1][2]["X-Auth-Token"] == "t0psecret"


def test_the_recorded_schema_url_may_be_absolute(program: Program, api: Api) -> None:
    assert program("client", "--schema-url", api.url + "/gohan/v0.1/schemas", "rack", "list").code == 0


def test_answers_are_text_as_it_is(program: Program, api: Api) -> None:
    api.rows["racks"][ID] = {"id": ID, "name": "Überbau <1> & 2"}
    called = program("client", "rack", "show", ID, "--output-format", "json")
    assert "Überbau <1> & 2" in called.out
    assert json.loads(called.out)["rack"]["name"] == "Überbau <1> & 2"
