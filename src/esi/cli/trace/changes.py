"""The table of changes: who was changed when, to which version and status, and because of what."""

from __future__ import annotations

from esi.cli.trace.diagram import MILLISECONDS
from esi.cli.trace.document import Change, Trace, short
from esi.cli.trace.printed import Line, Word

COLUMNS = ("ms", "schema", "name", "version", "action", "status", "because of")


def change_rows(trace: Trace) -> list[tuple[str, ...]]:
    """One row per change, as COLUMNS."""
    return [
        (
            f"{change.offset * MILLISECONDS:.1f}",
            *(change.of.schema, change.name or short(change.of.id), str(change.of.version)),
            *(change.action, change.status or "-", _cause(trace, change)),
        )
        for change in trace.changes
    ]


def print_changes(trace: Trace) -> list[Line]:
    """The table in text."""
    rows = change_rows(trace)
    widths = [max(len(row[number]) for row in [COLUMNS, *rows]) for number in range(len(COLUMNS))]
    head = "  ".join(title.ljust(width) for title, width in zip(COLUMNS, widths, strict=True)).rstrip()
    lines: list[Line] = [(Word(head, "head"),)] if rows else [(Word("none"),)]
    for row in rows:
        cells = [row[0].rjust(widths[0]), *(cell.ljust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        status = Word(cells[5], kind_of_status(row[5]))
        lines.append((Word("  ".join(cells[:5]) + "  "), status, Word("  "), Word(cells[6].rstrip(), "dim")))
    return lines


def kind_of_status(status: str) -> str:
    """good, bad, waiting or nothing."""
    if status in ("ACTIVE", "DELETED"):
        return "good"
    if status == "ERROR" or status.endswith("_FAILED"):
        return "bad"
    return "waiting" if status.startswith("PENDING") or status.startswith("MONITORING") else ""


def _cause(trace: Trace, change: Change) -> str:
    cause = change.cause
    if cause is None:
        return "the request" if change.request else "-"
    return f"{trace.name_of(cause.schema, cause.id) or short(cause.id)} v{cause.version}"
