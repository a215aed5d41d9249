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
HEAT_TEMPLATES = "/config/v2.0/heat_templates/"


def config_key(path: str) -> str:
    return CONFIG + path


def state_key(path: str) -> str:
    return STATE + path


def monitoring_key(path: str) -> str:
    return MONITORING + path


def worker_config_key(path: str) -> str:
    return WORKER_CONFIG + path


def job_state_key(path: str) -> str:
    return JOB_STATE + path


def heat_stack_key(path: str) -> str:
    return HEAT_STACKS + path


def stack_name(ref: Ref) -> str:
    """`<schema>_<id>`: a resource's stack is named after its schema, not after its template."""
    return f"{ref.schema}_{ref.id}"


def stack_key(name: str) -> str:
    return STACKS + name


def stack_made_key(name: str) -> str:
    return f"{STACKS}{name}/made"


def device_key(ip: str) -> str:
    return DEVICES + ip


def sessions_key(ip: str) -> str:
    return SESSIONS + ip


def intents_key(ip: str) -> str:
    """The tree of all intents and answers for one device."""
    return f"{INTENTS}{ip}/"


def intent_key(ip: str, sequence: str) -> str:
    return f"{INTENTS}{ip}/{sequence}"


def intent_done_key(ip: str, sequence: str) -> str:
    return f"{INTENTS}{ip}/done/{sequence}"


def target_key(id: str) -> str:
    return TARGETS + id


def agent_key(name: str) -> str:
    return AGENTS + name


def dropped_key(path: str) -> str:
    return DROPPED + path


def effect_key(sequence: int) -> str:
    return f"{EFFECTS}{sequence:016d}"


def mappings_prefix(path: str) -> str:
    """All rows of one resource."""
    return f"{MAPPINGS}{path}/"


def mapping_key(path: str, row_id: str) -> str:
    return f"{MAPPINGS}{path}/{row_id}"


def topic_key(topic: str) -> str:
    return TOPICS + topic


def message_key(topic: str, number: int) -> str:
    return f"{TOPICS}{topic}/{number:016d}"


def group_key(topic: str, group: str) -> str:
    return f"{GROUPS}{topic}/{group}"


def consumer_key(topic: str, group: str) -> str:
    return f"{CONSUMERS}{topic}/{group}"


def rejected_key(topic: str, group: str, number: int) -> str:
    return f"{REJECTED}{topic}/{group}/{number:016d}"


def job_all_key(job_id: str) -> str:
    return JOBS_ALL + job_id


def job_waiting_key(job_id: str) -> str:
    return JOBS_WAITING + job_id


def job_ready_key(job_id: str) -> str:
    return JOBS_READY + job_id


def job_working_key(job_id: str) -> str:
    return JOBS_WORKING + job_id


def job_finished_key(job_id: str) -> str:
    return JOBS_FINISHED + job_id


def parse_path(key: str, tree: str) -> str:
    """The API path in a key of `tree` (CONFIG, STATE, …)."""
    return key[len(tree) :]


def parse_job(key: str) -> str:
    """The job id in any `/jobs/*/` key."""
    return key.rsplit("/", 1)[1]
