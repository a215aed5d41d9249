"""How far a group is in one partition, whatever the order in which messages are finished; and what loads aiokafka."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from esi.bus.kafka.member import Share


def test_the_position_is_the_lowest_that_is_not_finished() -> None:
    share = Share()
    assert all(share.give(offset) for offset in (5, 6, 9))  # 7 and 8 are no messages
    assert share.position == 5
    share.finish(6)
    assert share.position == 5
    share.finish(5)
    assert share.position == 9
    share.finish(9)
    assert share.position == 10


def test_what_was_in_hand_before_the_partition_came_back_counts_and_does_not_come_again() -> None:
    share = Share()
    share.begin(5)
    for offset in (5, 7):
        share.finish(offset)
    assert (share.kept, share.position) == (5, 6)
    assert [offset for offset in range(6, 10) if share.give(offset)] == [6, 8, 9]
    share.finish(6)
    assert share.position == 8


def test_nothing_is_known_before_the_first_message_or_look() -> None:
    share = Share()
    share.finish(3)
    assert not share.begun
    assert share.position <= share.kept
    assert not share.give(3)
    assert share.position == 4


@given(st.sets(st.integers(0, 40), min_size=1), st.data())
def test_a_position_never_passes_a_message_that_is_not_finished(offsets: set[int], data: st.DataObject) -> None:
    """Some messages were in hand before; some numbers are missing; finished in any order, some twice."""
    share, there = Share(), sorted(offsets)
    before = data.draw(st.lists(st.sampled_from(there), max_size=5))
    share.begin(there[0])
    finished: set[int] = set()
    for offset in before:
        share.finish(offset)
        finished.add(offset)
    given = [offset for offset in there if share.give(offset)]
    assert given == [offset for offset in there if offset not in finished]
    highest = share.position
    for offset in data.draw(st.lists(st.sampled_from(there), max_size=60)):
        share.finish(offset)
        finished.add(offset)
        assert share.position >= highest
        highest = share.position
        left = [offset for offset in there if offset not in finished]
        assert share.position == (left[0] if left else there[-1] + 1)


def test_a_ring_without_kafka_does_not_load_its_library() -> None:
    program = (
        "import sys, esi.bootstrap.process, esi.bootstrap.run, esi.bootstrap.topics; print('aiokafka' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert said.stdout == "False\n"
