"""The commands `esi demo ...`: a folder, the children, the story, a verdict, and nothing left behind."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import click

from esi.cli.demo.balancer_story import BalancerStory
from esi.cli.demo.children import ChildFailed, Children
from esi.cli.demo.screen import Screen
from esi.cli.demo.stage import Stage
from esi.cli.demo.vpn_story import VpnStory
from esi.cli.output import as_json
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


class Story(Protocol):
    """`start`, `tell`, `judge`, `show`, in this order. The first two raise errors of the client and the children."""

    @property
    def stage(self) -> Stage: ...

    @property
    def command(self) -> str: ...

    async def start(self) -> None:
        """The ring."""

    async def tell(self, client: Client, page: Path | None, *, keep: bool) -> None:
        """All of it. `page`: where to write the record of the request; `keep`: the ring stays for who watches."""

    def judge(self) -> None:
        """What must have held, into the stage's expectations."""

    def show(self) -> None:
        """What was found, for people."""

    def as_facts(self) -> dict[str, Any]: ...

    def ways(self) -> list[str]:
        """What to type into a shell to look around in a ring that is kept."""
        ...


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def demo() -> None:
    """Tell a recorded story from an empty ring to configured routers.

    Each story starts etcd, the lab, the API and a worker as processes of their own in a throw-away folder, sends the
    recorded requests, and checks what routers, etcd and API hold against the record. Exit code 0: all of it held.
    """


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """What every story takes."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


OPTIONS = (
    click.option("--flow", type=click.Choice(["2017", "2018"]), default="2017", show_default=True,
                 help="Which recorded generation of templates to use."),
    click.option("--json", "facts", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
                 help="Write everything that was seen as JSON."),
    click.option("--html", "page", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
                 help="Write the record of the request as one page, as `esi trace` does."),
    click.option("--keep", is_flag=True, help="Leave the ring running after the story, until Ctrl-C."),
    click.option("--folder", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path),
                 help="An empty folder for the ring, which stays; else a temporary one is made."),
)  # fmt: skip


@demo.command()
@_options
def vpn(**wish: Any) -> None:
    """Create a VPN interface: two routers get it, and it becomes ACTIVE.

    \b
    Examples:
      esi demo vpn
      esi demo vpn --flow 2018 --json facts.json
      esi demo vpn --html page.html
      esi demo vpn --keep
    """
    _run(VpnStory, **wish)


@demo.command("load-balancer")
@_options
def load_balancer(**wish: Any) -> None:
    """Create a load balancer: a server, its ports, its configured appliance; then delete it, and nothing is left.

    With --keep it is not deleted.

    \b
    Examples:
      esi demo load-balancer
      esi demo load-balancer --flow 2018 --json facts.json
      esi demo load-balancer --html page.html
      esi demo load-balancer --keep
    """
    _run(BalancerStory, **wish)


def _run(make: Callable[[Stage], Story], *, folder: Path | None, **wish: Any) -> None:
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise click.BadParameter(f"{folder} is not empty: the story begins with an empty ring", param_hint="--folder")
    click.get_current_context().exit(asyncio.run(_interruptible(make, Wish(folder=folder, **wish))))


async def _interruptible(make: Callable[[Stage], Story], wish: Wish) -> int:
    """SIGTERM ends it as Ctrl-C does: the children are ended first."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await _whole(make, wish)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


async def _whole(make: Callable[[Stage], Story], wish: Wish) -> int:
    clock = SystemClock()
    screen = Screen(clock)
    began = clock.monotonic()
    folder = (wish.folder or Path(tempfile.mkdtemp(prefix="esi-demo-"))).absolute()
    for needed in (folder, wish.page.absolute().parent if wish.page is not None else folder):
        needed.mkdir(parents=True, exist_ok=True)
    try:
        async with Children(folder) as children:
            stage = Stage(children, screen, flow=wish.flow, clock=clock)
            story = make(stage)
            held = await _told(story, wish)
            if wish.facts is not None:
                wish.facts.write_text(as_json(stage.as_facts(held=held) | story.as_facts()) + "\n")
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


async def _told(story: Story, wish: Wish) -> bool:
    """Whether everything held; if not, what did not is on the screen, with the last words of the processes."""
    stage = story.stage
    screen, children = stage.screen, stage.children
    try:
        async with Tasks("demo") as tasks:
            loading = tasks.start("load", asyncio.to_thread(_load))  # while the processes come up
            await story.start()
            await loading
        async with Client(stage.facts["api"], clock=stage.clock) as client:
            await story.tell(client, wish.page, keep=wish.keep)
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
    for item in stage.expectations.all:
        screen.judged(item.text, item.held, item.seen)
    if stage.expectations.failed:
        _last_words(children, screen)
        return False
    return True


def _last_words(children: Children, screen: Screen) -> None:
    for name in children.logs():
        if tail := children.tail(name):
            screen.heading(f"the last words of `esi {name}`")
            screen.lines(tail.splitlines(), indent=2)


def _next(story: Story, wish: Wish) -> list[str]:
    if wish.keep:
        return [*story.ways(), f"# logs in {story.stage.children.folder}; Ctrl-C ends it all"]
    other, command = "2018" if wish.flow == "2017" else "2017", f"esi demo {story.command}"
    lines = {
        f"{command} --flow {other}": "the other recorded generation",
        f"{command} --keep": "the same, and the ring stays for you to look around",
        "esi dev": "a ring of your own",
    }
    wide = max(map(len, lines)) + 4
    return [f"{typed:{wide}}{what}" for typed, what in lines.items()]


def _load() -> None:
    """The SSH library, which takes as long to load as a process to come up."""
    import asyncssh  # noqa: F401
