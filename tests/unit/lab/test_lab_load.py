"""Loads: every action and every verb, and what is taken and said when something does not fit."""

from __future__ import annotations

import pytest
from lxml import etree

from esi.lab import LabSession, Refused
from esi.lab.load import edit_config, load_text, load_xml
from esi.render.junos.printing import print_set, print_text
from esi.render.junos.reading import Default
from esi.render.junos.secret9 import decode
from esi.render.junos.tree import Tree

BASE = """system {
    host-name a;
}
firewall {
    family inet {
        filter F {
            term one {
                then accept;
            }
            term two {
                then accept;
            }
        }
    }
}
"""


def encode(secret: str) -> str:
    return f"$9${secret}"


def tree(text: str = BASE) -> Tree:
    loaded = load_text(Tree(), "merge", text, encode)
    assert loaded.errors == []
    return loaded.tree


def lines(found: Tree) -> list[str]:
    return [line.removeprefix("set ") for line in print_set(found.root)]


TEXTS = {
    "merge adds": ("merge", "system { domain-name b; }", ["system host-name a", "system domain-name b"]),
    "later leaf wins": ("merge", "system { host-name b; }", ["system host-name b"]),
    "replace without a tag merges": (
        "replace",
        "system { domain-name b; }",
        ["system host-name a", "system domain-name b"],
    ),
    "replace with its tag": ("replace", "replace: system { domain-name b; }", ["system domain-name b"]),
    "merge does not replace": (
        "merge",
        "replace: system { domain-name b; }",
        ["system host-name a", "system domain-name b"],
    ),
    "delete": ("merge", "delete: system;", []),
    "delete inside": ("merge", "system { domain-name b; delete: host-name; }", ["system domain-name b"]),
    "override": ("override", "system { domain-name b; }", ["system domain-name b"]),
    "update": ("update", "system { domain-name b; }", ["system domain-name b"]),
    "missing semicolon": (
        "merge",
        "system { host-name c\n domain-name d; }",
        ["system host-name c", "system domain-name d"],
    ),
}


@pytest.mark.parametrize(("action", "text", "expected"), TEXTS.values(), ids=TEXTS)
def test_text_is_loaded_as_its_action_says(action: str, text: str, expected: list[str]) -> None:
    loaded = load_text(tree("system { host-name a; }"), action, text, encode)
    assert loaded.errors == []
    assert lines(loaded.tree) == expected


def test_set_commands_do_what_they_say() -> None:
    def terms(command: str) -> list[str]:
        loaded = load_text(tree(), "set", command, encode)
        assert loaded.errors == loaded.warnings == []
        node = loaded.tree.root.get("firewall", "family", "inet", ("filter", "F"))
        assert node is not None
        return [("-" if one.inactive else "") + str(one.key) for one in node.ordered()]

    start = "firewall family inet filter F term"
    assert terms(f"delete {start} one") == ["two"]
    assert terms(f"delete {start} one\nset {start} one then discard") == ["two", "one"]
    assert terms(f"deactivate {start} one") == ["-one", "two"]
    assert terms(f"deactivate {start} one\nactivate {start} one") == ["one", "two"]
    assert terms(f"rename {start} one to term three") == ["three", "two"]
    assert terms(f"copy {start} one to term three") == ["one", "three", "two"]
    assert terms(f"insert {start} two before term one") == ["two", "one"]
    assert terms(f"insert {start} one after term two") == ["two", "one"]
    assert terms(f"delete {start}\n# gone\nset {start} x then accept") == ["x"]


def test_an_annotation_is_kept() -> None:
    loaded = load_text(tree("system { host-name a; }"), "set", 'annotate system "who are we */"', encode)
    assert print_text(loaded.tree.root).startswith("/* who are we * / */\nsystem {")


@pytest.mark.parametrize(
    "command",
    [
        "set system host-name a; set system domain-name b",
        "set system { host-name b",
        "set nonsense x",
        "launch system",
        "set",
        "insert firewall family inet filter F term nine before term one",
        "rename firewall family inet filter F term one to term two",
        "set interfaces ge-0/0/1 unit 5 vlan-id wat",
        "set interfaces ge-0/0/1 unit 5 vlan-id 4095",
        "set interfaces ge-0/0/1 unit 5 family inet address 10.0.0.300/24",
        "set interfaces ge-0/0/1 unit",
        'set system host-name "',
    ],
)
def test_a_command_that_makes_no_sense_is_named_and_the_others_are_taken(command: str) -> None:
    loaded = load_text(tree(), "set", f"{command}\nset system domain-name good", encode)
    assert len(loaded.errors) == 1
    assert "system domain-name good" in lines(loaded.tree)
    assert "system host-name a" in lines(loaded.tree)


def test_deleting_what_is_not_there_is_a_warning() -> None:
    loaded = load_text(tree(), "set", "delete interfaces ge-0/0/1 unit 5\ndelete system host-name other", encode)
    assert loaded.errors == []
    assert [one.message for one in loaded.warnings] == ["statement not found"] * 2
    assert print_text(loaded.tree.root) == BASE


def test_an_empty_container_is_ignored_with_a_warning() -> None:
    loaded = load_text(tree(), "merge", "interfaces { } system { services { } }", encode)
    assert [one.message for one in loaded.warnings] == ["statement has no contents; ignored"] * 2
    assert print_text(loaded.tree.root) == BASE


