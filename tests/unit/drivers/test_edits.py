"""What edits become on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from esi.drivers import Edit, Step
from esi.drivers.junos.edits import load_request, remove_request, requests, statements, written
from esi.drivers.junos.session import full_path
from esi.drivers.netconf import without_secrets
from esi.errors import TemplateError
from esi.netconf.xml import Element, local, serialise
from esi.render.junos.secret9 import decode
from esi.render.junos.text import Statement, parse
from esi.render.marks import mark, unprintable

INTERFACE = Step("interface", "ge-0/0/1", "name", "named_tag")
UNIT = Step("unit", "122", "named_tag", "named_tag")
INTERFACES, FAMILY, INET = Step("interfaces"), Step("family"), Step("inet")
ADDRESS = Step("address", "192.168.8.2/30", "named_tag", "named_tag")
UNIT_PATH = (INTERFACES, INTERFACE, UNIT)


def text_of(request: Element) -> str:
    return request.findtext("configuration-text") or ""


def test_merges_of_one_intent_are_one_text_of_one_tree() -> None:
    edits = [
        Edit(UNIT_PATH, text="vlan-id 122; description vpn;"),
        Edit((INTERFACES, Step("interface", " ae0 ", "name", "named_tag"), UNIT), text="vlan-id 1;"),
        Edit((Step("routing-options"), Step("router-id", "192.168.8.2", "named_tag"))),
    ]
    (request,) = requests(edits, device="r1")
    assert (request.get("action"), request.get("format")) == ("merge", "text")
    assert text_of(request) == (
        "interfaces {\n    ge-0/0/1 {\n        unit 122 {\n            vlan-id 122;\n            description vpn;\n"
        "        }\n    }\n    ae0 {\n        unit 122 {\n            vlan-id 1;\n        }\n    }\n}\n"
        "routing-options {\n    router-id 192.168.8.2;\n}\n"
    )


def test_an_intent_is_written_once() -> None:
    edits = (Edit(UNIT_PATH, text="vlan-id 4000;"),)
    ((name, body),) = written(edits, "r1")
    assert (name, body) == ("load-configuration", serialise(load_request(edits, device="r1")))
    assert written(tuple(edits), "r1") is written(edits, "r1")
    assert written(edits, "r2") is not written(edits, "r1"), "secrets are stored otherwise"
    long = (Edit(UNIT_PATH, text=f"description {'x' * 9000};"),)
    assert written(long, "r1") == written(long, "r1")
    assert written(long, "r1") is not written(long, "r1"), "a thousand of them would fill the memory"


def test_replace_is_tagged_at_its_place_only() -> None:
    edits = [Edit(UNIT_PATH, "replace", "vlan-id 5;"), Edit((Step("system"),), text="host-name a;")]
    request = load_request(edits, device="r1")
    assert request.get("action") == "replace"
    assert "        replace: unit 122 {\n            vlan-id 5;" in text_of(request)
    assert text_of(request).count("replace:") == 1


def test_removals_are_one_request_that_marks_the_last_elements() -> None:
    edits = [
        Edit((*UNIT_PATH, FAMILY, INET, ADDRESS), "remove"),
        Edit((*UNIT_PATH, Step("description")), "remove"),
        Edit((Step("routing-instances"), Step("instance", "X", "name", "named_tag")), "remove"),
        Edit((Step("routing-instances"), Step("instance", "X", "name", "named_tag"), Step("protocols")), "remove"),
    ]
    (request,) = requests(edits, device="r1")
    assert local(request) == "edit-config"
    assert b"<nc:default-operation>none</nc:default-operation>" in etree.tostring(request)
    removed = [local(one) for one in request.iter() if any("operation" in str(name) for name in one.attrib)]
    assert removed == ["address", "description", "instance"]
    (configuration,) = [one for one in request.iter() if local(one) == "configuration"]
    assert [local(one) for one in configuration] == ["interfaces", "routing-instances"]
    assert configuration.findtext("interfaces/interface/unit/family/inet/address/name") == "192.168.8.2/30"


def test_order_of_removals_and_merges_is_kept() -> None:
    remove, merge = Edit(UNIT_PATH, "remove"), Edit(UNIT_PATH, text="vlan-id 1;")
    assert [local(one) for one in requests([remove, merge], device="r")] == ["edit-config", "load-configuration"]
    assert [local(one) for one in requests([merge, remove], device="r")] == ["load-configuration", "edit-config"]
    assert list(requests([], device="r")) == []


@pytest.mark.parametrize(
    "edits",
    [
        [Edit((), text="a b;")],
        [Edit(UNIT_PATH, text="vlan-id 1;"), Edit(UNIT_PATH, text="vlan-id 2;")],
        [Edit(UNIT_PATH, text="vlan-id {")],
        [Edit(UNIT_PATH, text="vlan-id 1; } system { host-name x;")],
        [Edit((Step("a><b/><c"),), "remove")],
        [Edit((Step("unit", "1\n2", "named_tag", "named_tag"),), text="x;")],
    ],
)
def test_what_cannot_be_written_is_refused(edits: list[Edit]) -> None:
    with pytest.raises(TemplateError):
        list(requests(edits, device="r1"))


NEIGHBOR = (
    Step("routing-instances"),
    Step("instance", "vrf1", "name", "named_tag"),
    Step("protocols"),
    Step("bgp"),
    Step("group", "G", "named_tag", "named_tag"),
)


def test_secrets_go_out_in_stored_form_that_is_the_same_each_time() -> None:
    edits = [Edit(NEIGHBOR, text=f"neighbor 192.168.8.1 {{ authentication-key {mark('te st')}; }} description secret;")]
    first, again = (text_of(load_request(edits, device="r1")) for _ in range(2))
    assert first == again != text_of(load_request(edits, device="r2"))
    assert "te st" not in first
    key = first.split('authentication-key "')[1].split('"')[0]
    assert decode(key) == "te st"
    assert "description secret;" in first
    assert "•••" in without_secrets(first)
    assert key not in without_secrets(first)


def test_secret_in_stored_form_is_kept_and_one_liners_and_unknown_places_are_found() -> None:
    kept = Edit(NEIGHBOR, text='neighbor 1.1.1.1 authentication-key "$9$abc";')
    assert '"$9$abc"' in text_of(load_request([kept], device="r1"))
    beside = Edit(NEIGHBOR, text="neighbor 1.1.1.1 authentication-key hidden peer-as 5;")
    assert "hidden" not in text_of(load_request([beside], device="r1"))
    unknown = Edit((Step("access"),), text="profile P { radius-server 1.1.1.1 secret hidden; }")
    assert "hidden" not in text_of(load_request([unknown], device="r1"))


values = st.text(st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn", "Zl", "Zp")), min_size=1)


@given(value=values.filter(lambda text: text.strip() == text and not unprintable(text)))
def test_no_value_becomes_structure(value: str) -> None:
    step = Step("unit", value, "named_tag", "named_tag")
    edits = [Edit((INTERFACES, INTERFACE, step), text=f"description {mark(value)}; disable;")]
    (found,) = parse(text_of(load_request(edits, device="r1")))
    assert found == Statement(
        ("interfaces",),
        (
            Statement(
                ("ge-0/0/1",),
                (Statement(("unit", value), (Statement(("description", value)), Statement(("disable",)))),),
            ),
        ),
    )
    removal = etree.fromstring(etree.tostring(remove_request([Edit((INTERFACES, INTERFACE, step), "remove")])))
    names = [one.text for one in removal.iter() if local(one) == "name"]
    assert names == ["ge-0/0/1", value]
    assert len(list(removal.iter())) == 11


def test_statements_keep_the_order_of_edits() -> None:
    edits = [Edit((Step("b"),), text="x;"), Edit((Step("a"),), text="y;"), Edit((Step("b2"), Step("c")))]
    assert [one.words for one in statements(edits)] == [("b",), ("a",), ("b2",)]


@pytest.mark.parametrize(
    ("path", "bad", "full"),
    [
        ("[edit interfaces ge-0/0/1]", "unit 122", "[edit interfaces ge-0/0/1 unit 122]"),
        ("[edit routing-instances]", "'vrf1'", "[edit routing-instances vrf1]"),
        ("[edit interfaces xe-0 interface-mode]", "interface-mode trunk", "[edit interfaces xe-0 interface-mode]"),
        ("[edit interfaces ge-0/0/1 unit 122]", "unit 122", "[edit interfaces ge-0/0/1 unit 122]"),
        ("[edit]", "", "[edit]"),
    ],
)
def test_place_that_a_daemon_names_in_two_parts(path: str, bad: str, full: str) -> None:
    assert full_path(path, bad) == full
