"""The embedded stack engine: applies templates in this process, over the KV port and the resource types it was given.

An operation runs as a task of its own; `wait` waits for that task, nothing polls. What must survive a kill stands in
the stack's record (records.py): another engine over the same KV goes on when it is given the same operation again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from esi.errors import Broken, Busy, EsiError
from esi.kv import Guard
from esi.registry import Registry
from esi.stacks import NOBODY, Caller, Stack, StackResource, StackSpec
from esi.stacks.checking import check_resources, take_stack
from esi.stacks.operation import Operation
from esi.stacks.records import Book
from esi.stacks.wanted import Means, Wanted
from esi.tasks import Tasks

BUSY_SECONDS = 1.0
"""When to ask again for a stack that another operation is working on."""


@dataclass(slots=True)
class Run:
    """An operation at work in this process."""

    operation: Operation
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    stack: Stack | None = None
    error: EsiError | None = None
    task: asyncio.Task[None] | None = None


class EmbeddedEngine:
    """A StackBackend. `means.types` are the resource types by HOT name; `tasks` owns the operations."""

    def __init__(self, means: Means, tasks: Tasks) -> None:
        self._means = means
        self._tasks = tasks
        self._runs: dict[str, Run] = {}

    async def apply(self, spec: StackSpec, *, operation: str) -> None:
        """Begin, or go on with, making the stack as `spec` says.

        Raises TemplateError before anything is done; Busy while another operation is at work on it here.
        """
        book = Book(self._means.kv, spec.name, spec.fence)
        found, taken = await book.read(), take_stack(spec)
        wanted = Wanted(*taken, spec.tenant, spec.timeout, spec.ref, spec.template)
        if found is None or not found.is_made_from(wanted.digest):
            wanted.resolved = check_resources(taken, self._means.types)
        await self._start(Operation(self._means, spec.name, operation, wanted, book, found))

    async def delete(self, name: str, *, operation: str, fence: Guard | None = None) -> None:
        """Begin, or go on with, deleting the stack; one that is not there is success."""
        book = Book(self._means.kv, name, fence)
        await self._start(Operation(self._means, name, operation, None, book, await book.read()))

    async def wait(self, name: str, *, operation: str, caller: Caller = NOBODY) -> Stack:
        run = self._runs.get(name)
        if run is not None and run.operation.operation == operation:
            run.operation.holds.listen(caller.held)
            run.operation.caller = caller
            await run.ended.wait()
            self._forget(run)
            if run.error is not None:
                raise run.error
            if run.stack is None:
                raise Broken(f"the operation on stack {name} has ended without a result")
            return run.stack
        record = None if run else await Book(self._means.kv, name, None).read()
        if record is None and run is None:
            return Stack(name, "", "DELETE_COMPLETE", "", operation=operation)
        if record is not None and record.operation == operation and record.ended:
            return record.view()
        raise Busy(f"stack {name} is not being worked on by this operation: apply it again", after=0.0)

    async def stop(self, name: str, *, operation: str) -> None:
        run = self._runs.get(name)
        if run is not None and run.operation.operation == operation:
            await _stop(run)
            self._forget(run)

    async def get(self, name: str) -> Stack | None:
        record = await Book(self._means.kv, name, None).read()
        return None if record is None else record.view()

    async def _start(self, operation: Operation) -> None:
        name = operation.name
        while (run := self._runs.get(name)) is not None and not run.ended.is_set():
            if run.operation.operation != operation.operation:
                raise Busy(f"stack {name} is being worked on", after=BUSY_SECONDS)
            if run.operation.book.fence == operation.book.fence:
                return
            await _stop(run)
        run = self._runs[name] = Run(operation)
        run.task = self._tasks.start(f"{name} {operation.operation}", self._run(run))

    async def _run(self, run: Run) -> None:
        try:
            run.stack = await run.operation.run()
            self._forget(run)
        except EsiError as error:
            run.error = error
        except asyncio.CancelledError:
            run.error = Busy(f"the operation on stack {run.operation.name} was given up here")
            raise
        finally:
            run.ended.set()

    def _forget(self, run: Run) -> None:
        """What has ended well stands in the record; what was given up is kept until somebody has asked for it."""
        if self._runs.get(run.operation.name) is run:
            del self._runs[run.operation.name]


async def _stop(run: Run) -> None:
    """End a run whose fence has been overtaken: the same operation has been claimed anew."""
    if run.task is not None:
        run.task.cancel()
        await asyncio.wait([run.task])


def registry_of(*types: StackResource) -> Registry[StackResource]:
    """A registry of resource types by their HOT names."""
    registry: Registry[StackResource] = Registry("resource type", "esi.stack_resources")
    for type_ in types:
        registry.register(type_.type, type_)
    return registry
