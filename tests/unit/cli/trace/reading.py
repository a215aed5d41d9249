"""The sample document, and pages as a parser sees them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from lxml import html

from esi.cli.trace.document import Trace, parse_trace
from esi.cli.trace.page import page
from esi.cli.trace.printed import Line, as_text
from esi.cli.trace.stored import Stored

HERE = Path(__file__).parent
ROWS = tuple(
    {"id": f"{number}", "mapped_id": f"{ip}-ge-0/0/1.122", "relation": relation, "deleted": None}
    for number, (ip, relation) in enumerate((("10.79.5.185", "primary"), ("10.79.5.184", "secondary")))
)
STORED = (
    Stored("gohan client vpn_interface show --output-format json 0bea303d", {"vpn_interface": {"status": "ACTIVE"}}),
    Stored("gohan client resource_mapping list --output-format json", {"resource_mappings": [*ROWS]}, ROWS),
)


def document() -> dict[str, Any]:
    """A fresh copy of the member `trace`."""
    found: dict[str, Any] = copy.deepcopy(json.loads((HERE / "sample.json").read_text())["trace"])
    return found


def sample() -> Trace:
    return parse_trace(document())


def texts(lines: list[Line]) -> list[str]:
    return [as_text(line).rstrip() for line in lines]


def parsed(trace: Trace) -> Any:
    """The page of a trace, as a browser would take it."""
    return html.document_fromstring(page(trace, STORED))


def parsed_file(file: Path) -> Any:
    return html.document_fromstring(file.read_text("utf-8"))
