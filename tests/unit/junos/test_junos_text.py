"""CLI text: what is printed is read back as the same words, and no value becomes structure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.errors import TemplateError
from esi.render.junos.text import Statement, parse, print_statements, quote
from esi.render.marks import mark

WORDS = st.text(
    alphabet=st.characters(
        blacklist_categories=["Cc", "Co", "Cs", "Zl", "Zp"], blacklist_characters="\ufeff\ufffe\uffff"
    )
)
HOSTILE = st.one_of(
    WORDS, st.sampled_from(['";', "}", "{ a", "]", "[", "/*", "*/", "#", "replace:", "a b", "\\", '\\"', ""])
)
TAGS = st.frozensets(st.sampled_from(["inactive:", "replace:"]), max_size=1)


def statements(depth: int) -> st.SearchStrategy[Statement]:
    words = st.lists(HOSTILE, min_size=1, max_size=3).map(tuple)
    no, silent = st.none(), st.just("")
    leaf = st.builds(Statement, words, no, no | st.lists(HOSTILE, max_size=3).map(tuple), TAGS, silent)
    if depth == 0:
        return leaf
    return leaf | st.builds(Statement, words, st.lists(statements(depth - 1), max_size=3).map(tuple), no, TAGS, silent)


@given(st.lists(statements(2), max_size=3).map(tuple))
def test_what_is_printed_is_read_back(tree: tuple[Statement, ...]) -> None:
    assert parse(print_statements(tree)) == tree


@given(HOSTILE, HOSTILE)
def test_a_marked_value_is_exactly_one_word(value: str, other: str) -> None:
    text = f'unit {mark(value)} {{ d "x {mark(other)}"; f PRE_{mark(value)}_POST; l [ {mark(other)} b ]; }}'
    assert parse(text) == (
        Statement(
            ("unit", value),
            (
                Statement(("d", f"x {other}")),
                Statement(("f", f"PRE_{value}_POST")),
                Statement(("l",), None, (other, "b")),
            ),
        ),
    )


@given(HOSTILE)
def test_a_marked_value_cannot_leave_a_comment(value: str) -> None:
    found = parse(f"/* note {mark(value)} */ a; # {mark(value)}\nb;")
    assert [one.words for one in found] == [("a",), ("b",)]


@given(HOSTILE)
def test_a_quoted_word_is_one_word(value: str) -> None:
    assert parse(f"{quote(value)} {quote(value)};") == (Statement((value, value)),)


@pytest.mark.parametrize("value", ["a\nb", "\x00", "\t", "\x7f", "\x85", "\u2028", "\ue000", "a\ue001", "\uffff"])
def test_control_characters_and_marks_are_no_value(value: str) -> None:
    with pytest.raises(TemplateError):
        mark(value)
    with pytest.raises(TemplateError):
        parse(f"description \ue000{value}\ue001;")
    with pytest.raises(TemplateError):
        quote(value)


@pytest.mark.parametrize("text", ["a \ue000x;", "a x\ue001;", "a \ue000\ue000x\ue001\ue001;", "a \ue001x\ue000;"])
def test_marks_that_nest_or_lack_their_partner_are_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="marks"):
        parse(text)


def test_text_as_a_router_shows_it() -> None:
    text = """## Last commit: 2017-05-11 05:00:00 UTC by esi
version 16.1R1.7;
/* the uplink */
interfaces {
    inactive: ge-0/0/1 {
        description "a \\"b\\" \\\\ c";  # gone
        unit 1;
    }
}
policy [ A B ];
group <*> { member ge-0/0/*; }
replace: firewall { }
authentication-key "$9$-/d2aji.5z6qm"; ## SECRET-DATA
"""
    assert parse(text) == (
        Statement(("version", "16.1R1.7")),
        Statement(
            ("interfaces",),
            (
                Statement(
                    ("ge-0/0/1",),
                    (Statement(("description", 'a "b" \\ c')), Statement(("unit", "1"))),
                    tags=frozenset({"inactive:"}),
                ),
            ),
            comment="the uplink",
        ),
        Statement(("policy",), None, ("A", "B")),
        Statement(("group", "<*>"), (Statement(("member", "ge-0/0/*")),)),
        Statement(("firewall",), (), tags=frozenset({"replace:"})),
        Statement(("authentication-key", "$9$-/d2aji.5z6qm")),
    )


def test_a_tag_is_only_a_tag_where_it_is_written_plain() -> None:
    assert parse(f'"replace:" a; {mark("delete:")} b; c replace: d;') == (
        Statement(("replace:", "a")),
        Statement(("delete:", "b")),
        Statement(("c", "replace:", "d")),
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a {\n b;\n", 3),
        ("a;\n}\n", 2),
        ("a [ b", 1),
        ("a [ b ] c;", 1),
        ("a [ b { ];", 1),
        ("{ }", 1),
        ('a\n\'"x\n";', 2),
        ("a { b }", 1),
        ("/* open", 1),
        ("replace: ;", 1),
        ("a\x01;", 1),
    ],
)
def test_what_breaks_the_grammar_names_its_line(text: str, line: int) -> None:
    with pytest.raises(TemplateError) as refused:
        parse(text, where="configs.0")
    assert refused.value.path == f"configs.0, line {line}"


def test_nesting_has_an_end() -> None:
    assert parse("a {" * 60 + "}" * 60)
    with pytest.raises(TemplateError):
        parse("a {" * 100_000)


def test_an_unclosed_quote_is_found_quickly() -> None:
    with pytest.raises(TemplateError):
        parse('a "' + "x" * 200_000)
