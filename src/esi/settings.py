"""Every setting, in groups, with its help beside it. Where values come from: esi.environment.

Rooms never see Settings: bootstrap passes plain arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from esi.telemetry import Secret

NO_SECRET = Secret("")


def setting(default: Any, help: str, *, choices: tuple[str, ...] = ()) -> Any:
    """A field with its help; `choices` lists the words it may be."""
    return field(default=default, metadata={"help": help, "choices": choices})


@dataclass(frozen=True)
class Ring:
    """What kind of ring this is."""

    folder: str = setting("var/esi", "Folder of the ring: database, etcd's data, host keys.")
    flow: str = setting("2017", "Which recorded template set the services use.", choices=("2017", "2018"))
    monitoring: str = setting("agent", "Who watches: the collector agent, or nobody.", choices=("agent", "none"))
    pending_seconds: float = setting(600.0, "How long a change may be pending, beyond its template's heat_timeout.")
    age_seconds: float = setting(300.0, "How long a look at a device counts; what was seen earlier is unknown.")
    recorded_quirks: bool = setting(False, "Repeat the recorded system's own faults (docs/compatibility.md).")
    services: str = setting("", "Folder with services of your own: docs/howto/add-a-service.md.")
    inventory: str = setting("", "YAML file: management address to host, port and pinned host key. Empty: the lab's.")


@dataclass(frozen=True)
class Api:
    """The HTTP API."""

    host: str = setting("127.0.0.1", "Address to listen on.")
    port: int = setting(9091, "Port to listen on; 0 takes a free one.")
    token_file: str = setting("", "YAML file of tokens; empty: everybody is the administrator.")


@dataclass(frozen=True)
class Database:
    """Where the rows are."""

    url: str = setting("", "PostgreSQL, as postgresql://user@host:5432/name; empty: SQLite in the ring's folder.")
    password: Secret = setting(NO_SECRET, "That user's password.")
    connections: int = setting(10, "How many connections each process of API or sync holds at most.")
    ca_file: str = setting(
        "", "PEM file of the authority that judges PostgreSQL's certificate; empty: as the URL says."
    )
    cert_file: str = setting("", "PEM file of our client certificate.")
    key_file: str = setting("", "PEM file of its key.")
    expand: bool = setting(True, "Add what is missing at the start; false: refuse to, until `esi db migrate` has run.")


@dataclass(frozen=True)
class Etcd:
    """The key-value store."""

    endpoints: str = setting("", "Comma list of host:port; empty: a child etcd in the ring's folder.")
    port: int = setting(0, "Port of the child etcd; 0 takes a free one.")
    user: str = setting("", "User name, if etcd asks for one.")
    password: Secret = setting(NO_SECRET, "That user's password.")
    ca_file: str = setting("", "PEM file of the authority that signed etcd's certificate; empty: no TLS.")
    cert_file: str = setting("", "PEM file of our client certificate.")
    key_file: str = setting("", "PEM file of its key.")


@dataclass(frozen=True)
class Bus:
    """The message bus: topics that tell collector agents what is to be watched."""

    kind: str = setting("kv", "Where topics are: kept in etcd, or in Kafka.", choices=("kv", "kafka"))
    servers: str = setting("", "Kafka: comma list of host:port of its brokers.")
    user: str = setting("", "Kafka: user name, if it asks for one.")
    password: Secret = setting(NO_SECRET, "Kafka: that user's password.")
    mechanism: str = setting(
        "SCRAM-SHA-512",
        "Kafka: how user and password are sent.",
        choices=("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"),
    )
    ca_file: str = setting("", "Kafka: PEM file of the authority that signed its certificates; empty: no TLS.")
    cert_file: str = setting("", "Kafka: PEM file of our client certificate.")
    key_file: str = setting("", "Kafka: PEM file of its key.")
    partitions: int = setting(4, "Kafka: partitions of a topic that we make; one key's messages stay in order.")
    replication: int = setting(3, "Kafka: on how many brokers a topic lies that we make.")
    keep_hours: float = setting(24.0, "Kafka: how long messages are kept in a topic that we make; rejected ones stay.")


@dataclass(frozen=True)
class Worker:
    """The workers."""

    slots: int = setting(1000, "Jobs in flight per process; a waiting job holds no slot.")
    lease_seconds: float = setting(3.0, "How long a dead process keeps what it held (the recorded system: 60).")
    idle_seconds: float = setting(30.0, "A device session is closed after this long without work.")


@dataclass(frozen=True)
class Orchestration:
    """Heat's read API over the stacks."""

    host: str = setting("127.0.0.1", "Address of Heat's read API.")
    port: int = setting(8004, "Its port; 0 takes a free one.")
    url: str = setting("", "How others reach it; empty: its host and port.")


