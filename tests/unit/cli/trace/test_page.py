"""The page as a parser sees it: complete by itself, everything escaped, every message there, for light and for dark."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from esi.cli.trace.document import parse_trace
from esi.cli.trace.page import page
from esi.cli.trace.printed import as_text, print_value
from esi.cli.trace.stored import Stored
from unit.cli.trace.reading import ROWS, STORED, document, parsed, sample

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"


def test_nothing_is_fetched_from_anywhere() -> None:
    given = document()
    given["messages"][0] |= {"subject": "POST http://127.0.0.1:7070/targets", "body": {"link": "http://127.0.0.1/x"}}
    tree = parsed(parse_trace(given))
    links = [value for item in tree.iter() for name, value in item.attrib.items() if name in ("src", "href", "data")]
    assert links
    assert [link for link in links if not link.startswith("#")] == []
    assert tree.xpath("//link | //img | //iframe | //object | //embed | //base | //form") == []
    (style,) = tree.xpath("//style/text()")
    assert re.search(r"url\(|@import", style) is None
    assert 'http-equiv="refresh"' not in page(sample(), STORED)


def test_the_policy_lets_in_that_one_script_only() -> None:
    tree = parsed(sample())
    (script,) = tree.xpath("//script")
    assert script.attrib == {}
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert [name for item in tree.iter() for name in item.attrib if name.startswith("on")] == []


def test_hostile_texts_are_texts() -> None:
    given = document() | {"name": HOSTILE, "request_id": HOSTILE, "method": HOSTILE}
    given["messages"] = [
        item | {"subject": HOSTILE, "hop": HOSTILE, "from": HOSTILE, "process": HOSTILE, "body": {HOSTILE: [HOSTILE]}}
        for item in given["messages"]
    ]
    given["changes"] = [item | {"name": HOSTILE, "status": HOSTILE, "action": HOSTILE} for item in given["changes"]]
    trace = parse_trace(given)
    rows = ({HOSTILE: HOSTILE},)
    text = page(trace, [Stored(HOSTILE, {HOSTILE: HOSTILE}, rows), Stored("show", HOSTILE)])
    tree = parsed(trace)
    assert len(tree.xpath("//script")) == 1
    assert tree.xpath("//img") == []
    assert "alert(1)</script>" not in text
    assert "49" not in tree.xpath("//h1")[0].text_content()
    assert HOSTILE in tree.xpath("//h1")[0].text_content()
    assert HOSTILE in tree.xpath("//title")[0].text_content()
    assert [name for item in tree.iter() for name in item.attrib if name.startswith("on")] == []


def test_every_message_is_there_whole() -> None:
    tree, trace = parsed(sample()), sample()
    assert len(tree.xpath("//details[@class='message']")) == len(trace.messages)
    for message in trace.messages:
        (body,) = tree.xpath(f"//div[@id='m{message.number}']")
        (block,) = body.xpath("./pre")
        assert block.text_content().splitlines() == [as_text(line) for line in print_value(message.body)]
        assert message.subject in body.getparent().xpath("./summary")[0].text_content()


def test_links_of_drawing_and_timeline_lead_to_messages() -> None:
    tree = parsed(sample())
    ids = set(tree.xpath("//@id"))
    links = tree.xpath("//a/@href")
    assert {link[1:] for link in links} <= ids
    assert len(tree.xpath("//svg[@class='arrows']/a")) == 21  # 23 messages, two of them folded
    names = " ".join(tree.xpath("//svg[@class='heads']/text/text()"))
    assert names == " ".join(sample().parties)


def test_chapters_stand_as_in_the_records() -> None:
    titles = [item.text_content().partition(". ")[2] for item in parsed(sample()).xpath("//h2")]
    assert titles == [
        "Sequence diagram",
        "Timeline",
        "HTTP methods between client and gohan",
        "Stored rows in SQL",
        "Stored data in etcd after receiving the request",
        "Jobs",
        "Stored heat stacks",
        "JUNOS configuration applied over NETCONF",
        "Stored resources for monitoring in Kafka",
        "What monitoring saw",
        "Status",
        "Stored resources in gohan",
        "Changes",
    ]


def test_the_mapping_is_a_table() -> None:
    tables = parsed(sample()).xpath("//table")
    assert tables[0].xpath(".//th/text()") == sorted(ROWS[0])
    column = [cell for row in tables[0].xpath(".//tbody/tr") for cell in row.xpath("./td[3]/text()")]
    assert column == ["10.79.5.185-ge-0/0/1.122", "10.79.5.184-ge-0/0/1.122"]


def test_both_colour_schemes_have_every_colour() -> None:
    (style,) = parsed(sample()).xpath("//style/text()")
    light, dark = style.partition("prefers-color-scheme: dark")[::2]
    names = set(re.findall(r"var\((--[\w-]+)\)", style)) - {"--hop"}
    assert names == {name for name in names if f"{name}:" in light}
    assert names == {name for name in names if f"{name}:" in dark.partition("\n}")[0]}
    assert "prefers-color-scheme: light" in style


def test_secrets_are_masked_and_seen_to_be() -> None:
    given = document()
    given["messages"][0]["body"] = {"body": json.dumps({"bgp_md5": "opensesame"})}
    trace = parse_trace(given)
    assert "opensesame" not in page(trace, STORED)
    assert parsed(trace).xpath("//div[@id='m1']//span[@class='mask']/text()") == ['"•••"']


@pytest.mark.parametrize("empty", ["messages", "changes", "both"])
def test_a_record_without_messages_or_changes_is_a_page(empty: str) -> None:
    given = document()
    for name in ("messages", "changes"):
        if empty in (name, "both"):
            given[name] = []
    given |= {"took": 0, "parties": [] if empty != "changes" else given["parties"]}
    assert parsed(parse_trace(given)).xpath("//h1")
