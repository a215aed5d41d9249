"""A password in `database.url` is refused, in words that do not hold it."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from esi.bootstrap.control import open_store
from esi.bootstrap.services import load_services
from esi.clock import SystemClock
from esi.errors import SettingsError
from esi.settings import Database, Settings


async def test_a_url_holds_no_password() -> None:
    settings = Settings(database=Database(url="postgresql://esi:hush@127.0.0.1/esi"))
    async with AsyncExitStack() as stack:
        with pytest.raises(SettingsError, match=r"database\.password") as refused:
            await open_store(settings, load_services("2017"), SystemClock(), stack)
    assert "hush" not in str(refused.value)
