"""A desk with a network and a subnet on it; see netdesk.py."""

from collections.abc import AsyncIterator

import pytest

from unit.services.network.netdesk import NetDesk


@pytest.fixture
async def desk() -> AsyncIterator[NetDesk]:
    desk = NetDesk()
    await desk.furnish()
    yield desk
    await desk.store.close()
