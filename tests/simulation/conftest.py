"""What the long simulations share."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def quick() -> Iterator[None]:
    """Thousands of deaths write thousands of tracebacks that nobody reads; a failing seed is played again by hand. What
    is there before is not looked through again by each collection; without any, memory grows, and that is slower.
    """
    logging.disable(logging.CRITICAL)
    gc.collect()
    gc.freeze()
    yield
    logging.disable(logging.NOTSET)
