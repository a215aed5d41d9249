"""The reference pages say what the code says: `make docs` writes them, a page that is behind fails here."""

from __future__ import annotations

import pytest
import reference

from esi import plugin


@pytest.mark.parametrize("page", reference.PAGES)
def test_page_is_current(page: str) -> None:
    assert (reference.FOLDER / page).read_text() == reference.PAGES[page](), f"{page} is behind: make docs"


def test_every_error_says_what_it_means_and_what_to_do() -> None:
    classes = reference.error_classes()
    assert [error.__name__ for error in classes if not reference.own_words(error)] == []
    assert [error.__name__ for error in classes if not vars(error).get("help")] == [], "an inherited help is no help"


def test_error_codes_differ() -> None:
    codes = [error.code for error in reference.error_classes() if "code" in vars(error)]
    assert len(codes) == len(set(codes))


def test_promised_names_are_sorted_and_there() -> None:
    assert plugin.__all__ == sorted(plugin.__all__)
    assert [name for name in plugin.__all__ if not hasattr(plugin, name)] == []
