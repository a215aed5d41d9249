"""A served ring for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from esi.schema import Catalogue
from unit.api.serving import Talk, catalogue, served


@pytest.fixture(scope="session")
def known() -> Catalogue:
    return catalogue()


@pytest.fixture
async def talk(known: Catalogue) -> AsyncIterator[Talk]:
    async with served(known) as talk:
        yield talk
