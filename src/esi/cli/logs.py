"""Logging of the program: one line per record on standard error, in UTC, secrets masked.

A value of a secret name is masked wherever it stands in a line as `name=value`, `name: value` or `"name": "value"`.
Values of type Secret mask themselves before they get here.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from esi.telemetry import MASK, is_secret, masked

F = TypeVar("F", bound=Callable[..., Any])

_PAIR = re.compile(r"""(?P<name>[\w-]+)(?P<between>["']?\s*[=:]\s*)(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;}&]+)""")


class OneLine(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO esi.jobs: text`; a traceback is joined into the same line."""

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record.args, dict):
            record.args = masked(record.args)
        elif record.args:
            record.args = tuple(masked(item) if isinstance(item, dict | list) else item for item in record.args)
        text = record.getMessage()
        if record.exc_info:
            text = f"{text} | {self.formatException(record.exc_info)}"
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        line = " | ".join(part.strip() for part in text.splitlines() if part.strip())
        return f"{at}Z {record.levelname} {record.name}: {mask(line)}"


def mask(line: str) -> str:
    """A line with the values of secret names masked."""

    def one(found: re.Match[str]) -> str:
        if not is_secret(found["name"].lower().replace("x-auth-token", "token")):
            return found[0]
        return f"{found['name']}{found['between']}{MASK}"

    return _PAIR.sub(one, line)


def logging_options(command: F) -> F:
    """`-v` and `-q` of a command that runs rooms; it gets `verbose` and `quiet` as counts."""
    command = click.option("-q", "--quiet", count=True, help="Log warnings only; twice: errors only.")(command)
    return click.option("-v", "--verbose", count=True, help="Log details too.")(command)


def start_logging(loudness: int, *, normal: int = logging.INFO) -> None:
    """Log to standard error. `loudness` counts steps up (-v) or down (-q) from `normal`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.DEBUG, min(logging.CRITICAL, normal - 10 * loudness)))
    for noisy in ("asyncio", "asyncssh", "uvicorn", "grpc"):
        logging.getLogger(noisy).setLevel(max(root.level, logging.WARNING if loudness < 2 else logging.DEBUG))
    if loudness < 1:  # several errors per second while no broker is there, of which we tell once what matters
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
