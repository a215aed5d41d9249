"""The record in text: the sample document gives golden.txt; what is hostile or odd is still readable."""

from __future__ import annotations

from typing import Any

import pytest

from esi.cli.trace.arrows import arrows
from esi.cli.trace.chapters import chapters
from esi.cli.trace.diagram import print_diagram
from esi.cli.trace.document import UNKNOWN, parse_trace, readable, short
from esi.cli.trace.printed import as_text, broken, print_value
from esi.cli.trace.text import brief_lines, full_lines
from esi.errors import Broken
from unit.cli.trace.reading import HERE, STORED, document, sample, texts


def test_the_record_is_as_it_shall_look() -> None:
    """After an intended change: look at what differs, then write the new text to the file."""
    assert "\n".join(texts(full_lines(sample(), STORED, width=100))) + "\n" == (HERE / "golden.txt").read_text()


@pytest.mark.parametrize("width", [100, 130, 200])
def test_the_diagram_keeps_to_the_width(width: int) -> None:
    lines = texts(brief_lines(sample(), width=width))
    assert max(map(len, lines)) <= width
    assert any("monitoring worker" in line for line in lines)


def test_with_room_names_stand_side_by_side() -> None:
    lines = texts(print_diagram(["client", "gohan"], [], width=100))
    assert [line.split() for line in lines] == [["no", "ms", "client", "gohan"]]


def test_arrows_go_both_ways_and_cross_what_stands_between() -> None:
    given = document()
    ways = [("a", "c"), ("c", "a"), ("b", "b"), ("b", "c")]
    given["messages"] = [
        given["messages"][0] | {"from": start, "to": end, "subject": f"s{number}", "at": given["at"] + number}
        for number, (start, end) in enumerate(ways)
    ]
    given["parties"] = ["a", "b", "c"]
    trace = parse_trace(given)
    lines = texts(print_diagram(trace.parties, arrows(trace), width=64))
    assert [line[16:].split("  s")[0] for line in lines[-4:]] == [
        "├──┼─▶│",
        "│◀─┼──┤",
        "│  ●  │",
        "│  ├─▶│",
    ]


def test_equal_arrows_in_a_row_are_one() -> None:
    given = document()
    first, other = given["messages"][0], given["messages"][1]
    given["messages"] = [
        item | {"at": given["at"] + number} for number, item in enumerate([first, first, first, other, first])
    ]
    folded = [(row.number, row.count) for row in arrows(parse_trace(given))]
    assert folded == [(1, 3), (4, 1), (5, 1)]


def test_every_message_stands_in_one_chapter() -> None:
    given = document()
    given["messages"][3]["hop"] = "a hop of tomorrow"
    trace = parse_trace(given)
    numbers = [message.number for chapter in chapters(trace) for message in chapter.messages]
    assert sorted(numbers) == list(range(1, len(given["messages"]) + 1))
    assert chapters(trace)[-1].title == "Other messages"


def test_calls_of_heat_have_a_chapter_of_their_own() -> None:
    given = document()
    given["messages"][0] |= {"from": "heat", "to": "nova", "subject": "POST /v2/servers"}
    assert [chapter.title for chapter in chapters(parse_trace(given))][:2] == [
        "HTTP methods between client and gohan",
        "HTTP methods between heat and its services",
    ]


def test_secrets_in_unfolded_texts_are_masked() -> None:
    given = document()
    given["messages"][0]["body"] = {"body": '{"bgp_md5": "opensesame", "deep": "[{\\"password\\": \\"opensesame\\"}]"}'}
    text = "\n".join(texts(full_lines(parse_trace(given), (), width=100)))
    assert "opensesame" not in text
    assert text.count('"bgp_md5": "•••"') >= 1


@pytest.mark.parametrize("sign", ["\x1b", "\x9b", "\x00", "\u202e", "\r", "\x7f"])
def test_no_sign_that_turns_a_terminal_is_left(sign: str) -> None:
    given = document()
    hostile = f"a{sign}[31mb"
    given["name"] = hostile
    given["messages"][0] |= {"subject": hostile, "from": hostile, "body": {hostile: [hostile, f"1\n{hostile}"]}}
    given["changes"][0] |= {"name": hostile, "status": hostile, "action": hostile}
    lines = texts(full_lines(parse_trace(given), (), width=100))
    assert sign not in "".join(lines)
    assert f"a{UNKNOWN}[31mb" in lines[0]


def test_what_is_readable_stays() -> None:
    assert readable("kyōto 東京 ✓ 'x'") == "kyōto 東京 ✓ 'x'"
    assert readable("a\nb", keep="\n") == "a\nb"
    assert short("create_0bea303d-b6eb-4edc-83ef-e32f915d3047:1") == "create_0bea303d…:1"


def test_values_are_printed_as_json_with_blocks_for_lines() -> None:
    value: dict[str, Any] = {"a": [1, True, None, []], "b": {}, "diff": "[edit]\n+ x;\n- y;\n", "ü": 'say "no"'}
    assert texts(print_value(value, diff=True)) == [
        *("{", '    "a": [', "        1,", "        true,", "        null,", "        []", "    ],", '    "b": {},'),
        *('    "diff": |', "        [edit]", "        + x;", "        - y;", '    "ü": "say \\"no\\""', "}"),
    ]
    kinds = {as_text(line).strip(): line[-1].kind for line in print_value(value, diff=True)}
    assert (kinds["[edit]"], kinds["+ x;"], kinds["- y;"]) == ("place", "added", "removed")
    assert texts(print_value("<a><b>1</b></a>")) == ["<a>", "  <b>1</b>", "</a>"]
    assert texts(print_value("<a><b>1</a>")) == ["<a><b>1</a>"]
    assert print_value(None) == []


def test_entities_in_a_body_are_not_followed() -> None:
    text = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>'
    assert "root:" not in "".join(texts(print_value(text)))


def test_long_texts_are_broken_where_paths_may_be() -> None:
    assert broken("PUT /config/v2.0/vpn_interfaces/x", 20) == ["PUT /config/v2.0/", "vpn_interfaces/x"]
    assert broken("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    assert broken("", 10) == [""]


def test_holes_and_ends_are_told() -> None:
    given = document() | {"dropped": 7, "complete": False, "changes": []}
    head = "\n".join(texts(brief_lines(parse_trace(given), width=100))[:4])
    assert "7 more messages were not kept" in head
    assert "no status  2017-05-11 05:00:42.125 UTC, not finished after 0.262 s" in head


def test_what_is_gone_is_said_to_be() -> None:
    given = document()
    given["changes"].append(given["changes"][0] | {"at": given["at"] + 9, "action": "physical_delete", "status": None})
    given["request_id"] = None
    lines = texts(brief_lines(parse_trace(given), width=100))
    assert lines[1].startswith("DELETED  2017-05-11")
    assert lines[1].endswith("23 messages between 12 parties")
    assert lines[2] == ""


def test_an_empty_record_is_still_one() -> None:
    given = document() | {"messages": [], "changes": [], "parties": []}
    assert texts(full_lines(parse_trace(given), (), width=100))[-1] == "none"


@pytest.mark.parametrize("wrong", [{}, {"at": "x"}, {"messages": [1]}, {"changes": None}])
def test_an_answer_of_another_shape_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises(Broken, match="agreed shape"):
        parse_trace(document() | wrong if wrong else {})
