"""Lifecycles over an inline store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from esi.schema import Catalogue, load_documents
from unit.lifecycle.ring import SCHEMAS, Ring


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_documents(SCHEMAS)


@pytest.fixture
async def ring(catalogue: Catalogue) -> AsyncIterator[Ring]:
    made = Ring(catalogue)
    yield made
    await made.store.close()


@pytest.fixture
async def quirky(catalogue: Catalogue) -> AsyncIterator[Ring]:
    """As the recorded system, and nobody watches."""
    made = Ring(catalogue, recorded_quirks=True, monitoring=False)
    yield made
    await made.store.close()
