"""Waking across processes: two of them, played by two ends on one path."""

from __future__ import annotations

import asyncio
from pathlib import Path

from esi.store.wake import Datagrams, HintedWake


async def test_the_other_end_is_woken_through_the_file(tmp_path: Path) -> None:
    writer, sleeper = HintedWake(Datagrams(tmp_path / "w")), HintedWake(Datagrams(tmp_path / "w"))
    assert not await sleeper.wait(at_most=0.0)
    writer.wake()
    writer.wake()
    assert await sleeper.wait(at_most=5.0)
    assert not await sleeper.wait(at_most=0.0)
    writer.close()
    sleeper.close()
    assert not (tmp_path / "w").exists()


async def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("left behind")
    writer, sleeper = HintedWake(Datagrams(tmp_path / "w")), HintedWake(Datagrams(tmp_path / "w"))
    writer.wake()  # nobody listens there, and that is no fault
    assert not await sleeper.wait(at_most=0.0)
    writer.wake()
    assert await sleeper.wait(at_most=5.0)
    sleeper.close()
    writer.wake()
    writer.close()


async def test_a_path_too_long_for_a_socket_still_wakes_its_own_process(tmp_path: Path) -> None:
    wake = HintedWake(Datagrams(tmp_path / ("w" * 200)))
    assert not await wake.wait(at_most=0.0)
    wake.wake()
    assert await wake.wait(at_most=5.0)
    wake.close()


async def test_words_arrive_in_order_and_who_is_behind_is_known(tmp_path: Path) -> None:
    heard: list[bytes] = []
    here, there = Datagrams(tmp_path / "w"), Datagrams(tmp_path / "w")
    assert here.send(b"nobody listens")
    there.listen(heard.append)
    sent = 0
    while here.send(b"%d" % sent):
        sent += 1
    while len(heard) < sent:
        await asyncio.sleep(0)
    assert heard == [b"%d" % number for number in range(sent)]
    assert sent >= 10
    there.close()
    here.close()