def test_an_error_leaves_the_good_half_and_names_the_place(session: LabSession) -> None:
    with pytest.raises(Refused) as refused:
        session.load_text("merge", "interfaces { ge-0/0/1 { unit 7 { vlan-id 5000; description x; frob 1; } } }")
    found = [(fault.path, fault.bad, fault.message) for fault in refused.value.faults]
    assert found == [
        ("[edit interfaces ge-0/0/1 unit 7]", "5000", "Value 5000 is not within range (0..4094)"),
        ("[edit interfaces ge-0/0/1 unit 7]", "frob", "syntax error"),
    ]
    assert "description x" in session.compare()
    session.discard()
    assert session.compare() == "\n"


def test_plain_secrets_are_stored_encoded_and_encoded_ones_as_they_are(session: LabSession) -> None:
    session.load_text(
        "set",
        'set protocols bgp authentication-key test\nset protocols bgp group g authentication-key "$9$-/d2aji.5z6qm"',
    )
    shown = session.compare()
    assert "test" not in shown
    assert '"$9$-/d2aji.5z6qm"; ## SECRET-DATA' in shown
    first = shown
    session.discard()
    session.load_text(
        "set",
        'set protocols bgp authentication-key test\nset protocols bgp group g authentication-key "$9$-/d2aji.5z6qm"',
    )
    assert session.compare() != first  # typed again, stored with another salt


def test_a_plain_secret_may_begin_with_a_dollar(session: LabSession) -> None:
    session.load_text("set", 'set protocols bgp authentication-key "$ecret"')
    found = session.router.candidate.root.get("protocols", "bgp", "authentication-key")
    assert found is not None
    assert decode(str(found.value)) == "$ecret"


def xml(body: str) -> etree._Element:
    return etree.fromstring(f'<configuration xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">{body}</configuration>')


UNIT = "<interfaces><interface><name>ge-0/0/1</name><unit{}><name>5</name>{}</unit></interface></interfaces>"


@pytest.mark.parametrize("attribute", ['delete="delete"', 'operation="delete"', 'nc:operation="remove"'])
def test_xml_deletes_the_element_that_says_so(attribute: str) -> None:
    start = load_text(
        tree(), "set", "set interfaces ge-0/0/1 unit 5 vlan-id 5\nset interfaces ge-0/0/1 mtu 1500", encode
    )
    loaded = load_xml(start.tree, "merge", xml(UNIT.format(f" {attribute}", "")), encode)
    assert (loaded.errors, loaded.warnings) == ([], [])
    assert "interfaces ge-0/0/1 mtu 1500" in lines(loaded.tree)
    assert "unit" not in print_text(loaded.tree.root)


EDITS: dict[str, tuple[Default, str, list[str], list[str]]] = {
    "merge": ("merge", UNIT.format("", "<vlan-id>6</vlan-id>"), ["vlan-id 6", "description x"], []),
    "replace an element": ("merge", UNIT.format(' operation="replace"', "<vlan-id>6</vlan-id>"), ["vlan-id 6"], []),
    "none does nothing": ("none", UNIT.format("", "<vlan-id>6</vlan-id>"), ["vlan-id 5", "description x"], []),
    "none and delete": ("none", UNIT.format(' operation="delete"', ""), [], []),
    "none and delete a leaf": ("none", UNIT.format("", '<vlan-id operation="delete"/>'), ["description x"], []),
    "none and merge": (
        "none",
        UNIT.format(' operation="merge"', "<vlan-id>6</vlan-id>"),
        ["vlan-id 6", "description x"],
        [],
    ),
    "create what is there": (
        "merge",
        UNIT.format(' operation="create"', "<vlan-id>6</vlan-id>"),
        ["vlan-id 5", "description x"],
        ["data-exists"],
    ),
}


@pytest.mark.parametrize(("default", "body", "left", "errors"), EDITS.values(), ids=EDITS)
def test_edit_config_does_what_its_operations_say(
    default: Default, body: str, left: list[str], errors: list[str]
) -> None:
    start = load_text(
        Tree(), "set", "set interfaces ge-0/0/1 unit 5 vlan-id 5\nset interfaces ge-0/0/1 unit 5 description x", encode
    )
    loaded = edit_config(start.tree, default, xml(body), encode)
    assert [one.tag for one in loaded.errors] == errors
    found = [line.removeprefix("interfaces ge-0/0/1 unit 5 ") for line in lines(loaded.tree) if "unit" in line]
    assert sorted(found) == sorted(left)


def test_deleting_with_none_makes_nothing_on_the_way() -> None:
    loaded = edit_config(tree(), "none", xml(UNIT.format(' operation="delete"', "")), encode)
    assert [one.message for one in loaded.warnings] == ["statement not found"]
    again = edit_config(loaded.tree, "none", xml(UNIT.format(' operation="remove"', "")), encode)
    assert again.warnings == []
    assert print_text(again.tree.root) == BASE


def test_replacing_everything_by_edit_config() -> None:
    loaded = edit_config(tree(), "replace", xml("<system><host-name>z</host-name></system>"), encode)
    assert lines(loaded.tree) == ["system host-name z"]


@pytest.mark.parametrize(
    "body",
    [
        "<nonsense/>",
        "<interfaces><interface><name>ge-0/0/1</name><frob/></interface></interfaces>",
        '<system operation="explode"/>',
    ],
)
def test_xml_that_does_not_fit_is_refused(body: str) -> None:
    loaded = load_xml(tree(), "merge", xml(body), encode)
    assert [one.message for one in loaded.errors] == ["syntax error"]
    assert print_text(loaded.tree.root) == BASE