@dataclass(frozen=True)
class Neutron:
    """Neutron's API, served beside the API."""

    host: str = setting("127.0.0.1", "Address of Neutron's API.")
    port: int = setting(0, "Its port, 9998 in the recorded system; 0: not served, in `esi dev` a free one.")
    url: str = setting("", "How others reach it; empty: its host and port.")


@dataclass(frozen=True)
class Keystone:
    """The Keystone that says who is calling."""

    url: str = setting("", "Keystone that the API and Heat ask about tokens, with its /v3; empty: none is asked.")
    user: str = setting("esi", "Our own user there: an administrator's or a service's.")
    password: Secret = setting(NO_SECRET, "That user's password.")
    project: str = setting("service", "The project of our own login.")
    domain: str = setting("Default", "The domain of our user and project.")
    cache_seconds: float = setting(60.0, "How long an answer counts; a revoked token is refused after this.")
    stale_seconds: float = setting(300.0, "How much longer it counts while Keystone does not answer.")
    lab_port: int = setting(0, "Port of the lab's Keystone, which knows the users of api.token_file; 0: a free one.")


@dataclass(frozen=True)
class Contrail:
    """The Contrail that makes logical networks."""

    url: str = setting("", "Its config API, as http://host:8082; empty: the lab's.")
    analytics_url: str = setting("", "Its analytics API, as http://host:8081; empty: the lab's.")
    auth_url: str = setting("", "Keystone that gives tokens for both; empty: no token is sent.")
    user: str = setting("esi", "Our user there.")
    password: Secret = setting(NO_SECRET, "That user's password.")
    project: str = setting("service", "The project of our login.")
    domain: str = setting("Default", "The domain of our user and project.")


@dataclass(frozen=True)
class Compute:
    """The OpenStack that runs virtual machines."""

    auth_url: str = setting("", "Its Keystone, as http://host:5000; empty: the lab's.")
    user: str = setting("esi", "Our user there, with a role in each tenant's project, and an administrator in our own.")
    password: Secret = setting(NO_SECRET, "That user's password.")
    project: str = setting("service", "Our own project, for what is told to Nova itself.")
    domain: str = setting("Default", "The domain of our user and project.")
    region: str = setting("", "Region of the catalogue; empty: whichever comes first.")
    url: str = setting("", "Nova's address with its version; empty: from the catalogue.")
    image_url: str = setting("", "Glance's address; empty: from the catalogue.")


@dataclass(frozen=True)
class Heat:
    """The OpenStack Heat that makes stacks in place of the embedded engine."""

    auth_url: str = setting("", "Keystone that Heat asks, as http://host:5000; empty: the embedded engine makes them.")
    user: str = setting("esi", "Our user there.")
    password: Secret = setting(NO_SECRET, "That user's password.")
    project: str = setting("service", "The project that all stacks belong to.")
    domain: str = setting("Default", "The domain of our user and project.")
    region: str = setting("", "Region of the catalogue; empty: whichever comes first.")
    url: str = setting("", "Heat's address with version and project; empty: from the catalogue.")
    api_url: str = setting("", "Inside heat-engine: where our API is; empty: the one that runs in the same folder.")
    api_token: Secret = setting(NO_SECRET, "Inside heat-engine: a token with which it may look at every resource.")


@dataclass(frozen=True)
class Devices:
    """The door to the owners of devices, for resource types inside heat-engine."""

    host: str = setting("127.0.0.1", "Address of the door.")
    port: int = setting(9096, "Its port; 0 takes a free one. Served where stacks are made by Heat.")
    url: str = setting("", "How heat-engine reaches it; empty: its host and port.")
    token: Secret = setting(NO_SECRET, "What every request to it must carry as X-Auth-Token; empty: nothing.")


