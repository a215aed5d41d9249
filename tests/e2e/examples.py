"""Pages of traces that are kept in docs/examples: written where ESI_EXAMPLES names a folder (`make examples`)."""

from __future__ import annotations

import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from pathlib import Path

from e2e.processes import ENVIRONMENT

FOLDER = os.environ.get("ESI_EXAMPLES", "")


async def keep_page(name: str, url: str, schema: str, id: str, *, token: str = "") -> None:
    """What the newest request for a resource set in motion, as `docs/examples/<name>.html`."""
    if not FOLDER:
        return
    page = Path(FOLDER, f"{name}.html")
    page.parent.mkdir(parents=True, exist_ok=True)
    words = ["trace", schema, id, "--endpoint-url", url, "--wait", "--html", str(page)]
    command = [sys.executable, "-m", "esi", *words, *(["--token", token] if token else [])]
    process = await create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=ENVIRONMENT)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
