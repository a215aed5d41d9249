"""The handler of heat_worker jobs: params become a template and its parameters, a stack is made, its outputs told.

The template is chosen anew from the job's resource_input: when it has changed since the job was planned, the newest
counts. A job repeated after a kill names the same operation, so the stack goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from esi.errors import Busy
from esi.heat.parameters import split_params
from esi.kv import Delete, Put
from esi.model.codec import dumps
from esi.model.job import LOGICAL_DELETE, Job
from esi.model.keys import heat_stack_key
from esi.model.keys import stack_name as stack_name
from esi.model.resource import Body
from esi.render.jinja import render
from esi.stacks import Caller, Stack, StackBackend, StackSpec
from esi.work import Claim, JobFailed, JobResult
from esi.work.shelf import Shelf

HEAT_WORKER = "heat_worker"


class StackFailed(JobFailed):
    """The stack ended badly; the message is its reason, `orchestration_state` its status (CREATE_FAILED, …)."""

    code = "stack_failed"

    def __init__(self, stack: Stack, ops: Sequence[Put | Delete] = ()) -> None:
        super().__init__(stack.reason, ops, stack=stack.name, orchestration_state=stack.status)


class HeatHandler:
    """Does create, modify and logical_delete of stacks over any StackBackend."""

    name = HEAT_WORKER

    def __init__(self, shelf: Shelf, backend: StackBackend) -> None:
        self._shelf = shelf
        self._backend = backend

    async def run(self, job: Job, claim: Claim) -> JobResult:
        """Raises StackFailed, TemplateError, or a TemporaryError: try again."""
        name = stack_name(job.ref)
        try:
            if job.action == LOGICAL_DELETE:
                await self._backend.delete(name, operation=job.id, fence=claim.guard)
            else:
                await self._backend.apply(await self._spec(job, claim), operation=job.id)
            caller = Caller(claim.held, claim.rest, writes_end=True)
            stack = await self._backend.wait(name, operation=job.id, caller=caller)
        except asyncio.CancelledError:
            await self._backend.stop(name, operation=job.id)
            raise
        if not stack.status.endswith("_COMPLETE"):
            raise StackFailed(stack, [*stack.end, self._record(job, stack, await self._known_outputs(job))])
        if stack.status.startswith("DELETE") and job.action != LOGICAL_DELETE:
            raise Busy(f"stack {name} was deleted meanwhile")
        return self._result(job, stack)

    async def _spec(self, job: Job, claim: Claim) -> StackSpec:
        entry = self._shelf.entry(HEAT_WORKER, job)
        params = await split_params(job.params, self._shelf.outputs)
        return StackSpec(
            name=stack_name(job.ref),
            tenant=job.resource_input.get("tenant_id") or "",
            template=render(entry.template_file, params.jinja),
            parameters=params.heat,
            timeout=params.timeout,
            fence=claim.guard,
            ref=(job.resource_type, job.resource_id, job.version),
        )

    def _result(self, job: Job, stack: Stack) -> JobResult:
        outputs = [dict(output) for output in stack.outputs]
        state = {"heat_outputs": outputs, "orchestration_state": stack.status}
        return JobResult(state, [*stack.end, self._record(job, stack, outputs)])

    async def _known_outputs(self, job: Job) -> list[Body]:
        """What the last success gave: a failed update or delete does not take it from those who read it."""
        known = await self._shelf.outputs(job.ref) or {}
        return [{"output_key": name, "output_value": value, "description": ""} for name, value in known.items()]

    def _record(self, job: Job, stack: Stack, outputs: Sequence[Body]) -> Put:
        deleted = stack.status == "DELETE_COMPLETE"
        record = {
            "id": str(job.ref),
            "stack_id": "" if deleted else stack.name,
            "tenant_id": stack.tenant or job.resource_input.get("tenant_id") or "",
            "stack_status": stack.status,
            "status_reason": "" if deleted else stack.reason,
            "output": list(outputs),
        }
        return Put(heat_stack_key(self._shelf.path_of(job.ref)), dumps(record))
