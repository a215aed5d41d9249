"""The SNMP codec and agent: what is built is parsed, octets are those of the standard, noise changes nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.lab import Router, day0
from esi.lab.ber import (
    ADDRESS,
    COUNTER32,
    COUNTER64,
    END_OF_VIEW,
    GAUGE32,
    GET,
    GET_BULK,
    GET_NEXT,
    INTEGER,
    NO_SUCH_INSTANCE,
    NULL,
    OCTETS,
    OID,
    RESPONSE,
    SET,
    TICKS,
    Binding,
    Malformed,
    Message,
    Oid,
    Value,
    build_message,
    build_value,
    parse_message,
)
from esi.lab.snmp import NO_ACCESS, Agent, router_agent
from esi.testing.clocks import HandClock

COMMUNITY = b"EDGE_ROUTER_COMMUNITY"
SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
UPTIME: Oid = (*SYSTEM, 3, 0)

oids = st.tuples(st.integers(0, 2), st.integers(0, 39), st.integers(0, 2**32 - 1)).map(lambda one: one) | st.lists(
    st.integers(0, 2**32 - 1), min_size=1, max_size=40
).map(lambda rest: (1, 3, *rest))
values = (
    st.integers(-(2**31), 2**31 - 1).map(lambda number: Value(INTEGER, number))
    | st.binary(max_size=300).map(lambda text: Value(OCTETS, text))
    | oids.map(lambda oid: Value(OID, oid))
    | st.tuples(st.sampled_from([COUNTER32, GAUGE32, TICKS]), st.integers(0, 2**32 - 1)).map(lambda pair: Value(*pair))
    | st.integers(0, 2**64 - 1).map(lambda number: Value(COUNTER64, number))
    | st.binary(min_size=4, max_size=4).map(lambda text: Value(ADDRESS, text))
    | st.sampled_from([NULL, NO_SUCH_INSTANCE, END_OF_VIEW]).map(Value)
)
messages = st.builds(
    Message,
    st.integers(0, 3),
    st.binary(max_size=40),
    st.sampled_from([GET, GET_NEXT, GET_BULK, RESPONSE, SET]),
    *(st.integers(-(2**31), 2**31 - 1) for _ in range(3)),
    st.lists(st.builds(Binding, oids, values), max_size=6).map(tuple),
)


@given(messages)
def test_what_is_built_is_parsed(message: Message) -> None:
    assert parse_message(build_message(message)) == message


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (Value(INTEGER, 0), "020100"),
        (Value(INTEGER, 128), "02020080"),
        (Value(INTEGER, -129), "0202ff7f"),
        (Value(COUNTER32, 2**32 - 1), "410500ffffffff"),
        (Value(COUNTER64, 2**64 + 5), "460105"),
        (Value(OID, (1, 3, 6, 1, 4, 1, 2636)), "06072b060104019 44c".replace(" ", "")),
        (Value(OCTETS, b"x" * 128), "048180" + "78" * 128),
        (Value(NULL), "0500"),
    ],
)
def test_octets_are_those_of_the_standard(value: Value, octets: str) -> None:
    assert build_value(value).hex() == octets


@pytest.fixture
def agent(clock: HandClock) -> Agent:
    return router_agent(Router("mx2", day0("mx2"), clock))


def request(kind: int, *names: Oid, first: int = 0, second: int = 0, community: bytes = COMMUNITY) -> bytes:
    return build_message(
        Message(1, community, kind, 7, first, second, tuple(Binding(one, Value(NULL)) for one in names))
    )


def ask(agent: Agent, *what: object, **more: int) -> Message:
    reply = agent.answer(request(*what, **more), "127.0.0.1")  # type: ignore[arg-type]
    assert reply is not None
    return parse_message(reply)


def test_a_reply_repeats_number_and_community(agent: Agent, clock: HandClock) -> None:
    clock.time += 12.5
    reply = ask(agent, GET, UPTIME)
    assert (reply.kind, reply.number, reply.community, reply.status) == (RESPONSE, 7, COMMUNITY, 0)
    assert reply.bindings == (Binding(UPTIME, Value(TICKS, 1250)),)


def test_bulk_asks_some_once_and_others_again(agent: Agent) -> None:
    reply = ask(agent, GET_BULK, SYSTEM, SYSTEM, first=1, second=3)
    assert [one.oid[7] for one in reply.bindings] == [1, 1, 2, 3]
    assert ask(agent, GET_BULK, (2, 39), first=0, second=50).bindings == (Binding((2, 39), Value(END_OF_VIEW)),)
    assert ask(agent, GET_BULK, SYSTEM, first=-5, second=-5).bindings == ()


def test_a_bulk_of_everything_fits_a_datagram_and_goes_on_where_it_ended(agent: Agent, clock: HandClock) -> None:
    raw = agent.answer(request(GET_BULK, (1, 3), second=2**31 - 1), "127.0.0.1")
    assert raw is not None
    assert len(raw) < 20_000
    names: list[Oid] = [(1, 3)]
    while True:
        found = ask(agent, GET_BULK, names[-1], second=25).bindings
        names += [one.oid for one in found if one.value.tag != END_OF_VIEW]
        if found[-1].value.tag == END_OF_VIEW:
            break
    assert names == sorted(set(names))
    assert len(names) > 100


def test_set_is_refused_and_changes_nothing(agent: Agent) -> None:
    reply = ask(agent, SET, (*SYSTEM, 5, 0))
    assert (reply.status, reply.index) == (NO_ACCESS, 1)


def test_too_many_names_are_too_big(agent: Agent) -> None:
    reply = ask(agent, GET_NEXT, *[(*SYSTEM, 0)] * 400)
    assert (reply.status, reply.bindings) == (1, ())


@pytest.mark.parametrize("community", [b"", b"public", b"\xff\xfe", COMMUNITY + b" "])
def test_a_wrong_community_is_met_with_silence(agent: Agent, community: bytes) -> None:
    assert agent.answer(request(GET, UPTIME, community=community), "127.0.0.1") is None


def test_noise_never_breaks_the_agent(agent: Agent) -> None:
    noise = random.Random(9598)
    good = [request(kind, UPTIME, (*SYSTEM, 1), first=1, second=5) for kind in (GET, GET_NEXT, GET_BULK, SET)]
    for number in range(6000):
        data = bytearray(noise.choice(good))
        for _ in range(noise.randint(1, 4)):
            cut = noise.randrange(len(data) + 1)
            data[cut : cut + noise.randint(0, 3)] = noise.randbytes(noise.randint(0, 3))
        if number % 10 == 0:
            data = bytearray(noise.randbytes(noise.randint(0, 60)))
        agent.answer(bytes(data), "127.0.0.1")
    assert ask(agent, GET, UPTIME).status == 0


@given(st.binary(max_size=80))
def test_bytes_are_a_message_or_malformed(data: bytes) -> None:
    try:
        message = parse_message(data)
    except Malformed:
        return
    assert parse_message(build_message(message)) == message


def test_what_is_short_is_malformed_at_every_length() -> None:
    whole = request(GET, UPTIME)
    for length in range(len(whole)):
        with pytest.raises(Malformed):
            parse_message(whole[:length])
    with pytest.raises(Malformed):
        parse_message(whole + b"\0")
