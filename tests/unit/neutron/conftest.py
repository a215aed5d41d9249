"""A served face for each test; see bench.py."""

from collections.abc import AsyncIterator

import pytest

from unit.neutron.bench import Bench, serving


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with serving() as bench:
        yield bench
