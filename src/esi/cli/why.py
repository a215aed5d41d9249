"""`esi why`: the facts from the API, the sentences from esi.client.why."""

from __future__ import annotations

import textwrap
from typing import Any

import click

from esi.cli.connection import complete_schema, options, where_of
from esi.cli.output import as_json
from esi.client.why import sentences

WIDTH = 100


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("schema", shell_complete=complete_schema)
@click.argument("name_or_id", metavar="NAME|ID")
@click.option("--json", "as_document", is_flag=True, help="Print the facts as the API gives them.")
@click.pass_context
def why(ctx: click.Context, /, schema: str, name_or_id: str, as_document: bool, **_given: Any) -> None:
    """Say in sentences why a status is what it is, and what to do.

    \b
    Examples:
      esi why vpn_interface sample-vpn-interface
      esi why vpn_gateway 4fab887d-8f73-40e6-b2d8-2426255231bf --json
    """
    facts = where_of(ctx).run(lambda client: client.why(schema, name_or_id))
    if as_document:
        click.echo(as_json({"why": facts}))
        return
    for sentence in sentences(facts):
        lines = textwrap.wrap(sentence, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        click.echo("\n".join(lines))


why.params += options()
