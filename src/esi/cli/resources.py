"""`esi client` and `gohan client`: commands made from the schemas that the server describes.

`client` is a group whose commands are the schema ids; each is a group of the verbs list, show, create, set, delete and
those of the schema's own (verbs.py). The options that say how answers look may stand before the schema id, behind the
verb or behind the id. Without a reachable server the help still works; shell completion never waits for one.
"""

from __future__ import annotations

import logging
from typing import Any

import click

from esi.cli.connection import options, where_of
from esi.cli.logs import start_logging
from esi.cli.output import FORMATS
from esi.cli.verbs import verbs
from esi.client.schemas import SchemaView
from esi.errors import EsiError


class SchemaCommands(click.Group):
    """A group with one command per schema of the server."""

    from_server = True  # the reference page does not walk into it

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._known(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = where_of(ctx)
        if ctx.resilient_parsing:
            view = self._known(ctx).get(cmd_name)
            return verbs(view, where) if view else None
        return verbs(where.schema(cmd_name), where)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        try:
            known = self._known(ctx)
        except EsiError as error:
            with formatter.section("Schemas"):
                formatter.write_text(f"{error}. They are listed here when the server can be reached.")
            return
        if not known:
            return
        with formatter.section("Schemas"):
            formatter.write_dl([(name, view.title) for name, view in sorted(known.items())])

    def _known(self, ctx: click.Context) -> dict[str, SchemaView]:
        where = where_of(ctx)
        return where.kept() if ctx.resilient_parsing else where.run(lambda client: client.schemas())


EPILOG = """\b
Verbs of each schema:
  list   [--PROPERTY VALUE]... [--filter PROPERTY=VALUE]... [--sort [-]PROPERTY] [--limit N] [--all]
  show   NAME|ID
  create --PROPERTY VALUE... [--file FILE] [--wait [--timeout 5m]]
  set    --PROPERTY VALUE... [--file FILE] [--retry] [--wait] NAME|ID
  delete [--wait] [--force] NAME|ID
A value is text; <null> is null; arrays and objects are JSON; a member of an object is --PROPERTY.MEMBER;
a relation is a name or an id.

\b
Examples:
  gohan client vpn_interface show --output-format json 0bea303d-b6eb-4edc-83ef-e32f915d3047
  gohan client resource_mapping list --output-format json
  gohan client vpn_gateway set --description "new words" sample-vpn-gateway
  gohan client vpn_gateway create --help"""


@click.group(
    cls=SchemaCommands,
    epilog=EPILOG,
    subcommand_metavar="SCHEMA VERB [OPTIONS] [NAME|ID]",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    envvar="GOHAN_OUTPUT_FORMAT",
    show_envvar=True,
    help="Default: table.",
)
@click.option(
    "--fields",
    "--column",
    "fields",
    multiple=True,
    envvar="GOHAN_FIELDS",
    show_envvar=True,
    help="Comma list of properties to print; may be repeated.",
)
@click.option(
    "--verbosity",
    type=click.IntRange(0, 3),
    envvar="GOHAN_VERBOSITY",
    show_envvar=True,
    help="1 and more: log each request. Tokens are never printed.",
)
def client(**given: Any) -> None:
    """List, show, create, set and delete resources through the API."""
    start_logging(0, normal=logging.DEBUG if given["verbosity"] else logging.WARNING)


client.params[:0] = options()
