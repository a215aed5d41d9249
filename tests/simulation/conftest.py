"""What the long simulations share."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def quick() -> Iterator[None]:
    """Thousands of deaths write thousands of tracebacks that nobody reads; a failing seed is played again by hand. What
    is there before is not looked through again by each collection, and collections come less often than where memory
    counts; without any, memory grows, and that is slower.
    """
    usual = gc.get_threshold()
    logging.disable(logging.CRITICAL)
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 20, 20)
    yield
    gc.set_threshold(*usual)
    logging.disable(logging.NOTSET)
