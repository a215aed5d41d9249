"""`esi doctor`: a table that people read, or one JSON document; the exit code says whether anything is wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from esi.cli.configuration import given, settings_options
from esi.cli.logs import start_logging
from esi.cli.output import as_json, print_rows
from esi.cli.program import DONE, REFUSED
from esi.errors import SettingsError

if TYPE_CHECKING:
    from esi.doctor.finding import Finding

QUIET = -2
"""What is wrong is said once, by us: etcd's and the database's clients need not say it, too."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@settings_options("folder", "etcd")
@click.option("--json", "as_document", is_flag=True, help="Print everything as one JSON document.")
@click.option("--all", "everything", is_flag=True, help="Print what is well, too.")
@click.option("--patience", type=click.FloatRange(min=0.1), default=3.0, help="Seconds that one thing may take.")
def doctor(as_document: bool, everything: bool, patience: float, **options: Any) -> int:
    """Examine a deployment, and say what is wrong and what to do.

    Settings, machine, etcd, database, rooms, doors and clouds are looked at; nothing is changed. Give it the settings
    of the processes; what they tell of themselves is found in the ring's folder, processes of other machines in
    health.doors. Exit code 1 when something is wrong, 0 for warnings.

    \b
    Examples:
      esi doctor
      esi doctor --config /etc/esi/esi.yaml --all
      esi doctor --json | jq '.findings[] | select(.level == "wrong")'
    """
    start_logging(QUIET)
    found = _examined(patience, options)
    counted = Counter(str(one.level) for one in found)
    if as_document:
        click.echo(as_json({"findings": [asdict(one) for one in found], "counted": dict(counted)}))
    else:
        shown = [one for one in found if everything or one.level != "ok"]
        rows = [[str(one.level), one.about, one.which, one.words, one.todo] for one in shown]
        print_rows(["level", "about", "which", "what is found", "what to do"], rows)
        click.echo(", ".join(f"{counted[level]} {level}" for level in ("wrong", "warn", "ok")))
    return REFUSED if counted["wrong"] else DONE


def _examined(patience: float, options: dict[str, Any]) -> list[Finding]:
    from esi.doctor.examination import examine  # here: --help needs none of it
    from esi.doctor.finding import wrong
    from esi.doctor.ward import Ward

    try:
        settings = given(options)
    except SettingsError as error:
        return [
            wrong("settings", "file", fault, "`esi settings show` lists all that there are") for fault in error.faults
        ]
    return asyncio.run(examine(Ward(settings, patience=patience)))
