"""Waiting for one of our own resources from inside heat-engine: the API answers when it would show another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from esi.client.resources import Client
from esi.errors import NotFound
from esi.stacks import Predicate

ROUND_SECONDS = 3600.0
"""Whoever waits longer than an hour asks anew; what ends a wait is the stack's own timeout."""


class ApiUntil:
    """`esi.stacks.Until` over the API's long poll. Raises a TemporaryError when the API is away for long."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __call__(self, ref: tuple[str, str], predicate: Predicate, why: str) -> Mapping[str, Any] | None:
        while True:
            try:
                async for body in self._client.looks(*ref, ROUND_SECONDS):
                    wanted = None if _is_going(body) else body
                    if predicate(wanted):
                        return wanted
            except NotFound:
                if predicate(None):
                    return None
                raise


def _is_going(body: Mapping[str, Any]) -> bool:
    """Whether somebody has asked for its deletion."""
    return str(body.get("orchestration_state") or "").startswith("DELETE")
