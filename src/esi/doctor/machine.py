"""This machine: Python and packages, room on the disk, how many files a process may open."""

from __future__ import annotations

import os
import re
import resource
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from esi.doctor.finding import Finding, Findings, ok, warn, wrong
from esi.doctor.ward import Ward

ABOUT = "machine"
OLDEST = (3, 11)
MEBIBYTE = 1024 * 1024
LEAST_BYTES, FEW_BYTES = 256 * MEBIBYTE, 1024 * MEBIBYTE
LEAST_SHARE, FEW_SHARE = 0.02, 0.10
"""Of the inodes."""

FILES = 4096


async def ask(ward: Ward) -> Findings:
    return [*_python(), *_packages(), *_disk(ward.folder), *_files()]


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST:
        yield wrong(ABOUT, "python", f"Python {version} is too old", "install Python 3.11 or newer")
    else:
        yield ok(ABOUT, "python", f"Python {version}")


def _packages() -> Iterator[Finding]:
    """What our own package asks for, and what is there."""
    try:
        wanted = metadata.requires("esi") or []
    except metadata.PackageNotFoundError:
        yield warn(ABOUT, "packages", "esi itself is not installed, it runs from its source", "pip install it")
        return
    bad = [words for text in wanted if "extra ==" not in text and (words := _unmet(text))]
    for words in bad:
        yield wrong(ABOUT, "packages", words, "pip install --require-hashes -r requirements.lock")
    if not bad:
        yield ok(ABOUT, "packages", "every package that is needed is there")


def _unmet(text: str) -> str:
    """What is wrong with one requirement such as `aiohttp>=3.14`; "" when nothing is."""
    name, relation, version = re.match(r"([\w.-]+)\s*(>=|==)?\s*([\w.]*)", text).groups()  # type: ignore[union-attr]
    try:
        there = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"the package {name} is not installed"
    if relation and (
        _numbers(there) < _numbers(version) or (relation == "==" and _numbers(there) != _numbers(version))
    ):
        return f"{name} {there} is installed, {text} is needed"
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _disk(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        yield wrong(ABOUT, str(folder), f"the ring's folder {folder} is not there", "correct ring.folder, or make it")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield wrong(
            ABOUT, str(folder), f"{folder} cannot be written by this user", "give it to the user of the services"
        )
    found = os.statvfs(folder)
    free, share = found.f_bavail * found.f_frsize, found.f_favail / found.f_files if found.f_files else 1.0
    size = f"{free // MEBIBYTE} MiB"
    if free < LEAST_BYTES:
        yield wrong(
            ABOUT, "disk", f"{folder} has {size} left: the database will soon take no writes", "make room there"
        )
    elif free < FEW_BYTES:
        yield warn(ABOUT, "disk", f"{folder} has {size} left", "make room there before it is full")
    else:
        yield ok(ABOUT, "disk", f"{folder} has {size} left")
    if share < LEAST_SHARE:
        yield wrong(ABOUT, "inodes", f"{folder} has {share:.0%} of its inodes left", "delete what has many small files")
    elif share < FEW_SHARE:
        yield warn(ABOUT, "inodes", f"{folder} has {share:.0%} of its inodes left", "delete what has many small files")


def _files() -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES:
        words = f"a process of this user may open {soft} files; an API with many who wait needs more"
        yield warn(ABOUT, "open files", words, f"LimitNOFILE={FILES} in the unit, or ulimit -n {FILES}")
