"""The commands `esi demo ...`: a folder, the children, the story, a verdict, and nothing left behind."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from esi.cli.demo.children import ChildFailed, Children
from esi.cli.demo.screen import Screen
from esi.cli.demo.story import Story, write_facts
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.errors import EsiError
from esi.tasks import Tasks


@dataclass(frozen=True)
class Wish:
    """What the caller wants besides the story."""

    flow: str
    facts: Path | None
    page: Path | None
    keep: bool
    folder: Path | None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def demo() -> None:
    """Tell a recorded story from an empty ring to configured routers.

    Each story starts etcd, the lab, the API and a worker as processes of their own in a throw-away folder, sends the
    recorded requests, and checks what routers, etcd and API hold against the record. Exit code 0: all of it held.
    """


@demo.command()
@click.option("--flow", type=click.Choice(["2017", "2018"]), default="2017", show_default=True,
              help="Which recorded generation of templates to use.")  # fmt: skip
@click.option("--json", "facts", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="Write everything that was seen as JSON.")  # fmt: skip
@click.option("--html", "page", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the record of the request as one page, as `esi trace` does.")  # fmt: skip
@click.option("--keep", is_flag=True, help="Leave the ring running after the story, until Ctrl-C.")
@click.option("--folder", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path),
              help="An empty folder for the ring, which stays; else a temporary one is made.")  # fmt: skip
def vpn(folder: Path | None, **wish: Any) -> None:
    """Create a VPN interface: two routers get it, and it becomes ACTIVE.

    \b
    Examples:
      esi demo vpn
      esi demo vpn --flow 2018 --json facts.json
      esi demo vpn --html page.html
      esi demo vpn --keep
    """
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise click.BadParameter(f"{folder} is not empty: the story begins with an empty ring", param_hint="--folder")
    click.get_current_context().exit(asyncio.run(_interruptible(Wish(folder=folder, **wish))))


async def _interruptible(wish: Wish) -> int:
    """SIGTERM ends it as Ctrl-C does: the children are ended first."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await _vpn(wish)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


async def _vpn(wish: Wish) -> int:
    clock = SystemClock()
    screen = Screen(clock)
    began = clock.monotonic()
    folder = (wish.folder or Path(tempfile.mkdtemp(prefix="esi-demo-"))).absolute()
    for needed in (folder, wish.page.absolute().parent if wish.page is not None else folder):
        needed.mkdir(parents=True, exist_ok=True)
    try:
        async with Children(folder) as children:
            story = Story(children, screen, flow=wish.flow, clock=clock)
            held = await _told(story, children, screen, wish.page)
            if wish.facts is not None:
                write_facts(wish.facts, story.as_facts(held=held))
            if held:
                screen.heading(f"Everything held, after {clock.monotonic() - began:.1f} s.")
                if wish.page is not None:
                    screen.lines([f"The record of this request, as a page: {wish.page}"])
                screen.lines(_next(story, wish), indent=2)
            if held and wish.keep:
                await asyncio.Event().wait()
        return 0 if held else 1
    finally:
        if wish.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


async def _told(story: Story, children: Children, screen: Screen, page: Path | None) -> bool:
    """Whether everything held; if not, what did not is on the screen, with the last words of the processes."""
    try:
        async with Tasks("demo") as tasks:
            loading = tasks.start("load", asyncio.to_thread(_load))  # while the processes come up
            await story.start()
            await loading
        async with Client(story.seen.facts["api"], clock=story.clock) as client:
            await story.prepare(client)
            await story.ask(client)
            await story.look()
            await story.record(client, page)
    except ChildFailed as error:
        screen.heading(str(error))
        return False
    except EsiError as error:
        screen.heading(f"The story ended early: {error}")
        _last_words(children, screen)
        return False
    story.judge()
    story.show()
    screen.heading("Expectations")
    for item in story.expectations.all:
        screen.judged(item.text, item.held, item.seen)
    if story.expectations.failed:
        _last_words(children, screen)
        return False
    return True


def _last_words(children: Children, screen: Screen) -> None:
    for name in children.logs():
        if tail := children.tail(name):
            screen.heading(f"the last words of `esi {name}`")
            screen.lines(tail.splitlines(), indent=2)


def _next(story: Story, wish: Wish) -> list[str]:
    facts = story.seen.facts
    if not wish.keep:
        other = "2018" if wish.flow == "2017" else "2017"
        return [
            f"esi demo vpn --flow {other}    the other recorded generation",
            "esi demo vpn --keep         the same, and the ring stays for you to look around",
            "esi dev                     a ring of your own",
        ]
    interface = story.seen.interface
    lab = [f"{name.removeprefix('lab.')} is at {at}" for name, at in sorted(facts.items()) if name.startswith("lab.")]
    return [
        f"export GOHAN_ENDPOINT_URL={facts['api']} GOHAN_SCHEMA_URL=/gohan/v0.1/schemas",
        f"export ETCDCTL_API=3 ETCDCTL_ENDPOINTS={facts['etcd']}",
        f"gohan client vpn_interface show {interface}",
        f"gohan client vpn_interface delete --wait {interface}",
        "etcdctl get --prefix --keys-only /",
        f"# {', '.join(lab)} (NETCONF over SSH, esi / esiesi0000)",
        f"# logs in {story.folder}; Ctrl-C ends it all",
    ]


def _load() -> None:
    """The SSH library, which takes as long to load as a process to come up."""
    import asyncssh  # noqa: F401
