"""Framing survives any split of the stream, and gives out nothing that was not sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.errors import Broken, Unreachable
from esi.netconf.framing import END, Framer, Version, frame

DOCUMENTS = st.lists(
    st.binary(min_size=1, max_size=400).map(lambda raw: raw.replace(b"]", b"").strip()).filter(bool), max_size=4
)


def ready(version: Version, *, limit: int = 1_000_000) -> Framer:
    framer = Framer(limit=limit)
    assert framer.feed(frame(b"<hello/>")) == [b"<hello/>"]
    assert framer.use(version) == []
    return framer


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@given(documents=DOCUMENTS, cuts=st.lists(st.integers(1, 7), min_size=1))
def test_documents_come_out_whole_however_the_stream_is_split(
    version: Version, documents: list[bytes], cuts: list[int]
) -> None:
    framer = ready(version)
    stream = b"".join(frame(document, version) for document in documents)
    found: list[bytes] = []
    at = turn = 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        found += framer.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert found == documents
    assert not framer.pending


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_what_follows_the_hello_in_one_read_waits_for_the_version(version: Version) -> None:
    framer = Framer()
    assert framer.feed(frame(b"<hello/>") + frame(b"<rpc/>", version) + frame(b"<rpc2/>", version)) == [b"<hello/>"]
    assert framer.feed(frame(b"<rpc3/>", version)) == []
    assert framer.use(version) == [b"<rpc/>", b"<rpc2/>", b"<rpc3/>"]


def test_blank_lines_around_the_token_are_no_documents() -> None:
    assert ready("1.0").feed(b"\n\n<a/>\n]]>]]>\n]]>]]>\n\n<b/>]]>]]>\n") == [b"<a/>", b"<b/>"]


def test_a_large_document_is_cut_into_chunks_and_joined_again() -> None:
    large = b"<a>" + b"x" * 200_000 + b"</a>"
    assert ready("1.1").feed(frame(large, "1.1")) == [large]


@pytest.mark.parametrize("stream", [b"<rpc/>", b"\n#0\n", b"\n#12x\n", b"\n#99999999999999999\n", b"x\n#3\nabc"])
def test_a_stream_without_chunk_headers_is_refused(stream: bytes) -> None:
    with pytest.raises(Unreachable, match="no chunk header"):
        ready("1.1").feed(stream)


@pytest.mark.parametrize(("version", "stream"), [("1.0", b"x" * 101), ("1.1", b"\n#60\n" + b"x" * 60 + b"\n#60\n")])
def test_a_document_over_the_limit_is_refused_before_it_is_complete(version: Version, stream: bytes) -> None:
    with pytest.raises(Unreachable, match="larger than 100"):
        ready(version, limit=100).feed(stream)


def test_the_rest_held_behind_the_hello_is_limited_too() -> None:
    framer = Framer(limit=100)
    framer.feed(frame(b"<hello/>"))
    with pytest.raises(Unreachable, match="larger than 100"):
        framer.feed(b"x" * 101)


def test_half_a_message_is_pending() -> None:
    framer = ready("1.1")
    framer.feed(b"\n#5\nab")
    assert framer.pending


def test_a_text_with_the_end_token_cannot_be_framed() -> None:
    with pytest.raises(Broken):
        frame(b"<a>" + END + b"</a>", "1.0")
    assert ready("1.1").feed(frame(b"<a>" + END + b"</a>", "1.1")) == [b"<a>" + END + b"</a>"]
