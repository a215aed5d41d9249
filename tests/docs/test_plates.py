"""Door plates: the docstring of every room says In, Out, Owns and Killed, and the keys it names exist."""

from __future__ import annotations

import re

import pytest
import reference

from docs.tree import ROOMS, SRC, docstring
from esi.model import keys

STANDING = [room for room in ROOMS if (SRC / room / "__init__.py").exists()]
WORDS = (r"\bIn\b", r"\bOut\b", r"\bOwns\b", r"\bKilled\s+at any moment\b")


def unknown_keys(text: str) -> list[str]:
    """Constants, builders and key paths in `text` that esi.model.keys does not have."""
    known = [re.split(r"<", key)[0] for key, _, _ in reference.key_rows()]
    wrong = [name for name in re.findall(r"`([A-Z][A-Z_]{2,}|\w+_key)`", text) if not hasattr(keys, name)]
    paths = re.findall(
        r"(?<![\w./<])(/(?:config|state|monitoring|jobs?|gohan|esi-worker|job_manager_id)\b[\w/-]*)", text
    )
    return wrong + [path for path in paths if not any(path.startswith(key) or key.startswith(path) for key in known)]


def test_rooms_stand() -> None:
    assert {"api", "sync", "jobs", "heat", "devices", "lab"} <= set(STANDING)


@pytest.mark.parametrize("room", STANDING)
def test_plate_says_all_four(room: str) -> None:
    plate = docstring(SRC / room / "__init__.py")
    assert [word for word in WORDS if not re.search(word, plate)] == [], plate


@pytest.mark.parametrize("room", STANDING)
def test_plate_names_keys_that_exist(room: str) -> None:
    assert unknown_keys(docstring(SRC / room / "__init__.py")) == []


def test_a_wrong_key_is_seen() -> None:
    assert unknown_keys(
        "`WORKER_CONFIG` `/config/**` `nothing_key` `NO_SUCH` /esi-worker/nothing/<x> /jobs/ready/<id>"
    ) == [
        "nothing_key",
        "NO_SUCH",
        "/esi-worker/nothing/",
    ]


def test_every_key_is_described() -> None:
    described = [key for key, _, _ in reference.key_rows()]
    values = {name: value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)}
    under = ("/config/", "/jobs/")  # parts and unions of described trees
    missing = [
        name
        for name, value in values.items()
        if not value.startswith(under) and not any(key.startswith(value) for key in described)
    ]
    assert missing == []
