"""Secrets are out of a message before anything keeps it, wherever in the body they stand."""

from __future__ import annotations

from typing import Any

import pytest

from esi.telemetry import MASK, Message
from esi.telemetry.masks import Masks

CANARY = 'hush;{"canary}<key'
CONFIG = '{"bgp_md5": "hush;{\\"canary}<key", "name": "n"}'


def told(body: Any, *, subject: str = "", masks: Masks | None = None) -> str:
    message = Message("sql", "gohan", "sql", subject, body, refs=(("note", "1", 1),))
    return repr((masks or Masks(["pin"]))(message))


@pytest.mark.parametrize(
    "body",
    [
        {"password": CANARY},
        {"pin": CANARY},
        {"a": [{"bgp_md5": {"deep": [CANARY]}}]},
        {"body": CONFIG, "version": 1},
        {"params": [{"param": "md5", "value": CANARY}]},
        {"output": [{"output_key": "router_password", "output_value": CANARY}]},
        {"pin": CANARY, "text": f"it said {CANARY} twice {CANARY}", "list": [f"x{CANARY}y"]},
        {"pin": CANARY, "inner": CONFIG},
        'authentication-key "hush canary";',
        "set neighbor 10.0.0.1 authentication-key hush-canary",
        "+  encrypted-password $6$canary$hush; ## SECRET-DATA",
        "pre-shared-key ascii-text hush-canary;",
        "<authentication-key>hush canary</authentication-key>",
        "<nc:password>canary</nc:password>",
    ],
)
def test_a_secret_is_out(body: Any) -> None:
    shown = told(body)
    assert "canary" not in shown
    assert MASK in shown


def test_a_value_stays_known_for_its_resource() -> None:
    masks = Masks(["pin"])
    told({"pin": CANARY}, masks=masks)
    assert "canary" not in told(f"refused: {CANARY}", subject=f"about {CANARY}", masks=masks)
    other = Message("sql", "gohan", "sql", "", CANARY, refs=(("note", "2", 1),))
    assert masks(other).body == CANARY, "another resource's text is not searched for it"


def test_a_short_value_is_masked_as_a_word_only() -> None:
    shown = told({"pin": "test", "a": "the latest test", "b": "test-1"})
    assert f"the latest {MASK}" in shown
    assert f"{MASK}-1" in shown


def test_what_holds_no_secret_stays_as_it_is() -> None:
    body = {"name": "n", "count": 3, "list": [True, None, 1.5], "text": '{"a": 1}', "password": "", "token": None}
    assert Masks()(Message("sql", "a", "b", "s", body)).body == body
