"""What docs/howto/add-a-service.md says: the files of its service, its commands with what they answer, its test."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "add-a-service.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```", PAGE.read_text(), re.M | re.S)


def write_services(folder: Path) -> Path:
    """The service's files, each under the name that stands above it; the folder of services."""
    for name, text in re.findall(r"^`(services/[\w/.-]+)`\n\n```yaml\n(.+?)^```", PAGE.read_text(), re.M | re.S):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / "services"


def examples() -> list[tuple[list[str], list[str]]]:
    """The words of each command, and the first lines of what it complains; … stands for anything."""
    found: list[tuple[list[str], list[str]]] = []
    for line in "".join(blocks("console")).splitlines():
        if line.startswith("$ "):
            found.append((shlex.split(line[2:]), []))
        else:
            found[-1][1].append(line)
    return found


def fits(line: str, said: str) -> bool:
    return re.fullmatch(".+".join(map(re.escape, line.split("…"))), said) is not None
