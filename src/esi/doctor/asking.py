"""One question by HTTP, and why it was not answered."""

from __future__ import annotations

import os
from typing import Any

import aiohttp

from esi.doctor.finding import Finding, ok, warn, wrong

SILENT = (aiohttp.ClientError, TimeoutError, OSError)
"""What `get` raises when nobody answers."""


async def get(url: str, patience: float) -> tuple[int, Any]:
    """Status and JSON; one of SILENT when nobody answers."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience)) as http,
        http.get(url) as answer,
    ):
        try:
            return answer.status, await answer.json(content_type=None)
        except ValueError:
            return answer.status, None


def why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    number = getattr(getattr(error, "os_error", error), "errno", None)
    return os.strerror(number) if number and number > 0 else str(error) or type(error).__name__


async def agent_at(url: str, which: str, patience: float) -> Finding:
    """Whether a collector agent answers there."""
    try:
        status, _ = await get(f"{url}/healthz", patience)
    except SILENT as error:
        words = f"the collector agent does not answer at {url}: {why(error)}"
        return wrong("doors", which, words, "start `esi agent`, or correct agent.url")
    if status != 200:
        return warn("doors", which, f"the agent at {url} has not read its targets yet", "see what is said of etcd")
    return ok("doors", which, f"it answers at {url}")
