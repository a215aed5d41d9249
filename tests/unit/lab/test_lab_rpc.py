"""NETCONF requests, one document in and one out: the shapes that clients of JUNOS expect."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from esi.errors import Unreachable
from esi.lab import LabSession, Router
from esi.netconf.reply import Reply, parse_reply
from esi.netconf.rpc import build_rpc
from esi.netconf.xml import XNM, local, text

LOAD = '<load-configuration action="{}" format="text"><configuration-{}>{}</configuration-{}></load-configuration>'


async def ask(session: LabSession, operation: str) -> Reply:
    reply = parse_reply(await session.handle(build_rpc("9", operation.encode())))
    assert reply.message_id == "9"
    return reply


def inside(reply: Reply) -> list[str]:
    return [local(one) for one in reply.root]


def said(reply: Reply, name: str) -> str:
    found = reply.find(name)
    assert found is not None
    return found.text or ""


async def load_set(session: LabSession, lines: str) -> Reply:
    return await ask(session, LOAD.format("set", "set", lines, "set"))


async def test_the_two_families_of_locks_answer_each_in_their_way(session: LabSession) -> None:
    candidate = "<target><candidate/></target>"
    assert inside(await ask(session, f"<lock>{candidate}</lock>")) == ["ok"]
    assert inside(await ask(session, f"<unlock>{candidate}</unlock>")) == ["ok"]
    assert inside(await ask(session, "<lock-configuration/>")) == []
    assert inside(await ask(session, "<unlock-configuration/>")) == []
    opened = await ask(session, "<open-configuration><exclusive/></open-configuration>")
    assert opened.ok
    assert [one.message for one in opened.warnings] == ["uncommitted changes will be discarded on exit"]
    assert inside(await ask(session, "<close-configuration/>")) == []
    assert not (await ask(session, "<lock><target><running/></target></lock>")).ok


async def test_lock_denied_names_the_session(router: Router, session: LabSession) -> None:
    other = router.open("other")
    other.lock()
    for operation in ("<lock-configuration/>", "<discard-changes/>", "<commit-configuration/>", "<commit/>"):
        reply = await ask(session, operation)
        assert (reply.errors[0].tag, reply.errors[0].session_id) == ("lock-denied", str(other.number))
    denied = await load_set(session, "set system host-name x")
    assert denied.errors[0].tag == "lock-denied"


async def test_prefixes_and_namespaces_of_the_request_do_not_matter(session: LabSession) -> None:
    base = "urn:ietf:params:xml:ns:netconf:base:1.0"
    for operation in (
        f'<a:lock xmlns:a="{base}"><a:target><a:candidate/></a:target></a:lock>',
        f'<unlock xmlns="{base}"><target><candidate/></target></unlock>',
    ):
        assert inside(await ask(session, operation)) == ["ok"]


async def test_load_compare_commit_and_the_log(session: LabSession) -> None:
    loaded = await load_set(session, "set system host-name x")
    assert inside(loaded) == ["load-configuration-results"]
    assert [local(one) for one in loaded.root[0]] == ["ok"]
    compared = await ask(session, '<get-configuration compare="rollback" rollback="0" format="text"/>')
    assert said(compared, "configuration-output") == "\n[edit system]\n-  host-name vMX-router-01;\n+  host-name x;\n"
    assert inside(await ask(session, "<commit-configuration><log>batch 7</log></commit-configuration>")) == ["ok"]
    information = await ask(session, "<get-commit-information/>")
    newest = information.find("commit-history")
    assert newest is not None
    assert [text(newest.find(f"{{*}}{name}")) for name in ("sequence-number", "user", "client", "log")] == [
        "0",
        "esi",
        "netconf",
        "batch 7",
    ]
    empty = await ask(session, '<get-configuration compare="rollback" rollback="0" format="text"/>')
    assert said(empty, "configuration-output") == "\n"


async def test_errors_of_a_load_are_inside_its_results(session: LabSession) -> None:
    reply = await load_set(session, "set nonsense x\nset system host-name x\nset interfaces ge-0/0/1 unit wat")
    assert [(one.tag, one.bad_element) for one in reply.errors] == [
        ("operation-failed", "nonsense"),
        ("operation-failed", "wat"),
    ]
    assert said(reply, "load-error-count") == "2"


async def test_the_commit_names_path_and_element_of_what_it_refuses(session: LabSession) -> None:
    await load_set(session, "set interfaces ge-0/0/1 unit 7 description x")
    for operation in ("<commit/>", "<commit-configuration/>", "<validate><source><candidate/></source></validate>"):
        reply = await ask(session, operation)
        assert inside(reply) == ["commit-results"]
        assert [(one.path, one.bad_element) for one in reply.errors] == [
            ("[edit interfaces ge-0/0/1]", "unit 7"),
            ("", ""),
        ]


@pytest.mark.parametrize(
    ("operation", "seconds"),
    [
        ("<commit><confirmed/><confirm-timeout>90</confirm-timeout></commit>", 90),
        ("<commit><confirmed/></commit>", 600),
        ("<commit-configuration><confirmed/><confirm-timeout>2</confirm-timeout></commit-configuration>", 120),
        ("<commit-configuration><confirmed/></commit-configuration>", 600),
    ],
)
async def test_seconds_and_minutes_of_the_two_commits(
    session: LabSession, clock: Any, operation: str, seconds: float
) -> None:
    await load_set(session, "set system host-name x")
    assert inside(await ask(session, operation)) == ["ok"]
    assert (await ask(session, "<get-commit-information/>")).find("commit-confirmed") is not None
    clock.time += seconds - 1
    assert "host-name x" in session.router.running_text()
    clock.time += 1
    assert "host-name x" not in session.router.running_text()
    assert (await ask(session, "<get-commit-information/>")).find("commit-confirmed") is None


async def test_get_config_filters_by_name_and_containment(session: LabSession) -> None:
    wanted = "<interfaces><interface><name>ge-0/0/1</name></interface></interfaces><system><host-name/></system>"
    reply = await ask(
        session,
        "<get-config><source><running/></source><filter type='subtree'>"
        f"<configuration>{wanted}</configuration></filter></get-config>",
    )
    configuration = reply.root[0][0]
    assert configuration.tag == f"{{{XNM}}}configuration"
    assert [local(one) for one in configuration] == ["system", "interfaces"]
    assert [text(one) for one in configuration.iter() if local(one) == "name"] == ["ge-0/0/1"]
    assert text(configuration.find("{*}system/{*}host-name")) == "vMX-router-01"
    nothing = await ask(
        session,
        "<get-config><source><running/></source><filter><configuration><interfaces><interface>"
        "<name>xe-9/9/9</name></interface></interfaces></configuration></filter></get-config>",
    )
    assert local(nothing.root[0][0]) == "configuration"
    assert len(nothing.root[0][0]) == 0


async def test_the_formats_of_get_configuration_say_the_same(session: LabSession, router: Router) -> None:
    as_text = said(await ask(session, '<get-configuration format="text"/>'), "configuration-text")
    assert as_text.startswith("\n## Last commit: 2017-05-11 05:00:00 UTC by root\n")
    assert as_text.endswith(router.running_text())
    as_set = said(await ask(session, '<get-configuration format="set" database="committed"/>'), "configuration-set")
    as_xml = await ask(session, '<get-configuration database="committed"/>')
    configuration = etree.tostring(as_xml.root[0]).decode()
    for action, payload, kind in (("override", as_text, "text"), ("set", as_set, "set")):
        session.load_text("override", "")
        assert "- version 16.1R1.7;" in session.compare()
        escaped = payload.replace("&", "&amp;").replace("<", "&lt;")
        assert (await ask(session, LOAD.format(action, kind, escaped, kind))).ok
        assert session.compare() == "\n"
    assert (await ask(session, f'<load-configuration action="override">{configuration}</load-configuration>')).ok
    assert session.compare() == "\n"


async def test_parts_groups_and_rollbacks_can_be_asked_for(session: LabSession) -> None:
    part = await ask(
        session,
        '<get-configuration format="text"><configuration><system><host-name/></system></configuration>'
        "</get-configuration>",
    )
    assert said(part, "configuration-text").endswith("system {\n    host-name vMX-router-01;\n}\n")
    lines = (
        "set interfaces ae0 unit 5 vlan-id 5\nset interfaces ae0 unit 5 apply-groups VPNGW2-VRRP\n"
        "set interfaces ae0 unit 5 family inet address 10.0.0.1/24 vrrp-group 1 priority 9"
    )
    await load_set(session, lines)
    inherited = said(await ask(session, '<get-configuration format="set" inherit="inherit"/>'), "configuration-set")
    own = said(await ask(session, '<get-configuration format="set"/>'), "configuration-set")
    line = "set interfaces ae0 unit 5 family inet address 10.0.0.1/24 vrrp-group 1 fast-interval 10000"
    assert line in inherited.splitlines()
    assert line not in own.splitlines()
    await ask(session, "<commit/>")
    assert (await ask(session, '<load-configuration rollback="1"/>')).ok
    assert "-    unit 5 {" in session.compare()
    between = await ask(
        session, "<get-rollback-information><rollback>0</rollback><compare>1</compare></get-rollback-information>"
    )
    assert "+    unit 5 {" in said(between, "configuration-output")


async def test_facts_commands_and_what_is_unknown(session: LabSession) -> None:
    assert said(await ask(session, "<get-system-information/>"), "os-version") == "16.1R1.7"
    assert said(await ask(session, "<get-software-information/>"), "host-name") == "vMX-router-01"
    assert said(await ask(session, "<command>show version</command>"), "junos-version") == "16.1R1.7"
    assert "16.1R1.7" in said(await ask(session, '<command format="text">show version</command>'), "output")
    for operation in ("<get-nonsense/>", "<command>show nonsense</command>"):
        reply = await ask(session, operation)
        assert [(one.tag, one.message) for one in reply.errors] == [("operation-failed", "syntax error")]
        assert reply.errors[0].bad_element in ("get-nonsense", "show nonsense")
    assert session.router.counts["rpc:unknown"] == 1


async def test_sessions_end_by_request(router: Router, session: LabSession) -> None:
    other = router.open("b")
    assert inside(await ask(session, f"<kill-session><session-id>{other.number}</session-id></kill-session>")) == ["ok"]
    assert not other.open
    assert not (await ask(session, "<kill-session><session-id>77</session-id></kill-session>")).ok
    assert inside(await ask(session, "<close-session/>")) == ["ok"]
    assert router.sessions == {}
    with pytest.raises(Unreachable):
        await ask(session, "<lock-configuration/>")


@pytest.mark.parametrize("request_", [b"", b"<rpc", b"<rpc/>", b"<hello/>", b"<rpc><a/><b/></rpc>"])
async def test_what_is_no_request_is_unreachable(session: LabSession, request_: bytes) -> None:
    with pytest.raises(Unreachable):
        await session.handle(request_)


async def test_hostile_words_come_back_as_words(session: LabSession) -> None:
    """A refused value is repeated in the error, whatever it holds, and the reply is still XML."""
    reply = await load_set(session, "set interfaces ge-0/0/1 unit &quot;7&lt;/error-message&gt;&quot; vlan-id 1")
    assert reply.errors[0].bad_element == "7</error-message>"


async def test_deep_nesting_is_refused_and_the_session_goes_on(session: LabSession) -> None:
    nested = "<a>" * 200 + "</a>" * 200
    text = f"<configuration-text>{'system {' * 500}</configuration-text>"
    for operation in (
        f"<load-configuration><configuration><system>{nested}</system></configuration></load-configuration>",
        f"<load-configuration format='text'>{text}</load-configuration>",
        f"<get-config><source><running/></source><filter><configuration>{nested}</configuration></filter></get-config>",
    ):
        reply = await ask(session, operation)
        assert not reply.ok or local(reply.root[0]) == "data"
    assert session.open
