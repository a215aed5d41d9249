"""Where the API is and who calls: options and their environment variables, the same for every command that asks it.

A token is given (OS_TOKEN, OS_TOKEN_ID), or Keystone is asked for one with the usual OS_* variables; then the address
of the API may come from Keystone's catalog, too. Shell completion asks nobody: it only reads the kept schemas.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from esi.client.schemas import SCHEMA_PATH, SchemaCache, SchemaSource, SchemaView, parse_schemas
from esi.clock import Clock, SystemClock
from esi.errors import ConfigError
from esi.telemetry import Secret

if TYPE_CHECKING:
    from esi.client.keystone import Credentials
    from esi.client.resources import Client

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:9091"
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


@dataclass(frozen=True)
class Where:
    """The API of this call, and who calls. `url` "" is taken from Keystone's catalog, by `service` and `region`."""

    url: str
    token: str
    tenant: str
    schema_path: str
    cache: SchemaCache | None
    clock: Clock
    credentials: Credentials | None = None
    service: str = ""
    region: str = ""
    ca_file: str = ""
    known: dict[str, SchemaView] = field(default_factory=dict)
    granted: list[tuple[str, str]] = field(default_factory=list)

    def schema(self, id: str) -> SchemaView:
        """One schema; all that came with it are kept for the conversations of this call."""

        async def work(client: Client) -> SchemaView:
            view = await client.schema(id)
            self.known.update(await client.schemas())
            return view

        return self.run(work)

    def kept(self) -> dict[str, SchemaView]:
        """The schemas that stand in the file, of whatever age."""
        who = self.credentials.who if self.credentials else self.token
        return parse_schemas(
            (self.cache.load(self.url + self.schema_path, who, any_age=True) or []) if self.cache else []
        )

    def run(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """One conversation, on a loop of its own. Raises the errors of esi.errors."""
        from esi.client.resources import Client  # here: completion must not load an HTTP library

        async def talk() -> T:
            tls = self._tls()
            url, token = await self._grant(tls)
            who = self.credentials.who if self.credentials else ""
            source = SchemaSource(self.schema_path.removeprefix(url), self.cache, self.known, who)
            async with Client(url, token, clock=self.clock, tenant=self.tenant, source=source, tls=tls) as client:
                return await work(client)

        return asyncio.run(talk())

    async def _grant(self, tls: ssl.SSLContext | None) -> tuple[str, str]:
        """Address and token; Keystone is asked once in a call."""
        if self.credentials is None:
            return self.url, self.token
        if not self.granted:
            from esi.client.keystone import grant

            given = await grant(self.credentials, clock=self.clock, tls=tls)
            url = self.url or given.endpoint(self.service, self.region)
            self.granted.append((url, given.token.reveal()))
        return self.granted[0]

    def _tls(self) -> ssl.SSLContext | None:
        try:
            return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None
        except OSError as error:
            raise ConfigError(f"{self.ca_file} (--cacert, OS_CACERT) holds no certificates: {error}") from error


def _option(name: str, env: str | list[str], help: str, **more: Any) -> click.Option:
    """Eager, so that the commands made from the schemas know where to ask."""
    return click.Option([f"--{name}"], envvar=env, show_envvar=True, is_eager=True, help=help, **more)


def options() -> list[click.Parameter]:
    """Fresh ones for one command."""
    return [
        _option("endpoint-url", "GOHAN_ENDPOINT_URL", f"The API. Default: {DEFAULT_URL}."),
        _option("schema-url", "GOHAN_SCHEMA_URL", "Path of the schemas."),
        _option("token", ["OS_TOKEN_ID", "OS_TOKEN"], "Token of the caller."),
        _option("tenant", ["OS_TENANT_ID", "OS_PROJECT_ID"], "The tenant that an administrator acts for."),
        _option("auth-url", "OS_AUTH_URL", "Keystone, which gives a token for name and password."),
        _option("username", "OS_USERNAME", "Name for Keystone."),
        _option("password", "OS_PASSWORD", "Password for Keystone; better kept off the command line."),
        _option("project-name", ["OS_PROJECT_NAME", "OS_TENANT_NAME"], "Project for Keystone, where no id is given."),
        _option("user-domain", "OS_USER_DOMAIN_NAME", "Domain of the name. Default: Default."),
        _option("project-domain", "OS_PROJECT_DOMAIN_NAME", "Domain of the project. Default: Default."),
        _option("service-name", "GOHAN_SERVICE_NAME", "Take the API's address from Keystone's catalog."),
        _option("region", ["GOHAN_REGION", "OS_REGION_NAME"], "Region in Keystone's catalog."),
        _option("cacert", "OS_CACERT", "File of the certificates to trust."),
        _option("cache/--no-cache", "GOHAN_CACHE_SCHEMAS", "Keep schemas.", default=None),
        _option("cache-timeout", "GOHAN_CACHE_TIMEOUT", "How long schemas are kept. Default: 5m.", type=Duration()),
        _option("cache-path", "GOHAN_CACHE_PATH", "File of the kept schemas."),
    ]


def where_of(ctx: click.Context) -> Where:
    """Where the API is, from the options above. While its own help is printed only those that stand before `--help`
    are parsed (they are eager for that); of the others the environment is asked here.
    """
    found = {
        param.name: ctx.params[param.name] if param.name in ctx.params else param.resolve_envvar_value(ctx)
        for param in options()
    }
    clock = SystemClock()
    cache: SchemaCache | None = None
    if found["cache"] in (True, None) or str(found["cache"]).lower() in ("true", "1", "yes"):
        seconds = Duration().convert("5m" if found["cache_timeout"] is None else found["cache_timeout"], None, None)
        cache = SchemaCache(Path(found["cache_path"] or _cache_file()), seconds=seconds, clock=clock)
    credentials = credentials_of({**found, "password": "-"} if ctx.resilient_parsing else found)
    by_catalog = credentials is not None and found["service_name"] and not found["endpoint_url"]
    url = "" if by_catalog else str(found["endpoint_url"] or DEFAULT_URL).rstrip("/")
    return Where(
        url=url,
        token=(found["token"] or "").strip(),
        tenant=found["tenant"] or "" if credentials is None else "",
        schema_path=str(found["schema_url"] or SCHEMA_PATH).removeprefix(url),
        cache=cache,
        clock=clock,
        credentials=credentials,
        service=found["service_name"] or "",
        region=found["region"] or "",
        ca_file=found["cacert"] or "",
    )


def complete_schema(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Ids of the kept schemas."""
    return sorted(name for name in where_of(ctx).kept() if name.startswith(incomplete))


def complete_stack(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """How stacks' names begin: with their resource's schema."""
    return [f"{name}_" for name in complete_schema(ctx, param, incomplete)]


def credentials_of(found: Mapping[Any, Any]) -> Credentials | None:
    """Name and password count only where no token is given and Keystone is named."""
    if found["token"] or not found["auth_url"] or not found["username"]:
        return None
    if not found["password"]:
        raise ConfigError("OS_AUTH_URL and OS_USERNAME are given, but neither OS_PASSWORD nor a token")
    from esi.client.keystone import DEFAULT_DOMAIN, Credentials

    return Credentials(
        auth_url=found["auth_url"],
        username=found["username"],
        password=Secret(found["password"]),
        project_id=found["tenant"] or "",
        project_name=found["project_name"] or "",
        user_domain=found["user_domain"] or DEFAULT_DOMAIN,
        project_domain=found["project_domain"] or DEFAULT_DOMAIN,
    )


def _cache_file() -> Path:
    return Path(click.get_app_dir("esi")) / "schemas.json"
