"""Sockets that a service manager has opened: found by name, listened on by a copy."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from esi.runtime.service.sockets import inherited, listening

CHILD = """
import json, os, sys
from esi.errors import SettingsError
from esi.runtime.service.sockets import inherited
told = json.loads(sys.argv[1])
if "LISTEN_PID" not in told:
    told["LISTEN_PID"] = str(os.getpid())
try:
    found = inherited(told)
    print(json.dumps({name: one.getsockname()[1] for name, one in found.items()}))
except SettingsError as error:
    print(json.dumps(str(error)))
"""


def handed_over(told: dict[str, str], *sockets: socket.socket) -> object:
    """What a process finds that was started with these descriptors from number 3 on."""
    script = 'exec "$@"'
    for number, one in enumerate(sockets):
        script = f"exec {3 + number}<&{one.fileno() + 100}; " + script
    high = [os.dup2(one.fileno(), one.fileno() + 100) for one in sockets]
    try:
        done = subprocess.run(
            ["bash", "-c", script, "bash", sys.executable, "-c", CHILD, json.dumps(told)],
            pass_fds=high,
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3] / "src")},
        )
    finally:
        for number in high:
            os.close(number)
    return json.loads(done.stdout)


def test_each_socket_is_found_by_the_name_of_its_door() -> None:
    with listening("127.0.0.1", 0) as first, listening("127.0.0.1", 0) as second:
        for one in (first, second):
            one.listen()
        ports = [one.getsockname()[1] for one in (first, second)]
        told = {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "api:esi-neutron.socket"}
        assert handed_over(told, first, second) == {"api": ports[0], "neutron": ports[1]}


def test_sockets_of_another_process_are_left_alone() -> None:
    with listening("127.0.0.1", 0) as one:
        one.listen()
        told = {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "api"}
        assert handed_over({**told, "LISTEN_PID": "1"}, one) == {}
    assert inherited({}) == {}


@pytest.mark.parametrize(("names", "words"), [("", "has no name"), ("api:api", "two sockets")])
def test_a_socket_that_cannot_be_told_from_others_is_refused(names: str, words: str) -> None:
    with listening("127.0.0.1", 0) as first, listening("127.0.0.1", 0) as second:
        for one in (first, second):
            one.listen()
        count = str(len(names.split(":")))
        assert words in str(handed_over({"LISTEN_FDS": count, "LISTEN_FDNAMES": names}, first, second))


def test_what_does_not_listen_is_refused() -> None:
    with listening("127.0.0.1", 0) as one:
        assert "no listening" in str(handed_over({"LISTEN_FDS": "1", "LISTEN_FDNAMES": "api"}, one))


def test_a_copy_that_is_closed_leaves_the_door_open() -> None:
    with listening("127.0.0.1", 0) as given:
        given.listen()
        listening("127.0.0.1", 1, given).close()
        with socket.create_connection(given.getsockname(), timeout=5):
            pass
