"""Hello, requests and replies: what JUNOS sends is understood, what is broken is Unreachable."""

from __future__ import annotations

import pytest
from lxml import etree

from esi.errors import Unreachable
from esi.netconf.hello import build_hello, choose_version, parse_hello
from esi.netconf.reply import parse_reply
from esi.netconf.rpc import build_reply, build_rpc, parse_rpc
from esi.netconf.xml import BASE, child_text, local, parse

OLD = "urn:ietf:params:xml:ns:netconf"
NEW = "urn:ietf:params:netconf"


def reply(body: str) -> bytes:
    junos = "http://xml.juniper.net/junos/16.1R1/junos"
    return f'<rpc-reply xmlns="{BASE}" xmlns:junos="{junos}" message-id="7">{body}</rpc-reply>'.encode()


@pytest.mark.parametrize("root", [NEW, OLD])
def test_a_capability_is_known_in_both_spellings(root: str) -> None:
    hello = parse_hello(
        b"<!-- No zombies -->\n<!-- user esi -->\n"
        + build_hello(
            [f"{root}:base:1.0", f"{root}:capability:candidate:1.0", f"{root}:capability:url:1.0?scheme=http"],
            session_id="4711",
        )
    )
    assert hello.session_id == "4711"
    assert hello.can("base:1.0")
    assert hello.can("candidate")
    assert hello.can("url:1.0")
    assert not hello.can("base:1.1")
    assert not hello.can("confirmed-commit")


def test_the_version_is_the_best_that_both_offer() -> None:
    old = parse_hello(build_hello([f"{NEW}:base:1.0"]))
    both = parse_hello(build_hello([f"{NEW}:base:1.0", f"{NEW}:base:1.1"]))
    none = parse_hello(build_hello([f"{NEW}:base:2.0"]))
    assert choose_version(both, both) == "1.1"
    assert choose_version(both, old) == choose_version(old, both) == "1.0"
    with pytest.raises(Unreachable):
        choose_version(both, none)


@pytest.mark.parametrize("document", [b"", b"<hello", b"<hello/>", b"<rpc/>", b"\xff\xfe", b"not xml"])
def test_what_is_no_hello_is_unreachable(document: bytes) -> None:
    with pytest.raises(Unreachable):
        parse_hello(document)


def test_entities_are_refused() -> None:
    with pytest.raises(Unreachable):
        parse(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>')


def test_a_reply_repeats_what_the_request_carried() -> None:
    request = parse_rpc(build_rpc('urn:uuid:1"&', etree.fromstring("<lock><target><candidate/></target></lock>")))
    assert request.name == "lock"
    answer = build_reply(request, [b"<ok/>", etree.fromstring("<data><a/></data>")], {"junos": "urn:j"})
    root = parse(answer)
    assert root.get("message-id") == 'urn:uuid:1"&'
    assert root.nsmap == {"nc": BASE, "junos": "urn:j", None: BASE}
    assert [one.tag for one in root.iter()] == [f"{{{BASE}}}{name}" for name in ("rpc-reply", "ok", "data", "a")]
    assert parse_reply(build_reply(request, [])).ok


@pytest.mark.parametrize("document", [b"<rpc/>", b"<rpc><a/><b/></rpc>", b"<hello><a/></hello>"])
def test_a_request_has_one_operation(document: bytes) -> None:
    with pytest.raises(Unreachable):
        parse_rpc(document)


def test_errors_are_found_at_any_depth_and_warnings_stand_apart() -> None:
    found = parse_reply(
        reply(
            """<commit-results><routing-engine><name>re0</name>
            <rpc-error><error-type>application</error-type><error-tag>invalid-value</error-tag>
            <error-severity>error</error-severity><error-path>\n[edit interfaces ae0]\n</error-path>
            <error-message>\nmgd: no\n</error-message>
            <error-info><bad-element>unit 7</bad-element></error-info></rpc-error>
            <rpc-error><error-severity>warning</error-severity><error-message>license</error-message></rpc-error>
            </routing-engine></commit-results>
            <xnm:error xmlns:xnm="http://xml.juniper.net/xnm/1.1/xnm"><message>daemon</message>
            <edit-path>[edit x]</edit-path><token>y</token></xnm:error>
            <rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag>
            <error-message>locked</error-message><error-info><session-id>99</session-id></error-info></rpc-error>"""
        )
    )
    assert not found.ok
    assert [(one.tag, one.path, one.bad_element, one.message) for one in found.errors] == [
        ("invalid-value", "[edit interfaces ae0]", "unit 7", "mgd: no"),
        ("operation-failed", "[edit x]", "y", "daemon"),
        ("lock-denied", "", "", "locked"),
    ]
    assert found.errors[2].session_id == "99"
    assert [one.message for one in found.warnings] == ["license"]
    assert str(found.errors[0]) == "[edit interfaces ae0] mgd: no"


def test_a_configured_severity_is_no_warning() -> None:
    body = (
        '<configuration xmlns="http://xml.juniper.net/xnm/1.1/xnm"><system><warning/><error/></system></configuration>'
    )
    found = parse_reply(reply(body))
    assert found.ok
    assert not found.warnings


@pytest.mark.parametrize(
    "body",
    [
        "<routing-engine><name>re0</name><commit-success/><ok/>",
        "<commit-results><routing-engine junos:style='x'><name>re0</name><commit-success/></commit-results><ok/>",
        "<commit-results><routing-engine><name>re0</name></routing-engine><routing-engine><name>re1</name>"
        "</commit-results><ok/>",
    ],
)
def test_an_open_routing_engine_is_closed_once(body: str) -> None:
    found = parse_reply(reply(body))
    assert found.ok
    assert found.message_id == "7"
    engine = found.find("routing-engine")
    assert engine is not None
    assert child_text(engine, "name") == "re0"
    assert local(found.root[-1]) == "ok"


@pytest.mark.parametrize("document", [b"<rpc-reply>", b"<hello/>", b"<rpc-reply><routing-engine></rpc-reply>", b"junk"])
def test_a_broken_reply_is_unreachable(document: bytes) -> None:
    with pytest.raises(Unreachable):
        parse_reply(document, who="mx1")
