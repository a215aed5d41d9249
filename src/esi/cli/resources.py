"""`esi client` and `gohan client`: commands made from the schemas that the server describes.

`client` is a group whose commands are the schema ids; each is a group of the verbs list, show, create, set and delete
(verbs.py). The options that say how answers look may stand before the schema id, behind the verb or behind the id.
Without a reachable server the help still works; shell completion never waits for one.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import click

from esi.cli.logs import start_logging
from esi.cli.output import FORMATS
from esi.cli.verbs import Where, verbs
from esi.client.schemas import SCHEMA_PATH, SchemaCache, SchemaView, parse_schemas
from esi.clock import SystemClock
from esi.errors import EsiError

_UNITS = {"": 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Duration(click.ParamType[float]):
    """Seconds from `5m`, `90s`, `1h30m` or a bare number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.fail(f"{value!r} is not like 5m, 90s or 1h30m", param, ctx)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)


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
        if ctx.resilient_parsing:
            kept = where.cache.load(where.url + where.schema_path, where.token, any_age=True) if where.cache else None
            return parse_schemas(kept or [])
        return where.run(lambda client: client.schemas())


def where_of(ctx: click.Context) -> Where:
    """Where the API is, from the options of `client`. While its own help is printed only those that stand
    before `--help` are parsed (they are eager for that); of the others the environment is asked here."""
    found = {
        param.name: ctx.params[param.name] if param.name in ctx.params else param.resolve_envvar_value(ctx)
        for param in ctx.command.params
    }
    clock = SystemClock()
    cache: SchemaCache | None = None
    if found["cache"] in (True, None) or str(found["cache"]).lower() in ("true", "1", "yes"):
        kept = found["cache_timeout"]
        seconds = Duration().convert("5m" if kept is None else kept, None, None)
        cache = SchemaCache(Path(found["cache_path"] or _cache_file()), seconds=seconds, clock=clock)
    url = str(found["endpoint_url"] or "http://127.0.0.1:9091").rstrip("/")
    return Where(
        url=url,
        token=found["token"] or "",
        tenant=found["tenant"] or "",
        schema_path=str(found["schema_url"] or SCHEMA_PATH).removeprefix(url),
        cache=cache,
        clock=clock,
    )


def _cache_file() -> Path:
    return Path(click.get_app_dir("esi")) / "schemas.json"


EPILOG = """\b
Verbs of each schema:
  list   [--PROPERTY VALUE]... [--limit N] [--offset N] [--sort-key PROPERTY]
  show   NAME|ID
  create --PROPERTY VALUE... [--wait]
  set    --PROPERTY VALUE... [--wait] NAME|ID
  delete [--wait] NAME|ID
A value is text; <null> is null; arrays and objects are JSON; a relation is a name or an id.

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
    "--endpoint-url",
    is_eager=True,
    envvar="GOHAN_ENDPOINT_URL",
    show_envvar=True,
    help="The API. Default: http://127.0.0.1:9091.",
)
@click.option("--schema-url", is_eager=True, envvar="GOHAN_SCHEMA_URL", show_envvar=True, help="Path of the schemas.")
@click.option("--token", is_eager=True, envvar="OS_TOKEN_ID", show_envvar=True, help="Token of the caller.")
@click.option(
    "--tenant",
    is_eager=True,
    envvar="OS_TENANT_ID",
    show_envvar=True,
    help="The tenant that an administrator acts for.",
)
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    envvar="GOHAN_OUTPUT_FORMAT",
    show_envvar=True,
    help="Default: table.",
)
@click.option("--fields", envvar="GOHAN_FIELDS", show_envvar=True, help="Comma list of properties to print.")
@click.option(
    "--verbosity",
    type=click.IntRange(0, 3),
    envvar="GOHAN_VERBOSITY",
    show_envvar=True,
    help="1 and more: log each request. Tokens are never printed.",
)
@click.option(
    "--cache/--no-cache",
    is_eager=True,
    default=None,
    envvar="GOHAN_CACHE_SCHEMAS",
    show_envvar=True,
    help="Keep schemas.",
)
@click.option(
    "--cache-timeout",
    is_eager=True,
    type=Duration(),
    envvar="GOHAN_CACHE_TIMEOUT",
    show_envvar=True,
    help="How long schemas are kept. Default: 5m.",
)
@click.option(
    "--cache-path", is_eager=True, envvar="GOHAN_CACHE_PATH", show_envvar=True, help="File of the kept schemas."
)
def client(**options: Any) -> None:
    """List, show, create, set and delete resources through the API."""
    start_logging(0, normal=logging.DEBUG if options["verbosity"] else logging.WARNING)
