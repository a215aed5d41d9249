"""OpenStack's own Nova for tests, with Placement, MariaDB and RabbitMQ: children of the tests, on loopback.

Its servers run on Nova's fake driver; those with an appliance's image are appliances of the lab (peers/racked.py).
Neutron and Glance are those of the ring that is given.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from esi.testing.openstack import ACCOUNT, ADMIN, PATIENCE_SECONDS, PEERS, Keystone, Peer
from esi.testing.ports import free_ports

DATABASES = ("nova", "nova_api", "nova_cell0", "placement")
JOINED = "Join ServiceGroup membership"
"""What each of Nova's services says, at debug, when it has begun."""

RABBIT = "/usr/lib/rabbitmq/bin/rabbitmq-server"


class MariaDb(Peer):
    ready = "ready for connections"

    def __init__(self, folder: Path) -> None:
        self.port, self.socket = free_ports()[0], folder / "sock"
        data = folder / "data"
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", "--user=root"]
        _run([*install, "--auth-root-authentication-method=normal"])
        place = [f"--datadir={data}", f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1"]
        fast = ["--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--max-connections=500", "--user=root"]
        words = " ".join(["mariadbd", "--no-defaults", *place, *fast])
        super().__init__(["sh", "-c", f"exec {words} 2>&1"], folder, {})

    def make(self, names: tuple[str, ...]) -> None:
        lines = [f"CREATE DATABASE {name} CHARACTER SET utf8mb4;" for name in names]
        lines.append(f"CREATE USER os@'127.0.0.1' IDENTIFIED BY '{ADMIN}'; GRANT ALL ON *.* TO os@'127.0.0.1';")
        _run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-u", "root", "-e", " ".join(lines)])

    def url(self, name: str) -> str:
        return f"mysql+pymysql://os:{ADMIN.replace(' ', '%20')}@127.0.0.1:{self.port}/{name}?charset=utf8"


class RabbitMq(Peer):
    ready = "completed with"

    def __init__(self, folder: Path) -> None:
        self.port, self._epmd, self._pid = free_ports()[0], free_ports()[0], folder / "pid"
        environment = {
            "RABBITMQ_NODENAME": f"esi{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_ports()[0]),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(self._pid),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd),
        }
        super().__init__([RABBIT], folder, environment)

    def kill(self) -> None:
        """With what its script has started: the broker itself, and the port mapper beside it."""
        if self._pid.exists():
            os.kill(int(self._pid.read_text()), signal.SIGKILL)
        super().kill()
        found = {"PATH": "/usr/bin:/bin", "ERL_EPMD_PORT": str(self._epmd), "ERL_EPMD_ADDRESS": "127.0.0.1"}
        subprocess.run(["epmd", "-kill"], env=found, capture_output=True, check=False)


class Service(Peer):
    """One that says in its log when it has begun: the log goes to our pipe."""

    def __init__(self, ready: str, command: list[str | Path], folder: Path, environment: Mapping[str, str]) -> None:
        self.ready = ready
        words = " ".join(map(str, command))
        super().__init__(["sh", "-c", f"exec {words} 2>&1"], folder, environment)


NOVA = """[DEFAULT]
transport_url = rabbit://guest:guest@127.0.0.1:{rabbit}/
host = rack
my_ip = 127.0.0.1
compute_driver = racked.RackDriver
state_path = {folder}/state
instances_path = {folder}/state/instances
force_config_drive = false
vif_plugging_is_fatal = true
vif_plugging_timeout = 60
osapi_compute_workers = 1
use_stderr = true
[database]
connection = {nova}
[api_database]
connection = {nova_api}
[oslo_concurrency]
lock_path = {folder}/state
[scheduler]
workers = 1
[conductor]
workers = 1
[oslo_policy]
enforce_scope = false
enforce_new_defaults = false
[keystone_authtoken]
www_authenticate_uri = {keystone}/v3
{account}
service_token_roles_required = false
[service_user]
send_service_user_token = false
[placement]
endpoint_override = http://127.0.0.1:{placement_port}
{account}
[neutron]
endpoint_override = {neutron}
{account}
[glance]
endpoint_override = {glance}
{account}
[cinder]
endpoint_override = http://127.0.0.1:9/v3/%(project_id)s
{account}
[wsgi]
api_paste_config = {paste}
"""
PLACEMENT = """[placement_database]
connection = {placement}
sync_on_startup = true
[oslo_policy]
enforce_scope = false
enforce_new_defaults = false
[keystone_authtoken]
www_authenticate_uri = {keystone}/v3
{account}
service_token_roles_required = false
"""


@dataclass(frozen=True)
class Around:
    """What a Nova stands in. `rack` is the control door of the lab that its servers run in."""

    keystone: Keystone
    neutron: str
    glance: str
    rack: Path


@contextmanager
def running_nova(python: Path, around: Around) -> Iterator[str]:
    """Nova's URL with its version; it stands in Keystone's catalogue, as Placement does."""
    keystone, port, placement_port = around.keystone, free_ports()[0], free_ports()[0]
    with tempfile.TemporaryDirectory(prefix="esi-nova-", ignore_cleanup_errors=True) as made, ExitStack() as stack:
        folders = {name: Path(made, name) for name in ("db", "mq", "nova")}
        for one in folders.values():
            one.mkdir()
        folder = folders["nova"]
        (folder / "state" / "instances").mkdir(parents=True)
        database, rabbit = MariaDb(folders["db"]), RabbitMq(folders["mq"])
        for peer in (database, rabbit):
            peer.start()
            stack.callback(peer.kill)
        database.make(DATABASES)
        facts = {name: database.url(name) for name in DATABASES}
        facts |= {"folder": str(folder), "keystone": keystone.url, "rabbit": str(rabbit.port)}
        facts |= {"placement_port": str(placement_port), "neutron": around.neutron, "glance": around.glance}
        facts |= {"account": ACCOUNT.format(keystone=keystone.url, password=ADMIN)}
        paste = python.parent.parent / "etc" / "nova" / "api-paste.ini"
        (folder / "nova.conf").write_text(NOVA.format(**facts, paste=paste))
        (folder / "placement.conf").write_text(PLACEMENT.format(**facts))
        told = (("compute", f"http://127.0.0.1:{port}/v2.1"), ("placement", f"http://127.0.0.1:{placement_port}"))
        for type, url in told:
            stack.callback(keystone.forget, keystone.tell(type, url))
        _manage(python, folder)
        for service in _services(python, folder, around, (port, placement_port)):
            service.start()
            stack.callback(service.kill)
        _run([*_nova_manage(python, folder), "cell_v2", "discover_hosts"])
        yield f"http://127.0.0.1:{port}/v2.1"


def _services(python: Path, folder: Path, around: Around, ports: tuple[int, int]) -> list[Peer]:
    api = {
        "OS_NOVA_CONFIG_DIR": "/",
        "OS_NOVA_CONFIG_FILES": f"{python.parent.parent}/etc/nova/api-paste.ini;{folder}/nova.conf",
    }
    config: list[str | Path] = ["--config-file", folder / "nova.conf"]
    tools = python.parent
    rack = {"RACK_SOCKET": str(around.rack)}
    return [
        Peer(
            [python, PEERS / "serve.py", "placement.wsgi.api", str(ports[1])],
            folder,
            {"OS_PLACEMENT_CONFIG_DIR": str(folder)},
        ),
        Service(JOINED, [python, tools / "nova-conductor", *config, "--debug"], folder, {}),
        Service(JOINED, [python, tools / "nova-scheduler", *config, "--debug"], folder, {}),
        Service(JOINED, [python, PEERS / "compute.py", *config, "--debug"], folder, rack),
        Peer([python, PEERS / "serve.py", "nova.wsgi.osapi_compute", str(ports[0])], folder, api),
    ]


def _nova_manage(python: Path, folder: Path) -> list[str]:
    return [str(python), str(python.with_name("nova-manage")), "--config-file", str(folder / "nova.conf")]


def _manage(python: Path, folder: Path) -> None:
    """Tables and cells."""
    command = _nova_manage(python, folder)
    for words in (
        ("api_db", "sync"),
        ("cell_v2", "map_cell0"),
        ("db", "sync"),
        ("cell_v2", "create_cell", "--name=one"),
    ):
        _run([*command, *words])


def _run(command: list[str]) -> None:
    found = shutil.which(command[0], path="/usr/sbin:/usr/bin:/sbin:/bin") or command[0]
    done = subprocess.run(
        [found, *command[1:]], capture_output=True, text=True, check=False, timeout=2 * PATIENCE_SECONDS
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {(done.stdout + done.stderr)[-3000:]}")
