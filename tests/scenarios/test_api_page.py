"""docs/api.md shows what the API answers, word by word."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import aiohttp
import pytest

from esi.testing.ring import Snapshot
from scenarios.served import TOKENS, served, stage

pytestmark = pytest.mark.xdist_group("bad input")
PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_error_on_the_page_is_the_real_one(tmp_path: Path) -> None:
    asyncio.run(_compare(tmp_path, stage()))


async def _compare(tmp_path: Path, begin: Snapshot) -> None:
    found = re.search(r"^```json\n(\w+) (\S+) (.+)\n\n(\d+)\n(\{.+?^\})\n```", PAGE.read_text(), re.M | re.S)
    assert found, "the page shows a request and its answer"
    method, path, body, status, shown = found.groups()
    async with served(tmp_path, begin) as url, aiohttp.ClientSession() as session:
        headers = {"X-Auth-Token": TOKENS["alice"]}
        async with session.request(method, url + path, json=json.loads(body), headers=headers) as reply:
            told = await reply.json()
            assert (reply.status, told["request_id"]) == (int(status), reply.headers["X-Request-Id"])
    assert {**told, "request_id": "req-…"} == json.loads(shown)
