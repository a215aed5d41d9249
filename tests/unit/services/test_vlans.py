"""The VLAN pool: bits in the recorded order, restricted ranges with clear errors, and nothing lost on the way."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.errors import Broken, Invalid
from esi.services.vpn.vlans import VlanPool, parse_restricted


def test_a_fresh_pool_lacks_only_the_vlans_that_do_not_exist() -> None:
    pool = VlanPool.of(parse_restricted(""))
    assert pool.available == 4094
    assert [vlan for vlan in range(4096) if not pool.is_free(vlan)] == [0, 4095]


def test_bits_are_counted_from_the_most_significant_of_the_first_byte() -> None:
    bits = base64.b64decode(VlanPool.of(frozenset({9})).encode())
    assert (bits[0], bits[1], bits[511], len(bits)) == (0x80, 0x40, 0x01, 512)


def test_restricted_ranges_are_taken_from_the_pool() -> None:
    pool = VlanPool.of(parse_restricted("0-1024, 4094"))
    assert pool.available == 3069
    assert next(pool.free()) == 1025
    assert not pool.is_free(4094)


def test_the_recorded_slip_is_there_only_when_asked_for() -> None:
    assert parse_restricted("", recorded_quirks=True) == {31}
    assert parse_restricted("5", recorded_quirks=True) == {5}
    assert VlanPool.of(parse_restricted("", recorded_quirks=True)).available == 4093


@pytest.mark.parametrize("text", ["x", "1-", "-1", "7-3", "4096", "1,,2", "1-2-3", "0x10", "٣"])
def test_what_is_no_range_is_named(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_restricted(text)
    assert caught.value.errors[0][0] == "restricted_vlans"


@pytest.mark.parametrize("text", ["", "%%%", base64.b64encode(b"short").decode()])
def test_a_state_that_is_no_pool_is_our_own_fault(text: str) -> None:
    with pytest.raises(Broken):
        VlanPool.decode(text)


@given(st.sets(st.integers(1, 4094)), st.sets(st.integers(1, 4094)))
def test_what_is_taken_and_given_back_leaves_the_pool_as_it_was(restricted: set[int], used: set[int]) -> None:
    before = VlanPool.of(frozenset(restricted)).encode()
    pool = VlanPool.decode(before)
    free = used - restricted
    for vlan in free:
        pool.take(vlan)
    assert pool.available == 4094 - len(restricted) - len(free)
    again = VlanPool.decode(pool.encode())
    assert not any(again.is_free(vlan) for vlan in free | restricted)
    for vlan in free:
        again.give_back(vlan)
    assert again.encode() == before
