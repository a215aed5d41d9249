"""All etcd keys of the system, built and parsed in one place; who writes which is answered by a search for the name.

`<path>` is a resource's API path: prefix + plural + id, e.g. `/v2.0/vpn_interfaces/<id>`. One leading slash everywhere.

    /config<path>                  sync.writer   what is wanted: {body, version, marked_for_deletion}
    /state<path>                   work, jobs    what is known: {state, version, error}
    /monitoring<path>              agent         what is seen: {<key>: value, version}
    /job_manager_id                jobs          the elected master, under its lease
    /esi-worker/config<path>       jobs          last accepted config: {body, version, deleted}
    /esi-worker/accepted           jobs          up to which revision of /config all is accepted: {revision}
    /esi-worker/job_state<path>    work          results so far of a resource's running workflow
    /esi-worker/heat_stacks<path>  heat          stack record with outputs
    /jobs/all/<job id>             jobs          [handler, body, retries]
    /jobs/waiting/<job id>         jobs          handler name, while a dependency is open
    /jobs/ready/<job id>           jobs          handler name, until a worker claims it
    /jobs/working/<job id>         work          the claim, under the worker's lease
    /jobs/finished/<job id>        work          how it ended, until the master has consumed it
    /gohan/cluster/sync            sync          the elected sync leader, under its lease
    /gohan/cluster/taken           sync          up to where all reports are taken in: {revisions, schemas, word}
    /esi-worker/stacks/<name>      stacks        the embedded engine's record of one stack
    /esi-worker/stacks/<name>/made  stacks       what it is made from: {description, parameters, template}, zlib
    /esi-worker/devices/<ip>       devices       the owner of one device, under its lease: {lease, process, held}
    /esi-worker/sessions/<ip>      devices       session ids of that device's owners, newest last; outlives their leases
    /esi-worker/intents/<ip>/<seq>  devices      an intent for the device of another worker, under the caller's lease
    /esi-worker/intents/<ip>/done/<seq>  devices  how it ended, under the caller's lease, until the caller has read it
    /esi-worker/targets/<id>       agent         what is to be watched; outlives every agent
    /esi-worker/agents/<name>      agent         one collector agent and where it is reached, under its lease
    /esi-worker/dropped<path>      sync.writer   deleted by force: {version}, until the master has dropped it, too
    /esi-worker/effects/<seq>      sync.writer   an effect to be done once the transaction stands
    /esi-worker/mappings<path>/<id>  monitoring  what stands for a resource outside: one row, until sync has its end
    /esi-worker/topics/<topic>     bus           which of a topic's messages are kept: {first, last}
    /esi-worker/topics/<topic>/<n>  bus  one message: {key, value, at}
    /esi-worker/groups/<topic>/<g>  bus  how far a group of consumers has come: a message's number
    /esi-worker/consumers/<topic>/<g>  bus  the one consumer of a group that is served, under its lease
    /esi-worker/rejected/<topic>/<g>/<n>  bus  a message that a group could not take, with its reason
"""

from __future__ import annotations

from collections.abc import Callable

from esi.model.resource import Ref

CONFIG = "/config"
STATE = "/state"
MONITORING = "/monitoring"
WORKER_CONFIG = "/esi-worker/config"
ACCEPTED = "/esi-worker/accepted"
JOB_STATE = "/esi-worker/job_state"
HEAT_STACKS = "/esi-worker/heat_stacks"
STACKS = "/esi-worker/stacks/"
DEVICES = "/esi-worker/devices/"
SESSIONS = "/esi-worker/sessions/"
INTENTS = "/esi-worker/intents/"
TARGETS = "/esi-worker/targets/"
AGENTS = "/esi-worker/agents/"
EFFECTS = "/esi-worker/effects/"
DROPPED = "/esi-worker/dropped"
MAPPINGS = "/esi-worker/mappings"
TOPICS = "/esi-worker/topics/"
GROUPS = "/esi-worker/groups/"
CONSUMERS = "/esi-worker/consumers/"
REJECTED = "/esi-worker/rejected/"
JOBS = "/jobs/"
JOBS_ALL = "/jobs/all/"
JOBS_WAITING = "/jobs/waiting/"
JOBS_READY = "/jobs/ready/"
JOBS_WORKING = "/jobs/working/"
JOBS_FINISHED = "/jobs/finished/"
MASTER = "/job_manager_id"
SYNC_LEADER = "/gohan/cluster/sync"
TAKEN = "/gohan/cluster/taken"
HEAT_TEMPLATES = "/config/v2.0/heat_templates/"

Key = Callable[[str], str]
"""A tree's key for a path, an id or a name: what stands behind the tree."""

config_key: Key = CONFIG.__add__
state_key: Key = STATE.__add__
monitoring_key: Key = MONITORING.__add__
worker_config_key: Key = WORKER_CONFIG.__add__
job_state_key: Key = JOB_STATE.__add__
heat_stack_key: Key = HEAT_STACKS.__add__
stack_key: Key = STACKS.__add__
device_key: Key = DEVICES.__add__
sessions_key: Key = SESSIONS.__add__
target_key: Key = TARGETS.__add__
agent_key: Key = AGENTS.__add__
dropped_key: Key = DROPPED.__add__
topic_key: Key = TOPICS.__add__
job_all_key: Key = JOBS_ALL.__add__
job_waiting_key: Key = JOBS_WAITING.__add__
job_ready_key: Key = JOBS_READY.__add__
job_working_key: Key = JOBS_WORKING.__add__
job_finished_key: Key = JOBS_FINISHED.__add__


def stack_name(ref: Ref) -> str:
    """`<schema>_<id>`: a resource's stack is named after its schema, not after its template."""
    return f"{ref.schema}_{ref.id}"


def stack_made_key(name: str) -> str:
    return f"{STACKS}{name}/made"


def intents_key(ip: str) -> str:
    """The tree of all intents and answers for one device."""
    return f"{INTENTS}{ip}/"


def intent_key(ip: str, sequence: str) -> str:
    return f"{INTENTS}{ip}/{sequence}"


def intent_done_key(ip: str, sequence: str) -> str:
    return f"{INTENTS}{ip}/done/{sequence}"


def effect_key(sequence: int) -> str:
    return f"{EFFECTS}{sequence:016d}"


def mappings_prefix(path: str) -> str:
    """All rows of one resource."""
    return f"{MAPPINGS}{path}/"


def mapping_key(path: str, row_id: str) -> str:
    return f"{MAPPINGS}{path}/{row_id}"


def message_key(topic: str, number: int) -> str:
    return f"{TOPICS}{topic}/{number:016d}"


def group_key(topic: str, group: str) -> str:
    return f"{GROUPS}{topic}/{group}"


def consumer_key(topic: str, group: str) -> str:
    return f"{CONSUMERS}{topic}/{group}"


def rejected_key(topic: str, group: str, number: int) -> str:
    return f"{REJECTED}{topic}/{group}/{number:016d}"


def parse_path(key: str, tree: str) -> str:
    """The API path in a key of `tree` (CONFIG, STATE, …)."""
    return key[len(tree) :]


def parse_job(key: str) -> str:
    """The job id in any `/jobs/*/` key."""
    return key.rsplit("/", 1)[1]
