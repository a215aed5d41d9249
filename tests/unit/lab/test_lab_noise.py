"""Noise in, a clear no out: whatever arrives, parsers and routers answer with the errors they promise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from esi.errors import TemplateError, Unreachable
from esi.lab.compare import compare
from esi.lab.load import load_text, load_xml
from esi.lab.refusals import refusals
from esi.netconf.framing import Framer, Version, frame
from esi.netconf.hello import parse_hello
from esi.netconf.reply import parse_reply
from esi.netconf.rpc import parse_rpc
from esi.netconf.xml import parse as parse_xml
from esi.render.junos import secret9
from esi.render.junos.printing import print_text
from esi.render.junos.text import parse
from esi.render.junos.tree import Tree

FRAGMENTS = """interfaces|ge-0/0/1|ge-0/0/1 unit 5|unit 5|unit|family inet|family|address 10.0.0.1/24|vrrp-group 1
filter|input F|vlan-id 5|routing-instances|V|protocols bgp|group g|neighbor 10.0.0.2|peer-as 1
import [ A B ]|import A|apply-groups G|groups|groups G interfaces <*> unit <*>|<*>|system|host-name x
event-options|policy P then|;|;|;|{|{|}|}|[|]|replace:|delete:|inactive:|active:|"|#|/* c */|*/|to
before|after|firewall family inet|filter F|term T|term U|then accept|then policer p|instance-type vrf
interface ge-0/0/1.5|static route 10.0.0.0/8|next-hop 10.0.0.1|\ue000|\ue001|\ue000a;b\ue001"""
VERBS = ["set ", "delete ", "rename ", "copy ", "insert ", "activate ", "deactivate ", "annotate ", ""]
WORDS = st.sampled_from(FRAGMENTS.replace("\n", "|").split("|"))
LINE = st.builds("{}{}".format, st.sampled_from(VERBS), st.lists(WORDS, max_size=8).map(" ".join))
CONFIGURATION = st.lists(WORDS, max_size=25).map(" ".join) | st.lists(LINE, max_size=6).map("\n".join)
XML = st.recursive(
    st.sampled_from(["<name>a</name>", "<unit/>", "text", "<vlan-id>5</vlan-id>", "<!-- c -->", "<name/>"]),
    lambda inner: st.builds(
        "<{0}{1}>{2}{3}</{0}>".format,
        st.sampled_from(
            ["interfaces", "interface", "unit", "system", "groups", "event-options", "policy", "prefix-list"]
        ),
        st.sampled_from(["", ' operation="delete"', ' delete="delete"', ' inactive="inactive"', ' replace="replace"']),
        inner,
        inner,
    ),
    max_leaves=12,
)


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"]]>]]>", b"\n#5\n", b"\n##\n", b"<a/>"]), max_size=12))
def test_framing_of_noise(reads: list[bytes]) -> None:
    versions: tuple[Version, ...] = ("1.0", "1.1")
    for version in versions:
        framer = Framer(limit=200)
        framer.feed(frame(b"<hello/>"))
        try:
            framer.use(version)
            for read in reads:
                framer.feed(read)
        except Unreachable:
            continue


@given(st.binary(max_size=80) | XML.map(str.encode))
def test_messages_of_noise(document: bytes) -> None:
    for read in (parse_xml, parse_hello, parse_rpc, parse_reply):
        try:
            read(document)
        except Unreachable:
            continue


@given(st.text(max_size=60) | CONFIGURATION)
def test_text_and_secrets_of_noise(text: str) -> None:
    for read in (parse, secret9.decode, lambda noise: secret9.decode(f"$9${noise}")):
        try:
            read(text)
        except TemplateError:
            continue


@given(st.lists(st.tuples(st.sampled_from(["merge", "replace", "override", "set"]), CONFIGURATION), max_size=4))
def test_a_router_survives_any_load(loads: list[tuple[str, str]]) -> None:
    tree = Tree()
    for action, text in loads:
        before, old = tree.copy(), print_text(tree.root)
        tree = load_text(tree, action, text, lambda secret: f"$9${secret}").tree
        compare(before.root, tree.root)
        refusals(tree)
        assert print_text(before.root) == old
        again = load_text(Tree(), "merge", print_text(tree.root), lambda secret: secret)
        assert again.errors == []
        assert print_text(again.tree.root) == print_text(tree.root)


@given(XML)
def test_a_router_survives_any_xml(body: str) -> None:
    loaded = load_xml(
        Tree(), "merge", parse_xml(f"<configuration>{body}</configuration>".encode()), lambda secret: secret
    )
    again = load_text(Tree(), "merge", print_text(loaded.tree.root), lambda secret: secret)
    assert again.errors == []
    assert print_text(again.tree.root) == print_text(loaded.tree.root)
