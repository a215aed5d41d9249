"""`esi lab` runs the virtual routers; `list`, `break` and `heal` speak to those that run, by their control door.

The door is found in the ring's folder, so `--folder` (or the setting) names the lab.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from esi.cli import serve
from esi.cli.configuration import given, settings_options
from esi.cli.output import as_json as pretty
from esi.cli.output import print_rows

FOLDER = "lab"

_json = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")

HELP = """Run the virtual routers; or list, break and heal them.

They speak NETCONF over SSH, and SNMP, on loopback. The commands below speak to those that run already.

\b
Examples:
  esi lab
  esi lab --lab-ports 8301,8302 --commit-seconds 2
  esi lab list
  esi lab break ce1 key
  esi lab heal"""


def _run(**options: Any) -> None:
    if click.get_current_context().invoked_subcommand is None:
        assert serve.lab.callback is not None
        serve.lab.callback(**options)


lab = click.Group("lab", callback=_run, params=serve.lab.params, help=HELP, invoke_without_command=True)


@lab.command("list")
@settings_options("folder")
@_json
def list_devices(as_json: bool, **options: Any) -> None:
    """Show the devices, their BGP and VRRP, what is broken, and what can be.

    \b
    Examples:
      esi lab list
      esi lab list --json
    """
    answer = _ask({"do": "list"}, options)
    if as_json:
        click.echo(pretty(answer))
        return
    devices = answer["devices"]
    columns = ["device", "netconf", "snmp", "sessions", "locked by", "commits", "broken"]
    print_rows(columns, [_device(one) for one in devices])
    sessions = [[one["name"], *_session(bgp)] for one in devices for bgp in one["bgp"]]
    if sessions:
        print_rows(["device", "bgp peer", "instance", "state", "for", "flaps", "why"], sessions)
    roles = [
        [one["name"], vrrp["unit"], str(vrrp["group"]), vrrp["state"], vrrp["reason"]]
        for one in devices
        for vrrp in one["vrrp"]
    ]
    if roles:
        print_rows(["device", "vrrp unit", "group", "state", "why"], roles)
    if answer["appliances"]:
        columns = ["appliance", "nitro", "snmp", "power", "sessions", "unsaved", "broken"]
        print_rows(columns, [_appliance(one) for one in answer["appliances"]])
    print_rows(["what can be broken", "what it does"], [[kind, text] for kind, text in answer["kinds"].items()])
    if answer["appliances"]:
        rows = [[kind, text] for kind, text in answer["appliance_kinds"].items()]
        print_rows(["of an appliance", "what it does"], rows)
    if answer["clouds"]:
        print_rows(["cloud", "broken"], [[one["name"], _broken(one)] for one in answer["clouds"]])
        kinds = [[one["name"], kind, text] for one in answer["clouds"] for kind, text in one["kinds"].items()]
        print_rows(["of a cloud", "can be broken", "what it does"], kinds)


def _appliance(one: Mapping[str, Any]) -> list[str]:
    power, unsaved = "on" if one["powered"] else "off", "yes" if one["unsaved"] else ""
    return [one["ip"], one["nitro"], one["snmp"], power, str(one["sessions"]), unsaved, _broken(one)]


def _device(one: Mapping[str, Any]) -> list[str]:
    return [
        one["name"],
        one["netconf"],
        one["snmp"],
        *map(str, (one["sessions"], one["locked_by"], one["commits"])),
        _broken(one),
    ]


def _broken(one: Mapping[str, Any]) -> str:
    return ", ".join(" ".join((fault["kind"], fault["operand"])).strip() for fault in one["faults"])


def _session(bgp: Mapping[str, Any]) -> list[str]:
    return [bgp["peer"], bgp["instance"], bgp["state"], f"{bgp['seconds']} s", str(bgp["flaps"]), bgp["reason"]]


@lab.command("break")
@click.argument("device")
@click.argument("kind")
@click.argument("operand", default="")
@click.option("--times", type=click.IntRange(min=0), default=0, help="End a drop or malformed by itself after so many.")
@settings_options("folder")
@_json
def break_device(device: str, kind: str, operand: str, times: int, as_json: bool, **options: Any) -> None:
    """Break something about a device; `esi lab list` shows what can be broken.

    \b
    Examples:
      esi lab break ce1 key 192.168.8.2
      esi lab break vMX-router-02 drop-before-reply --times 1
      esi lab break vMX-router-01 slow-commit 300
    """
    request = {"do": "break", "router": device, "kind": kind, "operand": operand, "times": times}
    answer = _ask(request, options)
    click.echo(json.dumps(answer) if as_json else f"{answer['router']}: {answer['kind']}")


@lab.command("heal")
@click.argument("device", default="")
@click.argument("kind", default="")
@settings_options("folder")
@_json
def heal_device(device: str, kind: str, as_json: bool, **options: Any) -> None:
    """Heal one kind of fault of a device, all of its faults, or everything.

    \b
    Examples:
      esi lab heal
      esi lab heal ce1 key
    """
    answer = _ask({"do": "heal", "router": device, "kind": kind}, options)
    if as_json:
        click.echo(json.dumps(answer))
        return
    for name, kinds in answer["healed"].items():
        click.echo(f"{name}: {', '.join(kinds)}")
    if not answer["healed"]:
        click.echo("nothing was broken")


def _ask(request: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    from esi.lab.control import ask  # here: SSH comes with it, and --help needs none

    parent = click.get_current_context().parent
    before = parent.params if parent is not None else {}
    folder = given({**options, "ring__folder": options["ring__folder"] or before.get("ring__folder")}).ring.folder
    return asyncio.run(ask(Path(folder) / FOLDER, request))
