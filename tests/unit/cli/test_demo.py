"""The parts of the demo that judge: the record, the comparison of router lines, what NETCONF answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.bootstrap.services import SERVICES
from esi.cli.demo import keys, vpn
from esi.cli.demo.expectations import Expectations, decoded, in_clear
from esi.cli.demo.routers import lines_of
from esi.cli.demo.stage import Put
from esi.errors import Rejected
from esi.render.junos import secret9
from esi.schema import load
from unit.cli.calling import Program

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("text", ["$9$-/d2aji.5z6qm", "$9$FNex3A0Ehrv87yl", "$9$ZiGkPF39pOR/C", "$9$6eJ//u1SyK8xdev"])
def test_recorded_keys_decode(text: str) -> None:
    assert decoded(text) == "test"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), st.text())
def test_decoding_is_what_the_product_encodes(plain: str, seed: str) -> None:
    assert decoded(secret9.encode(plain, seed=seed)) == plain


@given(st.text(min_size=1))
def test_decoding_never_fails(text: str) -> None:
    decoded("$9$" + text)


def test_a_key_is_compared_in_clear() -> None:
    line = '+  authentication-key "$9$-/d2aji.5z6qm"; ## SECRET-DATA'
    assert in_clear(line) == '+  authentication-key "test"; ## SECRET-DATA'


def test_router_lines_must_be_the_same_to_the_blank() -> None:
    wanted = ["[edit a]", "+  b;"]
    for seen, held in (
        (["[edit a]", "+  b;"], True),
        (["[edit a]", "+ b;"], False),
        (["[edit a]"], False),
        (["[edit a]", "+  b;", "-  c;"], False),
        (["+  b;", "[edit a]"], False),
    ):
        expect = Expectations()
        expect.lines("lines", wanted, seen)
        assert expect.all[0].held is held
        assert bool(expect.failed) is not held


def test_members_may_stand_beside_the_recorded_ones() -> None:
    expect = Expectations()
    expect.contains("row", {"a": 1, "b": None}, {"a": 1, "b": None, "c": 3})
    expect.contains("row", {"a": 1, "b": None}, {"a": 2})
    assert [item.held for item in expect.all] == [True, False]
    assert expect.all[1].seen == "a: 2 instead of 1; b: None instead of None"


def test_reply_of_a_router() -> None:
    reply = (
        '<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><configuration-information>'
        "<configuration-output>\n[edit a]\n+  b &lt;c&gt;;  \n</configuration-output></configuration-information>"
        "</rpc-reply>\n]]>]]>"
    )
    assert lines_of(reply, who="r1") == ["[edit a]", "+  b <c>;"]
    refused = reply.replace("<configuration-information>", "<rpc-error><error-message>no</error-message></rpc-error>")
    with pytest.raises(Rejected, match="r1: no"):
        lines_of(refused.replace("</configuration-information>", ""), who="r1")


def test_summaries_of_keys_have_no_bodies() -> None:
    value = {"state": {"worker_state": "CREATE_COMPLETED", "heat_outputs": "{}"}, "version": 1, "body": "secret"}
    assert keys.summary(value) == "worker_state CREATE_COMPLETED, version 1"


@pytest.mark.recorded
def test_the_story_is_the_record(require: Any) -> None:
    """Every request and every shown value of the demo stands in the recorded files, and nothing else."""
    cases = require("recorded")
    steps = json.loads((cases / "vpn_chain" / "steps_old.json").read_text())
    recorded: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for step in steps:
        shown = [item["body"][item["resource"]] for item in step["shown"] if item["verb"] == "show"]
        for request in step["requests"]:
            ((schema, body),) = request["body"].items()
            matching = [row["id"] for row in shown if all(row.get(k) == v for k, v in body.items())]
            recorded.setdefault(schema, []).extend((id, body) for id in matching[:1])
    puts = [item for group in vpn.PREREQUISITES for item in group]
    puts.append(Put("vpn_gateway", vpn.GATEWAY, vpn.GATEWAY_REQUEST))
    for item in puts:
        assert (item.id, item.body | {"tenant_id": vpn.TENANT}) in recorded[item.schema], item.schema
    request = json.loads((cases / "vpn" / "request.json").read_text())["seed"][0]["body"]["vpn_interface"]
    assert request == vpn.INTERFACE_REQUEST
    gateway = json.loads((cases / "vpn" / "shown.json").read_text())["seed"][1]["body"]["vpn_gateway"]
    assert {**vpn.GATEWAY_SHOWN, "connected_vpn_interface": gateway["connected_vpn_interface"]} == gateway


@pytest.mark.recorded
def test_router_lines_are_the_seeds(require: Any) -> None:
    text = (require("recorded").parent / "seeds" / "create_vpn_interface.md").read_text()
    blocks = text.split("* MX-1\n```\n")[1]
    printed = {
        "vMX-router-01": blocks.split("\n```")[0].removesuffix("\n[edit]"),
        "vMX-router-02": blocks.split("* MX-2\n```\n")[1].split("\n```")[0],
    }
    for name, (_, lines) in vpn.CHANGES.items():
        assert [in_clear(line) for line in printed[name].splitlines() if line] == lines


def test_prerequisites_name_only_what_stands_before_them() -> None:
    """Each group refers to the groups before it, by the relations of the real schemas."""
    catalogue = load([ROOT / "src" / "esi" / "services" / name for name in SERVICES])
    known: set[str] = set()
    for group in vpn.PREREQUISITES:
        for item in group:
            assert item.schema in {schema.id for schema in catalogue}
            texts = [text for value in item.body.values() for text in (value if isinstance(value, list) else [value])]
            assert {text for text in texts if text in {i.id for g in vpn.PREREQUISITES for i in g}} <= known
        known |= {item.id for item in group}


def test_a_folder_that_holds_something_is_refused(program: Program, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    called = program("demo", "vpn", "--folder", str(tmp_path / "full"))
    assert called.code == 2
    assert "not empty" in called.err
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["file"]
