"""`esi topic list`, `rejected` and `again`: what stands on the ring's bus, in etcd or Kafka, for who looks after it.

They ask the bus itself, as an agent does, so they are given its settings (`--etcd`, `--config`, `--set bus.…`). Values
carry device passwords, so they are not shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from esi.cli.configuration import given, settings_options
from esi.cli.output import as_json as pretty
from esi.cli.output import print_rows

if TYPE_CHECKING:
    from esi.bus import SetAside, Topics

T = TypeVar("T")

_json = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def topic() -> None:
    """Show the topics of the bus, what has been rejected and why; put it back."""


@topic.command("list")
@click.argument("names", metavar="[TOPIC]...", nargs=-1)
@settings_options("etcd")
@_json
def list_topics(names: Sequence[str], as_json: bool, **options: Any) -> None:
    """List topics: how many messages are kept, and how many of them each group has not finished.

    \b
    Examples:
      esi topic list --etcd 127.0.0.1:2379
      esi topic list --set bus.kind=kafka --set bus.servers=127.0.0.1:9092 monitor_vpn_interface
    """
    found = _ask(options, lambda topics: topics.standing(names))
    if as_json:
        rows = [{"topic": one.topic, "messages": one.messages, "groups": dict(one.lag)} for one in found]
        click.echo(pretty({"topics": rows}))
        return
    lines = []
    for one in found:
        groups = [(group, str(lag)) for group, lag in one.lag.items()] or [("", "")]
        lines += [[one.topic, str(one.messages), *group] for group in groups]
    print_rows(["topic", "messages", "group", "not finished"], lines)


@topic.command("rejected")
@click.argument("names", metavar="[TOPIC]...", nargs=-1)
@settings_options("etcd")
@_json
def list_rejected(names: Sequence[str], as_json: bool, **options: Any) -> None:
    """List the messages that a group could not take, with its reason.

    \b
    Examples:
      esi topic rejected --etcd 127.0.0.1:2379
      esi topic rejected --json monitor_vpn_interface
    """
    found = _ask(options, lambda topics: topics.rejected(names))
    if as_json:
        click.echo(pretty({"rejected": [_shown(one) for one in found]}))
    else:
        print_rows(["id", "key", "reason"], [[one.id, one.key, one.reason] for one in found])


@topic.command("again")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@settings_options("etcd")
@_json
def put_back(ids: Sequence[str], as_json: bool, **options: Any) -> None:
    """Publish rejected messages once more: every group of the topic gets them.

    \b
    Examples:
      esi topic again monitor_vpn_interface/collector_agent/17
    """

    async def again(topics: Topics) -> list[SetAside]:
        return [await topics.again(id) for id in ids]

    done = _ask(options, again)
    names = [one.id for one in done]
    click.echo(pretty({"again": names}) if as_json else "\n".join(f"{name}: again" for name in names))


def _shown(one: SetAside) -> dict[str, Any]:
    where = {"id": one.id, "topic": one.topic, "group": one.group, "key": one.key}
    return {**where, "reason": one.reason, "bytes": len(one.value)}


def _ask(options: dict[str, Any], question: Callable[[Topics], Awaitable[T]]) -> T:
    from esi.bootstrap.topics import open_topics  # here: the bus's libraries come with it, and --help needs none

    async def ask() -> T:
        async with open_topics(given(options)) as topics:
            return await question(topics)

    return asyncio.run(ask())
