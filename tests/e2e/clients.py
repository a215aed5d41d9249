"""OpenStack's own clients, run unchanged as one user of a served ring."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.processes import ENVIRONMENT


@dataclass
class Shell:
    """Runs clients as one user of one ring."""

    programs: Path
    environment: dict[str, str]

    async def run(self, *command: str) -> tuple[int, str, str]:
        if command[0] == "esi":
            command = (sys.executable, "-m", *command)
        else:
            command = (str(self.programs / command[0]), *command[1:])
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=self.environment
        )
        out, errors = await process.communicate()
        return process.returncode or 0, out.decode(), errors.decode()

    async def told(self, *command: str) -> str:
        code, out, errors = await self.run(*command)
        assert code == 0, (command, out, errors)
        return out

    async def asked(self, *command: str) -> Any:
        """What `openstack … -f json` says."""
        return json.loads(await self.told("openstack", *command, "-f", "json"))


def shell(programs: Path, facts: dict[str, str], user: str, password: str, project: str) -> Shell:
    kept = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("OS_")}
    own = {
        "OS_AUTH_URL": facts["keystone"] + "/v3",
        "OS_IDENTITY_API_VERSION": "3",
        "OS_USERNAME": user,
        "OS_PASSWORD": password,
        "OS_PROJECT_NAME": project,
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "ESI_ORCHESTRATION__URL": facts["orchestration"],
        "HOME": os.devnull,
        "COLUMNS": "500",
    }
    return Shell(programs, kept | own)


def ring(folder: Path, *more: str) -> tuple[str, ...]:
    return ("dev", "--folder", str(folder), "--port", "0", "--agent-port", "0", "--heat-port", "0", *more)
