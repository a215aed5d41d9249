"""Trees: the three ways to write a configuration say the same, copies are independent, no value becomes structure."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lxml import etree

from esi.errors import Broken
from esi.lab import day0
from esi.render.junos.printing import print_set, print_text
from esi.render.junos.reading import Reader
from esi.render.junos.statements import Kind, build, root, walk
from esi.render.junos.text import Statement, parse
from esi.render.junos.tree import Node, Tree, equal
from esi.render.junos.xml import from_element, to_elements
from esi.render.marks import mark

SAMPLE = """interfaces {
    /* the uplink */
    ge-0/0/2 {
        hold-time up 1 down 2;
        gigether-options {
            802.3ad ae0;
        }
    }
    inactive: ge-0/0/10 {
        unit 0 {
            description "a \\"quoted\\" one; with { all }";
            vlan-tags outer 1 inner 2;
            family inet;
            inactive: family inet6 {
                address 2001:db8::1/64 {
                    vrrp-inet6-group 1 {
                        virtual-inet6-address [ 2001:db8::2 2001:db8::3 ];
                        preempt;
                    }
                }
            }
        }
    }
}
snmp {
    community public {
        authorization read-only;
        clients {
            10.0.0.0/8;
            0.0.0.0/0 {
                restrict;
            }
        }
    }
}
event-options {
    generate-event every time-interval 60;
}
routing-instances {
    V {
        instance-type vrf;
        interface ge-0/0/10.0;
        route-distinguisher 65000:1;
        vrf-target target:65000:1;
        vrf-table-label;
        routing-options {
            static {
                route 0.0.0.0/0 {
                    next-hop [ 10.0.0.1 10.0.0.2 ];
                    preference 5;
                }
                route 10.0.0.0/8 discard;
            }
            autonomous-system 65000;
        }
    }
}
"""


def read(statements: tuple[Statement, ...]) -> Tree:
    tree = Tree()
    reader = Reader(tree)
    reader.load(statements)
    assert reader.errors == []
    return tree


def configuration(tree: Tree) -> etree._Element:
    element = etree.Element("configuration")
    element.extend(list(to_elements(tree.root)))
    return etree.fromstring(etree.tostring(element))


@pytest.mark.parametrize("text", [SAMPLE, day0("mx1"), day0("mx2")], ids=["sample", "mx1", "mx2"])
def test_text_xml_and_set_commands_say_the_same(text: str) -> None:
    tree = read(parse(text))
    assert print_text(tree.root) == "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))
    assert equal(read(from_element(configuration(tree))).root, tree.root)
    again = Tree()
    for line in print_set(tree.root):
        verb, _, words = line.partition(" ")
        reader = Reader(again)
        tags = frozenset({"inactive:"} if verb == "deactivate" else ())
        reader.load([Statement(parse(f"{words};")[0].words, tags=tags)])
        assert reader.errors == []
    # Comments have no set command; the rest is the same.
    assert print_text(again.root) == print_text(tree.root).replace("    /* the uplink */\n", "")


def test_xml_has_the_levels_of_junos() -> None:
    xml = configuration(read(parse(SAMPLE)))

    def value(path: str) -> str | None:
        return xml.findtext(path)

    assert value("interfaces/interface/name") == "ge-0/0/2"
    assert value("interfaces/interface/gigether-options/ieee-802.3ad/bundle") == "ae0"
    assert value("routing-instances/instance/route-distinguisher/rd-type") == "65000:1"
    assert value("routing-instances/instance/routing-options/autonomous-system/as-number") == "65000"
    assert [one.text for one in xml.iterfind("snmp/community/clients/name")] == ["10.0.0.0/8", "0.0.0.0/0"]
    assert xml.find("interfaces/interface[2]").get("inactive") == "inactive"  # type: ignore[union-attr]


def test_a_router_shows_its_own_order() -> None:
    tree = read(
        parse(
            """routing-instances {
    b { protocols { bgp { passive; } } routing-options { router-id 1.1.1.1; } }
    a { interface lo0.1; }
}
interfaces { ge-0/0/10 { unit 10 { vlan-id 1; description x; } unit 9; } ge-0/0/9 { mtu 1500; } ae0 { mtu 1500; } }
firewall { family inet { filter z { term b { then accept; } term a { then accept; } } } }"""
        )
    )
    lines = [line.strip(" {;") for line in print_text(tree.root).splitlines()]
    assert [line for line in lines if line in ("interfaces", "firewall", "routing-instances")] == [
        "interfaces",
        "firewall",
        "routing-instances",
    ]
    assert [line for line in lines if line in ("ae0", "ge-0/0/9", "ge-0/0/10", "unit 9", "unit 10", "a", "b")] == [
        "ae0",
        "ge-0/0/9",
        "ge-0/0/10",
        "unit 9",
        "unit 10",
        "a",
        "b",
    ]
    assert lines.index("term b") < lines.index("term a")
    assert lines.index("routing-options") < lines.index("protocols")
    assert lines.index("description x") < lines.index("vlan-id 1")


# -- hostile values ---------------------------------------------------------------------------------------------------

TEMPLATE = """interfaces {{ ge-0/0/1 {{ unit 5 {{ description "x {0} y"; vlan-id 5; family inet {{ filter {{ input F_{0}; }} }} }} }} }}
snmp {{ community {0} {{ view {0}; }} location {0}; }}
routing-instances {{ {0} {{ description {0}; instance-type virtual-router; }} }}
policy-options {{ community C members [ {0} b ]; }}
event-options {{ policy {0} {{ events {0}; }} }}
protocols {{ bgp {{ group {0} {{ authentication-key "{0}"; import {0}; }} }} }}
"""  # noqa: E501
HOSTILE = st.one_of(
    st.text(
        alphabet=st.characters(
            blacklist_categories=["Cc", "Co", "Cs", "Zl", "Zp"], blacklist_characters="\ufeff\ufffe\uffff"
        ),
        min_size=1,
        max_size=12,
    ),
    st.text(alphabet=" ;{}[]\"\\#/*<>&'$", min_size=1, max_size=6),
    st.sampled_from(
        ["delete:", "replace:", "inactive:", "}", "name", "<*>", "instance-type", "</name>", "-->", "[edit]"]
    ),
)


def shape(node: Node) -> list[object]:
    """The structure without its values."""
    return [(child.spec.name, child.spec.kind, shape(child)) for child in node.ordered()]


@given(HOSTILE)
def test_no_value_adds_a_statement_anywhere(value: str) -> None:
    assume(not value.startswith("apply-"))  # the keywords that may stand anywhere: see the next test
    tame = read(parse(TEMPLATE.format(mark("tame"))))
    tree = read(parse(TEMPLATE.format(mark(value))))
    assert shape(tree.root) == shape(tame.root)
    assert print_text(tree.root).count("\n") == print_text(tame.root).count("\n")
    # What a router prints or sends as XML is read as the same tree again.
    assert equal(read(parse(print_text(tree.root))).root, tree.root)
    if value == value.strip():
        assert equal(read(from_element(configuration(tree))).root, tree.root)


@pytest.mark.parametrize("word", ["apply-groups", "apply-groups-except", "apply-macro"])
def test_a_name_that_is_a_keyword_is_refused(word: str) -> None:
    reader = Reader(Tree())
    reader.load(parse(f"routing-instances {{ {mark(word)} {{ instance-type virtual-router; }} }}"))
    assert [one.bad for one in reader.errors] == [word]


# -- copies -----------------------------------------------------------------------------------------------------------

WORD = st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=3)
EDIT = st.tuples(st.sampled_from(["", "delete:", "inactive:"]), st.integers(0, 3), st.integers(0, 3), WORD)


@given(st.lists(EDIT, max_size=8), st.lists(EDIT, max_size=8))
def test_a_copy_is_independent_both_ways(
    first: list[tuple[str, int, int, str]], second: list[tuple[str, int, int, str]]
) -> None:
    def apply(tree: Tree, edits: list[tuple[str, int, int, str]]) -> None:
        for tag, port, unit, word in edits:
            more = () if tag else ("description", word)
            words = ("interfaces", f"ge-0/0/{port}", "unit", str(unit), *more)
            Reader(tree).load([Statement(words, tags=frozenset({tag} - {""}))])

    tree = read(parse(SAMPLE))
    apply(tree, first)
    text = print_text(tree.root)
    copy = tree.copy()
    apply(copy, second)
    assert print_text(tree.root) == text
    kept = print_text(copy.root)
    apply(tree, [("delete:", port, unit, "") for port in range(4) for unit in range(4)])
    assert print_text(copy.root) == kept


# -- the table --------------------------------------------------------------------------------------------------------


def test_the_table_is_sound() -> None:
    for spec in walk(root()):
        assert spec.name
        assert spec.hidden is None or spec.hidden.kind is Kind.LIST
        assert not (spec.children and not spec.inside), spec.name
        if spec.joined:
            assert spec.kind is Kind.CONTAINER


def test_a_line_that_is_no_statement_is_our_fault() -> None:
    with pytest.raises(Broken, match="line 2"):
        build("system {}\nbad {} =  x\n")
