"""Targets that look at the same thing from two routers: both are asked side by side, and each side has its own word.

A side that cannot be asked has the word FAIL and its reason; when neither side could be asked nothing was seen, and the
look as a whole has failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from esi.errors import EsiError, TemporaryError, TerminalError, Unsupported
from esi.model.target import FAIL, Observation, Target

SIDES = ("primary", "secondary")

Words = dict[str, str]
Look = Callable[[str, Mapping[str, Any]], Awaitable[tuple[Words, list[str]]]]
"""Looks from one side (its name, its properties); words by key, and what is wrong with them."""


async def from_both(target: Target, keys: Callable[[str], list[str]], look: Look) -> Observation:
    """`keys` are the words that a side has."""
    seen = await asyncio.gather(*(_one(target, side, look) for side in SIDES))
    failed = [one for one in seen if isinstance(one, EsiError)]
    if len(failed) == len(SIDES):
        raise _both(failed)
    words: Words = {}
    reasons: list[str] = []
    for side, one in zip(SIDES, seen, strict=True):
        if isinstance(one, EsiError):
            words |= dict.fromkeys(keys(side), FAIL)
            reasons.append(f"{side} cannot be asked: {one.message}")
        else:
            words |= one[0]
            reasons += one[1]
    return Observation({"status": words}, "; ".join(reasons))


async def _one(target: Target, side: str, look: Look) -> tuple[Words, list[str]] | EsiError:
    properties = target.properties.get(side)
    try:
        if not isinstance(properties, Mapping):
            raise Unsupported(f"the target has no {side}")
        return await look(side, properties)
    except (TemporaryError, TerminalError) as error:
        return error


def _both(failed: list[EsiError]) -> EsiError:
    words = "; ".join(f"{side}: {error.message}" for side, error in zip(SIDES, failed, strict=True))
    lasting = all(isinstance(error, TerminalError) for error in failed)
    return Unsupported(words) if lasting else TemporaryError(words)
