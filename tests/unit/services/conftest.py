"""Desks to work at; see desk.py."""

from collections.abc import AsyncIterator

import pytest

from unit.services.balancer_desk import BalancerDesk
from unit.services.desk import Desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.lay_out()
    yield desk
    await desk.store.close()


@pytest.fixture
async def bare() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    await desk.store.close()


@pytest.fixture
async def quirky() -> AsyncIterator[Desk]:
    desk = Desk(recorded_quirks=True)
    await desk.lay_out()
    yield desk
    await desk.store.close()


@pytest.fixture
async def shop() -> AsyncIterator[BalancerDesk]:
    desk = BalancerDesk()
    await desk.sell()
    yield desk
    await desk.store.close()
