"""Commands that run rooms: the whole ring in one process, or parts of it beside each other.

Bootstrap builds the parts and runs them until SIGINT or SIGTERM; it says once when they are ready and where. These
facts are printed: as the shell lines after which curl, etcdctl and gohan work, or with `--json` as one line for the
program that started us.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import click

from esi.cli.configuration import given, settings_options
from esi.cli.logs import logging_options, start_logging
from esi.cli.program import REFUSED
from esi.clock import SystemClock
from esi.settings import Settings

ALL = (
    *("etcd", "lab", "api", "sync", "agent", "jobs", "heat", "devices", "monitoring"),
    *("keystone", "orchestration", "neutron"),
)
API = ("api", "sync", "jobs")
WORKER = ("jobs", "heat", "devices", "monitoring")

_json = click.option("--json", "as_json", is_flag=True, help="Print the facts as one JSON line when ready.")


@click.command()
@settings_options(
    "flow",
    "services",
    "folder",
    "host",
    "port",
    "token-file",
    "etcd-port",
    "agent-port",
    "heat-port",
    "neutron-port",
    "monitoring",
    "lab-ports",
    "commit-seconds",
)
@_json
@logging_options
def dev(**options: Any) -> None:
    """Run the whole ring in one process, with the lab.

    What was created stays in the ring's folder and is there again at the next start, but the lab's routers begin again
    with the configuration of their first day. Ctrl-C ends it.

    \b
    Examples:
      esi dev
      esi dev --flow 2018 --folder /tmp/ring --port 0
    """
    _serve(ALL, options)


@click.command()
@settings_options("folder", "flow", "services", "host", "port", "token-file", "etcd", "neutron-port", "monitoring")
@_json
@logging_options
def api(**options: Any) -> None:
    """Run the rooms api, sync and jobs, and with a port for it Neutron's API.

    \b
    Examples:
      esi api --etcd 127.0.0.1:2379
      esi api --etcd 127.0.0.1:2379 --neutron-port 9998
      esi api --etcd 127.0.0.1:2379 --port 0 --json
    """
    _serve(API, options)


@click.command()
@settings_options("folder", "flow", "services", "inventory", "etcd", "slots", "monitoring", "agent-url")
@_json
@logging_options
def worker(**options: Any) -> None:
    """Run the rooms heat, devices and monitoring, and jobs in reserve. Any number of workers may run.

    \b
    Examples:
      esi worker --etcd 127.0.0.1:2379 --agent-url http://127.0.0.1:7070
      esi worker --etcd 127.0.0.1:2379 --monitoring none
      esi worker --etcd 10.0.0.1:2379,10.0.0.2:2379 --inventory devices.yaml
    """
    _serve(WORKER, options)


@click.command()
@settings_options("folder", "flow", "services", "inventory", "etcd", "agent-host", "agent-port", "interval")
@_json
@logging_options
def agent(**options: Any) -> None:
    """Run a collector agent: it looks at what it is told to watch. Several share the work.

    \b
    Examples:
      esi agent --etcd 127.0.0.1:2379
      esi agent --etcd 127.0.0.1:2379 --agent-port 0 --interval 10
    """
    _serve(("agent",), options)


@click.command()
@settings_options("folder", "lab-host", "lab-ports", "commit-seconds")
@_json
@logging_options
def lab(**options: Any) -> None:
    """Run the virtual routers: NETCONF over SSH on loopback.

    \b
    Examples:
      esi lab
      esi lab --lab-ports 8301,8302 --commit-seconds 2
    """
    _serve(("lab",), options)


@click.command()
@settings_options("folder", "etcd-port")
@_json
@logging_options
def etcd(**options: Any) -> None:
    """Run an etcd in the ring's folder.

    \b
    Examples:
      esi etcd
      esi etcd --etcd-port 2379 --folder /var/lib/esi
    """
    _serve(("etcd",), options)


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=click.Choice(ALL))
@settings_options(
    *(
        "folder",
        "flow",
        "services",
        "inventory",
        "host",
        "port",
        "token-file",
        "etcd",
        "slots",
        "monitoring",
        "agent-url",
    ),
    *("heat-port", "neutron-port", "keystone-port"),
)
@_json
@logging_options
def room(names: Sequence[str], **options: Any) -> None:
    """Run the named rooms, alone or together: etcd, lab, api, sync, agent, jobs, heat, devices, monitoring,
    keystone (the lab's), orchestration (Heat's read API), neutron (Neutron's API, beside api).

    \b
    Examples:
      esi room jobs --etcd 127.0.0.1:2379
      esi room heat devices --etcd 127.0.0.1:2379
    """
    _serve(tuple(dict.fromkeys(names)), options)


def _serve(parts: Sequence[str], options: Mapping[str, Any]) -> None:
    clock = SystemClock()
    began = clock.monotonic()
    from esi.bootstrap import run  # here: every room's libraries come with it, and --help needs none

    start_logging(options["verbose"] - options["quiet"])
    settings = given(options)

    def ready(facts: Mapping[str, str]) -> None:
        if options["as_json"]:
            click.echo(json.dumps({"ready": list(parts), "facts": dict(facts)}, sort_keys=True))
        else:
            click.echo("\n".join(ready_lines(parts, facts, settings, clock.monotonic() - began)))

    def end() -> None:
        asyncio.get_running_loop().call_later(settings.health.stop_seconds, overdue)
        # A loop that stands still, or what libraries leave to the interpreter's end: then C looks at the clock.
        faulthandler.dump_traceback_later(settings.health.stop_seconds + 1, exit=True)

    def overdue() -> None:
        logging.getLogger(__name__).error("not ended after %g s: cut short", settings.health.stop_seconds)
        os._exit(REFUSED)

    asyncio.run(run(parts, settings, on_ready=ready, on_end=end))


def ready_lines(parts: Sequence[str], facts: Mapping[str, str], settings: Settings, took: float) -> list[str]:
    """What a person wants to know when rooms are ready after `took` seconds."""
    lines = [f"ready in {took:.1f} s: {', '.join(parts)} (folder {settings.ring.folder}, flow {settings.ring.flow})"]
    if "api" in facts:
        lines += ["", f"export GOHAN_ENDPOINT_URL={facts['api']} GOHAN_SCHEMA_URL=/gohan/v0.1/schemas"]
    if "etcd" in facts:
        lines += [f"export ETCDCTL_API=3 ETCDCTL_ENDPOINTS={facts['etcd']}"]
    if "api" in facts:
        lines += ["", "gohan client vpn_gateway list", "curl -s $GOHAN_ENDPOINT_URL/v2.0/vpn_gateways"]
    if "etcd" in facts:
        lines += ["etcdctl get --prefix --keys-only /config"]
    if "keystone" in facts:
        lines += openstack_lines(facts["keystone"], known_user=not settings.api.token_file)
        lines += ["openstack network list", "neutron port-list"] if "neutron" in facts else []
    for name, address in sorted(facts.items()):
        if name.startswith("lab."):
            host, _, port = address.rpartition(":")
            lines += [f"ssh -p {port} esi@{host} -s netconf    # {name.removeprefix('lab.')}, password esiesi0000"]
    if "note" in facts:
        lines += ["", f"note: {facts['note']}"]
    return [*lines, "", "Ctrl-C ends it"]


def openstack_lines(url: str, *, known_user: bool) -> list[str]:
    """For OpenStack's own clients; without a token file there is one user, admin."""
    user = ["export OS_USERNAME=admin OS_PASSWORD=admin OS_PROJECT_NAME=admin"] if known_user else []
    domains = f"export OS_AUTH_URL={url}/v3 OS_IDENTITY_API_VERSION=3"
    domains += " OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default"
    return ["", domains, *user, "openstack stack list --all-projects"]
