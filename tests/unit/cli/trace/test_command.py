"""`esi trace` against a small API over real HTTP: what it asks, prints and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unit.cli.calling import Program
from unit.cli.conftest import api, program
from unit.cli.trace.reading import document, parsed_file
from unit.client.server import Api

__all__ = ["api", "program"]

ID = "0bea303d-b6eb-4edc-83ef-e32f915d3047"
PATH = f"/esi/trace/device/{ID}"


@pytest.fixture
def traced(api: Api) -> Api:
    """A device with a trace: the sample's, under its own schema."""
    api.rows["devices"][ID] = {"id": ID, "name": "alpha", "status": "ACTIVE", "admin_password": "opensesame"}
    api.documents[PATH] = {"trace": _as_device(document())}
    return api


def _as_device(given: dict[str, Any]) -> dict[str, Any]:
    own = [item | {"schema": "device"} if item["id"] == ID else item for item in given["changes"]]
    return given | {"schema": "device", "name": "alpha", "changes": own}


def test_text_is_the_usual_answer(program: Program, traced: Api) -> None:
    called = program("trace", "device", "alpha")
    assert (called.code, called.err) == (0, "")
    lines = called.out.splitlines()
    assert lines[0] == f"create device alpha  {ID}"
    assert any(line.endswith("POST /v2.0/vpn_interfaces") for line in lines)
    assert f"$ gohan client device show --output-format json {ID}" in lines
    assert '        "admin_password": "•••",' in lines
    assert "opensesame" not in called.out


def test_brief_is_the_diagram_and_asks_nothing_more(program: Program, traced: Api) -> None:
    called = program("trace", "device", ID, "--brief")
    assert "1. Sequence diagram" not in called.out
    assert "├" in called.out
    assert traced.paths("GET") == ["/gohan/v0.1/schemas", PATH]


def test_json_is_the_document_as_it_is(program: Program, traced: Api) -> None:
    assert program("trace", "device", ID, "--json").json == traced.documents[PATH]


def test_one_request_may_be_chosen(program: Program, traced: Api) -> None:
    assert program("trace", "device", ID, "--request", "r 1", "--brief").code == 0
    assert traced.paths("GET")[-1] == f"{PATH}?request=r+1"


def test_the_page_is_written_whole(program: Program, traced: Api, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("what stood there")
    called = program("trace", "device", ID, "--html", str(file))
    assert called.out == f"the page is {file}\n"
    tree = parsed_file(file)
    assert "opensesame" not in file.read_text("utf-8")
    assert len(tree.xpath("//details[@class='message']")) == len(document()["messages"])
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []


def test_page_and_json_go_together(program: Program, traced: Api, tmp_path: Path) -> None:
    called = program("trace", "device", ID, "--json", "--html", str(tmp_path / "page.html"))
    assert json.loads(called.out) == traced.documents[PATH]
    assert "the page is " in called.err


def test_a_page_that_cannot_be_written_is_said(program: Program, traced: Api, tmp_path: Path) -> None:
    called = program("trace", "device", ID, "--html", str(tmp_path / "none" / "page.html"))
    assert called.code == 1
    assert "No such file or directory" in called.err


def test_a_resource_that_is_gone_still_has_its_record(program: Program, traced: Api) -> None:
    del traced.rows["devices"][ID]
    called = program("trace", "device", ID)
    assert called.code == 0
    assert f"device {ID} not found" in called.out


def test_what_is_not_there_is_named(program: Program, traced: Api) -> None:
    assert "no device has the id or the name 'beta'" in program("trace", "device", "beta").err
    assert "it has device" in program("trace", "devise", "beta").err
    assert program("trace", "rack", ID).code == 4


def test_it_may_wait_for_the_end(program: Program, traced: Api) -> None:
    """The record is complete when the API shows that the last resource of the request has come to its end."""
    own = traced.rows["devices"][ID]
    own |= {"status": "PENDING_UPDATE", "name": "alpha"}
    complete = traced.documents.pop(PATH)

    class Ending(dict[str, Any]):
        def __getitem__(self, path: str) -> Any:
            return {"trace": complete["trace"] | {"complete": own["status"] == "ACTIVE"}}

    traced.documents = Ending({PATH: None})
    called = program("trace", "device", ID, "--brief", "--wait")
    assert ", took 0.262 s" in called.out
    assert traced.paths("GET").count(PATH) == 2
    assert traced.paths("GET").count(f"/v1.0/devices/{ID}") == traced.looks_until_active


def test_what_has_failed_or_gone_is_not_waited_for(program: Program, traced: Api) -> None:
    answers = iter([False, True])
    complete = traced.documents.pop(PATH)
    traced.rows["devices"][ID] |= {"status": "ERROR", "name": "stays"}

    class Ending(dict[str, Any]):
        def __getitem__(self, path: str) -> Any:
            return {"trace": complete["trace"] | {"complete": next(answers)}}

    traced.documents = Ending({PATH: None})
    assert program("trace", "device", ID, "--brief", "--wait").code == 0
