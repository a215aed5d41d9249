"""The tree of commands, and what becomes of errors.

The table below holds each command's place and help line; a module is imported when its command is called. An error is
one sentence on standard error, with what to do next under it, and an exit code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from esi import __version__
from esi.errors import (
    ConfigError,
    EsiError,
    Forbidden,
    Invalid,
    NotFound,
    TerminalError,
    TimedOut,
    Unauthenticated,
    Unreachable,
)

DONE, REFUSED, USAGE, UNREACHABLE, MISSING, DENIED, LATE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130

EXITS: Mapping[int, str] = {
    DONE: "done",
    REFUSED: "the server, a device or an expectation refused, or the service has failed",
    USAGE: "used or configured wrongly",
    UNREACHABLE: "the API, Keystone or a store cannot be reached",
    MISSING: "no such schema or resource",
    DENIED: "no token, one that is not known, or nothing that it allows",
    LATE: "not there in time: what was asked for goes on, it is only not waited for any longer",
    INTERRUPTED: "interrupted",
}

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("esi.cli.demo.command:demo", "Tell a recorded story from an empty ring to configured routers."),
    "dev": ("esi.cli.serve:dev", "Run the whole ring in one process, with the lab."),
    "client": ("esi.cli.resources:client", "List, show, create, set and delete resources through the API."),
    "why": ("esi.cli.why:why", "Say in sentences why a status is what it is, and what to do."),
    "trace": ("esi.cli.trace.command:trace", "Show what one request set in motion, from the POST to the routers."),
    "api": ("esi.cli.serve:api", "Run the rooms api, sync and jobs."),
    "worker": ("esi.cli.serve:worker", "Run the rooms heat, devices and monitoring."),
    "agent": ("esi.cli.serve:agent", "Run a collector agent."),
    "stack": ("esi.cli.stack:stack", "List and show the stacks that stand, as Heat's clients do."),
    "topic": ("esi.cli.topic:topic", "Show the topics of the bus, what has been rejected and why; put it back."),
    "lab": ("esi.cli.lab:lab", "Run the virtual routers; or list, break and heal them."),
    "etcd": ("esi.cli.serve:etcd", "Run an etcd in the ring's folder."),
    "room": ("esi.cli.serve:room", "Run the named rooms, alone or together."),
    "db": ("esi.cli.database:database", "Compare the database with the schemas, and add what is missing."),
    "resync": ("esi.cli.resync:resync", "Compare the rows in SQL with their keys in etcd, and put right what differs."),
    "doctor": (
        "esi.cli.doctor:doctor",
        "Examine a deployment, and say what is wrong and what to do.",
    ),
    "settings": ("esi.cli.configuration:settings", "Show the settings and where each value comes from."),
    "completion": ("esi.cli.completion:completion", "Print the shell's completion script."),
}


class Commands(click.Group):
    """A group that loads a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


EXAMPLES = """\b
Examples:
  esi demo vpn                   the story of the README, in seconds
  esi dev                        a ring to play with
  esi client vpn_gateway list    what stands in it
  gohan client vpn_interface show --output-format json ID"""


@click.group(cls=Commands, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="esi")
def program() -> None:
    """Network service orchestration: one JSON document in, configured and watched routers out."""


def run(arguments: Sequence[str], *, name: str = "esi") -> int:
    """Run one command and give its exit code; errors are printed here and nowhere else."""
    try:
        result: Any = program.main(args=list(arguments), prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except EsiError as error:
        click.echo(f"{name}: {error}", err=True)
        click.echo(f"  {_advice(error, name)}", err=True)
        return exit_code(error)
    return result if isinstance(result, int) else DONE


def exit_code(error: EsiError) -> int:
    """The first row of the table that the error is one of."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), REFUSED)


_CODES: Sequence[tuple[tuple[type[EsiError], ...], int]] = (
    ((ConfigError,), USAGE),
    ((Unreachable,), UNREACHABLE),
    ((NotFound,), MISSING),
    ((Unauthenticated, Forbidden), DENIED),
    ((TimedOut,), LATE),
)


def _advice(error: EsiError, name: str) -> str:
    """What to do next: in the words of this program where it knows better, else in the error's own."""
    if isinstance(error, Unreachable) and "url" in error.details:
        return "start a ring with `esi dev`, or name the API with --endpoint-url or GOHAN_ENDPOINT_URL"
    if "lab" in error.details:
        return "`esi lab list` shows what stands and what can be broken; `esi lab` or `esi dev` starts one (--folder)"
    if "rejected" in error.details:
        return f"`{name} topic rejected` lists those that have been"
    if "stack" in error.details:
        return f"`{name} stack list` lists those that stand"
    if isinstance(error, Unauthenticated):
        return (
            "give a token with --token or OS_TOKEN, or name and password for Keystone with OS_AUTH_URL, OS_USERNAME, …"
        )
    if isinstance(error, NotFound):
        return f"`{name} client` lists the schemas, `{name} client SCHEMA list` what is there"
    if "ids" in error.details:
        return "name the one that is meant by its id; nothing was changed"
    if isinstance(error, Invalid):
        return f"nothing was changed; `{name} client SCHEMA create --help` says what may be sent"
    if isinstance(error, TerminalError) and "id" in error.details:
        return f"`{name} why {error.details['schema']} {error.details['id']}` says more, and what to do"
    return error.help
