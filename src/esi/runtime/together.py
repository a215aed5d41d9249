"""Run several coroutines as one: when one ends with an error, or the caller is cancelled, all end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from esi.tasks import Tasks


async def together(name: str, *works: Coroutine[Any, Any, None]) -> None:
    """Returns when all have returned; raises the first error, after the others have been ended."""

    def told(task: str, error: BaseException) -> None:
        return None  # `gather` raises it

    async with Tasks(name, on_error=told) as tasks:
        await asyncio.gather(*(tasks.start(str(number), work) for number, work in enumerate(works)))
