"""Settings on the command line: `--config`, `--set group.field=value`, and short flags made from the fields.

A short flag is a second name for one setting; its help, type and choices are the field's own, so they cannot drift.
`esi settings show` prints every setting with its value, origin and help; secrets are masked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from esi.environment import describe, load_settings
from esi.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_FILE = Path("esi.yaml")

SHORT: Mapping[str, str] = {
    "folder": "ring.folder",
    "flow": "ring.flow",
    "services": "ring.services",
    "inventory": "ring.inventory",
    "host": "api.host",
    "port": "api.port",
    "token-file": "api.token_file",
    "etcd": "etcd.endpoints",
    "etcd-port": "etcd.port",
    "slots": "worker.slots",
    "monitoring": "ring.monitoring",
    "agent-host": "agent.host",
    "agent-port": "agent.port",
    "agent-url": "agent.url",
    "interval": "agent.interval_seconds",
    "heat-url": "orchestration.url",
    "heat-port": "orchestration.port",
    "neutron-port": "neutron.port",
    "keystone-port": "keystone.lab_port",
    "lab-host": "lab.host",
    "lab-ports": "lab.ports",
    "commit-seconds": "lab.commit_seconds",
}


def settings_options(*short: str) -> Callable[[F], F]:
    """Give a command `--config`, `--set` and these short flags. It gets them all as keyword arguments: see `given`."""

    def decorate(command: F) -> F:
        for name in reversed(short):
            command = _flag(name)(command)
        command = click.option(
            "--set", "assignments", metavar="GROUP.FIELD=VALUE", multiple=True, callback=_split,
            help="Give any setting; may be repeated. `esi settings show` lists them.",
        )(command)  # fmt: skip
        return click.option(
            "--config", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Settings file; esi.yaml in this folder when there is one.",
        )(command)  # fmt: skip

    return decorate


def _flag(name: str) -> Callable[[F], F]:
    group, _, key = SHORT[name].partition(".")
    item = next(item for item in fields(getattr(Settings(), group)) if item.name == key)
    choices = item.metadata["choices"]
    kind = click.Choice(choices) if choices else type(item.default)
    help = f"{item.metadata['help']} Default: {item.default if item.default != '' else 'empty'}."
    return click.option(f"--{name}", f"{group}__{key}", type=kind, default=None, help=help)


def _split(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or "." not in name:
            raise click.BadParameter(f"{text!r} is not like group.field=value, for example ring.flow=2018")
        pairs[name.strip()] = value
    return pairs


def given(options: Mapping[str, Any]) -> Settings:
    """The settings of a command that has `settings_options`. Raises SettingsError with every fault."""
    file: Path | None = options["config"] or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    short = {name.replace("__", "."): value for name, value in options.items() if "__" in name}
    return load_settings(file, {**options["assignments"], **{k: v for k, v in short.items() if v is not None}})


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def settings() -> None:
    """Show the settings and where each value comes from."""


@settings.command()
@settings_options()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object by setting.")
def show(as_json: bool, **options: Any) -> None:
    """Print every setting with its value and origin (default, a file, the environment, a flag).

    \b
    Examples:
      esi settings show
      ESI_RING__FLOW=2018 esi settings show --json
    """
    rows = describe(given(options))
    if as_json:
        table = {name: {"value": value, "origin": origin, "help": help} for name, value, origin, help in rows}
        click.echo(json.dumps(table, indent=4, sort_keys=True, ensure_ascii=False))
        return
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, value, origin, help in rows:
        click.echo(f"{name:{widths[0]}}  {value:{widths[1]}}  {origin:{widths[2]}}  {help}")
