"""What a workflow's result looks like to the world: job_state on the way, /state at the end. Pure.

The jobs of one workflow leave what they found in the resource's job_state; the last one turns it into /state. A job
that fails for good ends its workflow at once: /state carries the error, and the Heat words with _FAILED.
"""

from __future__ import annotations

from esi.model.codec import dumps, encode_state
from esi.model.job import CREATE, DELETE, LOGICAL_DELETE, MODIFY, Job
from esi.model.resource import Body

_WORKER_STATE = {CREATE: "CREATE", MODIFY: "MODIFY", DELETE: "DELETE", LOGICAL_DELETE: "DELETE"}
_HEAT_WORD = {"CREATE": "CREATE", "MODIFY": "UPDATE", "DELETE": "DELETE"}


def completed_state(job: Job, found: Body) -> bytes:
    """The /state envelope of a workflow whose last job is `job`; lists and dicts in it are JSON text."""
    state: Body = {"heat_outputs": dumps(found.get("heat_outputs", [])).decode()}
    if "orchestration_state" in found:
        state["orchestration_state"] = found["orchestration_state"]
    if "state_monitoring" in found:
        state["state_monitoring"] = dumps(found["state_monitoring"]).decode()
    state["worker_state"] = _WORKER_STATE[job.action] + "_COMPLETED"
    return encode_state(state, job.version)


def failed_state(version: int, workflow: str, error: str) -> bytes:
    """The /state envelope of a workflow (create, modify, logical_delete) that `error` has ended."""
    verb = _WORKER_STATE[workflow]
    state = {"orchestration_state": _HEAT_WORD[verb] + "_FAILED", "worker_state": verb + "_FAILED"}
    return encode_state(state, version, error)


def read_state(version: int, *, deleted: bool) -> bytes:
    """The /state envelope of a resource that no worker has to do anything for."""
    return encode_state({"worker_state": "DELETE_COMPLETED" if deleted else "READ_COMPLETE"}, version)


def finished_value(error: str = "") -> bytes:
    """The value of /jobs/finished/<id>: empty text when all went well, as recorded; else why it did not."""
    return dumps({"error": error}) if error else b""
