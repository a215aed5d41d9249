"""Pages tell the truth: links lead somewhere, commands exist, the tour names what stands in the files it shows."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from docs.tree import ROOT, pages, tracked
from esi.cli.program import program

README = ROOT / "README.md"
TOUR = ROOT / "docs" / "tour.md"
ADRS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))

# each with a class of one letter, so that this file does not find itself
FOREIGN = re.compile(r"(?<!\w)/(?:wor[k]|roo[t]|hom[e]/\w+)/|pythonhoste[d]|registry\.npmj[s]|proxy\.golan[g]")


def anchors(page: Path) -> set[str]:
    """The anchors that headings make, as the usual renderers do."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def broken_links(page: Path) -> list[str]:
    """Relative links of a page that lead nowhere."""
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


def missing_paths(text: str) -> list[str]:
    """Files and folders of ours in backticks that are not there."""
    named = re.findall(r"`((?:src|tests|docs|scripts)/[\w/.-]*)`", text)
    return [path for path in named if not (ROOT / path).exists()]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def unknown_commands(text: str) -> list[str]:
    """`make x`, `esi x y` and `gohan x` in code of a page that do not exist."""
    code = re.findall(r"`([^`\n]+)`", text) + [line.strip() for line in re.findall(r"^ {4,}(.+)$", text, re.MULTILINE)]
    wrong = []
    for line in code:
        words = line.split()
        if words[0] == "make" and len(words) > 1 and words[1] not in targets():
            wrong.append(line)
        if words[0] in ("esi", "gohan") and len(words) > 1 and not runs(words[1:]):
            wrong.append(line)
    return wrong


def runs(words: list[str]) -> bool:
    """Whether the words lead to a command: as far as groups have fixed members."""
    command: click.Command = program
    context = click.Context(program)
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            return True
        found = command.get_command(context, word)
        if found is None:
            return not command.list_commands(context) or command.name == "client"
        command = found
        if command.name == "client":  # its members come from the server's schemas
            return True
    return True


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    assert unknown_commands(page.read_text()) == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_are_there(page: Path) -> None:
    assert missing_paths(page.read_text()) == []


def test_wrong_commands_and_links_are_seen(tmp_path: Path) -> None:
    assert unknown_commands("`make nothing` `make demo` `esi nothing` `esi demo vpn` `esi demo nothing`") == [
        "make nothing",
        "esi nothing",
        "esi demo nothing",
    ]
    assert missing_paths("`src/esi/nothing.py` `docs/tour.md` `tests/docs/`") == ["src/esi/nothing.py"]
    page = tmp_path / "page.md"
    page.write_text("# One head\n[a](page.md#one-head) [b](page.md#two) [c](none.md) [d](https://example.com/x)\n")
    assert broken_links(page) == ["page.md#two", "none.md"]


def test_readme_is_one_screen() -> None:
    lines = README.read_text().splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 140


def test_makefile_is_short_and_every_verb_has_its_line() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    assert len(lines) <= 60
    verbs = [line for line in lines if re.match(r"[a-z]+:", line)]
    assert [line for line in verbs if "  ## " not in line] == []


def test_no_foreign_host_or_path() -> None:
    wrong = []
    for file in tracked():
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        wrong += [f"{file.relative_to(ROOT)}: {found}" for found in sorted(set(FOREIGN.findall(text)))]
    assert wrong == []


def tour_stops() -> list[str]:
    return re.split(r"^## (?=\d+\. )", TOUR.read_text(), flags=re.MULTILINE)[1:]


def missing_names(stop: str) -> list[str]:
    """Files that a stop names and that are not there; names in backticks that stand in none of its files."""
    marked = re.findall(r"`([^`\n]+)`", stop)
    files = [word for word in marked if re.fullmatch(r"[\w/.]+\.(py|yaml|proto)", word)]
    missing = [name for name in files if not (ROOT / name).exists()]
    text = "".join((ROOT / name).read_text() for name in files if (ROOT / name).exists())
    names = [word.removesuffix("()") for word in marked if re.fullmatch(r"[A-Za-z_][\w.]*(\(\))?", word)]
    return missing + [name for name in names if name.rpartition(".")[2] not in text]


def test_tour_has_twelve_stops_of_a_screen() -> None:
    stops = tour_stops()
    assert len(stops) == 12
    assert [stop.splitlines()[0] for stop in stops if len(stop.splitlines()) > 40] == []


@pytest.mark.parametrize("stop", tour_stops(), ids=lambda stop: stop.partition(".")[0])
def test_tour_names_what_is_there(stop: str) -> None:
    assert re.search(r"`src/esi/[\w/.]+`", stop), "a stop has a file"
    assert missing_names(stop) == []


@pytest.mark.parametrize("page", ADRS, ids=lambda page: page.stem)
def test_decision_says_all_four_on_one_page(page: Path) -> None:
    text = page.read_text()
    heads = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert heads == ["Context", "Choice", "Turned down", "What it costs"]
    assert len(text.splitlines()) <= 60
    assert f"]({page.name})" in (page.parent / "README.md").read_text()
