"""What the long simulations share."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def quick() -> Iterator[None]:
    """Thousands of deaths write thousands of tracebacks that nobody reads; a failing seed is played again by hand."""
    logging.disable(logging.CRITICAL)
    gc.disable()
    yield
    gc.enable()
    logging.disable(logging.NOTSET)