@dataclass(frozen=True)
class Agent:
    """The collector agent."""

    host: str = setting("127.0.0.1", "Address of its REST door.")
    port: int = setting(7070, "Its port; 0 takes a free one.")
    url: str = setting("", "How others reach it; empty: its host and port.")
    token: Secret = setting(NO_SECRET, "What every request to it must carry as X-Auth-Token; empty: nothing.")
    interval_seconds: float = setting(60.0, "Longest pause between two looks; at most a fifth of ring.age_seconds.")


@dataclass(frozen=True)
class Metrics:
    """Where the numbers go that the collector agent sees."""

    url: str = setting("", "An OpenTSDB, as http://host:4242, that takes them by /api/put; empty: kept local only.")
    waiting_points: int = setting(100_000, "How many wait while it is away, 200 bytes each; then the oldest go.")


@dataclass(frozen=True)
class Trace:
    """The flight recorder."""

    on: bool = setting(True, "Record what goes over every port, for `esi trace`.")
    megabytes: float = setting(64.0, "How much each process keeps until it is sent, and the API in all; the oldest go.")
    hours: float = setting(72.0, "How long messages are kept.")
    url: str = setting("", "The API that keeps them; empty: the one that runs in the same folder.")
    token: Secret = setting(NO_SECRET, "Token with which they are sent; its role there must be `worker` or `admin`.")


@dataclass(frozen=True)
class Health:
    """How a process tells that it is well."""

    host: str = setting("127.0.0.1", "Address of the door of each process: /livez, /readyz, /metrics.")
    port: int = setting(0, "Its port; 0 takes a free one. Give each process of a machine its own, if it is given.")
    doors: str = setting("", "Comma list of URLs: the doors of processes on other machines, for `esi doctor`.")
    stop_seconds: float = setting(10.0, "How long a process may take to end well when it is told to; then it is gone.")


@dataclass(frozen=True)
class Lab:
    """The virtual devices."""

    host: str = setting("127.0.0.1", "Loopback address to listen on.")
    ports: str = setting("", "Comma list of ports, one per device; empty: free ones.")
    commit_seconds: float = setting(0.0, "How long a commit takes on a virtual router.")
    settle_seconds: float = setting(0.5, "How long a virtual BGP session takes to come up once both ends agree.")
    contrail_port: int = setting(0, "Port of the lab's Contrail; 0 takes a free one.")
    analytics_port: int = setting(0, "Port of its analytics; 0 takes a free one.")
    nova_port: int = setting(0, "Port of the lab's Nova; 0 takes a free one.")
    glance_port: int = setting(0, "Port of the lab's Glance; 0 takes a free one.")
    build_seconds: float = setting(0.2, "How long the lab's Nova takes to build a server; other work takes half of it.")
    boot_seconds: float = setting(1.0, "How long a lab appliance is away when it starts.")
    vif_plugging_timeout: float = setting(300.0, "How long it waits for a new server's port to be plugged; 0: not.")


@dataclass(frozen=True)
class Settings:
    """All groups. `origin` tells where each value that is not a default came from."""

    ring: Ring = field(default_factory=Ring)
    api: Api = field(default_factory=Api)
    database: Database = field(default_factory=Database)
    etcd: Etcd = field(default_factory=Etcd)
    bus: Bus = field(default_factory=Bus)
    worker: Worker = field(default_factory=Worker)
    orchestration: Orchestration = field(default_factory=Orchestration)
    neutron: Neutron = field(default_factory=Neutron)
    keystone: Keystone = field(default_factory=Keystone)
    contrail: Contrail = field(default_factory=Contrail)
    compute: Compute = field(default_factory=Compute)
    heat: Heat = field(default_factory=Heat)
    devices: Devices = field(default_factory=Devices)
    agent: Agent = field(default_factory=Agent)
    metrics: Metrics = field(default_factory=Metrics)
    trace: Trace = field(default_factory=Trace)
    health: Health = field(default_factory=Health)
    lab: Lab = field(default_factory=Lab)
    origin: Mapping[str, str] = field(default_factory=dict)


GROUPS = tuple(item.name for item in fields(Settings) if item.name != "origin")
