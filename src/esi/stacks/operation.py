"""One operation on one stack, from its record to its end: steps side by side, as the graph allows.

    plan → write down all that is sure to come → [ start what is ready → wait until a step ends ]* → write the end

What is sure to come is every create, update and delete that is known before the operation begins: one write says
IN_PROGRESS for all of them, and what had not been started when a step failed is taken back at the end. Only steps that
are known later (they read attributes of others, or take two actions) are written when they start, together with the
ends that came before. The end is left to whoever waits for it, if he says so: then it stands in one commit with what he
makes of it. So a kill may repeat steps that had ended: by the contract of the port, every type is idempotent.
TemporaryErrors of a step are tried again inside until the stack's deadline.
A failed step lets its running siblings finish, starts nothing new and undoes nothing. A stack that is wanted as it was
made has no steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import Any

from esi.errors import Broken, TemplateError
from esi.kv import Delete, Put
from esi.model.job import job_ref
from esi.model.resource import Body
from esi.render.marks import stripped
from esi.stacks import NOBODY, Context, Stack
from esi.stacks.actions import Errand, Holds, Outcome, carry_out
from esi.stacks.nodes import Env
from esi.stacks.opening import opened, steps_of
from esi.stacks.plan import Action, Step, decide
from esi.stacks.properties import resolve_properties
from esi.stacks.records import COMPLETE, FAILED, IN_PROGRESS, REASONS, Book, ResourceRecord, StackRecord
from esi.stacks.remains import half_made
from esi.stacks.waiting import Waiting
from esi.stacks.wanted import Means, Wanted, Words, outputs
from esi.tasks import Tasks
from esi.telemetry import ABOUT, Message


class Operation:
    """`run` works until the end, well or not. A TemporaryError from it means: given up, call again."""

    def __init__(
        self, means: Means, name: str, operation: str, wanted: Wanted | None, book: Book, found: StackRecord | None
    ) -> None:
        self.name = name
        self.operation = operation
        self.book = book
        self._means = means
        self._wanted = wanted
        self._found = found
        self._record = StackRecord(name, "", "", operation, 0.0, 0.0)
        self._env = Env({}) if wanted is None else wanted.template.env(wanted.parameters)
        self._props: dict[str, dict[str, Any]] = {}
        self._open: dict[str, Step] = {}
        self._next: dict[str, list[Action]] = {}
        self._running: dict[asyncio.Task[Outcome], tuple[str, Action]] = {}
        self._trouble: dict[str, str] = {}
        self._faults: list[str] = []
        self._before: dict[str, ResourceRecord | None] = {}
        self._words = Words(wanted)
        self.holds = Holds(self._words.masked)
        self.caller = NOBODY
        self._told = False

    async def run(self) -> Stack:
        found = self._found
        if found is not None and found.operation == self.operation and found.ended:
            return found.view()
        if found is None and self._wanted is None:
            return Stack(self.name, "", "DELETE_COMPLETE", "", operation=self.operation)
        began = self._means.clock.now()
        self._record = opened(found, self._record, self._wanted, began)
        if (ref := self._ref()) is not None:
            ABOUT.set((ref,))
        if found is not None and self._wanted is not None and found.is_made_from(self._wanted.digest):
            for name, record in self._record.resources.items():
                self._words.hide(self._means.types.find(record.type), record.props)
                self._env_takes(name)
        else:
            self._open = steps_of(self._record, self._wanted, self._env, self._means.types)
            async with Tasks(f"stack {self.name}") as tasks:
                await self._work(tasks)
        stack = await self._end()
        self._tell(f"{self._record.verb} {self.name}", partial(self._as_told, stack), began)
        return stack

    def _as_told(self, stack: Stack) -> Body:
        body: Body = {"status": stack.status, "reason": stack.reason, "outputs": self._words.masked_in(stack.outputs)}
        if (made := self._words.made_from()) is not None:
            body |= {"parameters": made.parameters, "template": made.template}
        return body

    def _places(self, record: ResourceRecord) -> frozenset[str]:
        type_ = self._means.types.find(record.type)
        return type_.claims(record.props) if type_ is not None else frozenset()

    async def _work(self, tasks: Tasks) -> None:
        news = self._announce()
        while True:
            started, more = self._start_ready()
            if started and (news or more):
                await self._write()
                news = False
            for name, action in started:
                self._running[tasks.start(f"{name} {action}", self._attempt(name, action))] = (name, action)
            if not self._running:
                if self._faults or not self._open:
                    return
                self._untangle()
                continue
            left = max(self._record.deadline - self._means.clock.now(), 0.0)
            done, _ = await asyncio.wait(self._running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._collect(*self._running.pop(task), task.result())
            if not done:
                for name, action in self._running.values():
                    self._collect(name, action, Outcome(fault=f"timed out{self._trouble.get(name, '')}"))
                return

    def _untangle(self) -> None:
        """Recorded dependencies of what is gone may come from different templates and form a circle: cut it."""
        step = next((step for step in self._open.values() if step.gone), None)
        if step is None:
            raise Broken(f"stack {self.name}: nothing can go on, open are {', '.join(sorted(self._open))}")
        self._open[step.name] = replace(step, after=frozenset())

    def _announce(self) -> bool:
        """Mark all that is sure to come, and keep what stood before; whether there is anything."""
        for step in self._open.values():
            record = self._record.resources.get(step.name)
            if not step.gone and self._wanted is not None:
                props = self._wanted.resolved.get(step.name)
                type_ = self._type_of(step.name)
                if props is None or decide(record, type_, props) not in (Action.CREATE, Action.UPDATE):
                    continue
            self._before[step.name] = record and replace(record, attempted=list(record.attempted))
            self._mark(step.name, self._action(step))
        return bool(self._before)

    def _start_ready(self) -> tuple[list[tuple[str, Action]], bool]:
        """What can be started now, and whether that is not in the record yet. What is kept is done at once."""
        started: list[tuple[str, Action]] = []
        more = False
        busy = {name for name, _ in self._running.values()}
        progress = True
        while progress and not self._faults:
            progress = False
            for step in list(self._open.values()):
                if step.name in busy or not step.after.isdisjoint(self._open):
                    continue
                try:
                    action = self._action(step)
                except TemplateError as error:
                    self._faults.append(self._words.masked(f"{step.name}: {error.message}"))
                    return started, more
                if action is Action.KEEP:
                    self._record.resources[step.name].depends = sorted(step.after)
                    self._env_takes(step.name)
                    del self._open[step.name]
                    progress = True
                else:
                    if step.name in self._before:
                        del self._before[step.name]
                    else:
                        self._mark(step.name, action)
                        more = True
                    started.append((step.name, action))
                    busy.add(step.name)
        return started, more

    def _action(self, step: Step) -> Action:
        """The next action of a step; at its first time, decided by what stands and what is wanted."""
        queue = self._next.get(step.name)
        if queue:
            return queue[0]
        record = self._record.resources.get(step.name)
        if step.gone or self._wanted is None:
            self._next[step.name] = [Action.DELETE]
            return Action.DELETE
        definition = self._wanted.template.resources[step.name]
        type_ = self._means.types.get(definition.type)
        props = self._wanted.resolved.get(step.name) or resolve_properties(definition, type_, self._env)
        self._props[step.name] = props
        self._words.hide(type_, props)
        action = decide(record, definition.type, props)
        if action is Action.REPLACE and record is not None:
            self._retire(step.name, record)
            return Action.CREATE
        queue = [Action.DELETE, Action.CREATE] if action is Action.RECREATE else [action]
        self._next[step.name] = queue
        return queue[0]

    def _retire(self, name: str, old: ResourceRecord) -> None:
        """A new one first, then the old one goes."""
        status = f"CREATE_{IN_PROGRESS}"
        self._record.resources[name] = ResourceRecord(self._type_of(name), status, replaced=old.retire())
        self._next[name] = [Action.CREATE, Action.CLEAN]

    def _type_of(self, name: str) -> str:
        assert self._wanted is not None
        return self._wanted.template.resources[name].type

    def _mark(self, name: str, action: Action) -> None:
        """Write into the record what is about to happen."""
        resources = self._record.resources
        if action in (Action.CREATE, Action.UPDATE):
            record = resources.setdefault(name, ResourceRecord(self._type_of(name), ""))
            record.attempt(self._props[name])
            record.depends = sorted(self._open[name].after)
            record.status = f"{action.upper()}_{IN_PROGRESS}"
        elif action is Action.DELETE:
            resources[name].status = f"DELETE_{IN_PROGRESS}"

    async def _attempt(self, name: str, action: Action) -> Outcome:
        """One action, to its end; told to the recorder."""
        clock, record, props = self._means.clock, self._record.resources[name], self._props.get(name, {})
        began, errand = clock.now(), Errand(action, record, props, self._context(name))
        types, trouble = self._means.types, lambda words: self._trouble.update({name: f": {words}"})
        outcome = await carry_out(types, clock, errand, trouble)

        def told() -> Body:
            properties = self._words.masked_in(stripped(props))
            fault = self._words.masked(outcome.fault)
            return {"action": str(action), "type": record.type, "properties": properties, "fault": fault}

        self._tell(f"{action} {self.name}/{name}", told, began)
        return outcome

    def _tell(self, subject: str, body: Callable[[], Body], began: float) -> None:
        """To the recorder, if there is one; `body` is asked when the recorder has time."""
        if self._means.recorder.skips():
            return
        ref, took = self._ref(), self._means.clock.now() - began
        told = Message("stack", "heat worker", "stack engine", subject, None, began, took, (ref,) if ref else ())
        self._means.recorder.later(lambda: [told._replace(body=body())])

    def _collect(self, name: str, action: Action, outcome: Outcome) -> None:
        """Take over how an action has ended."""
        record = self._record.resources[name]
        self.holds.hear(name, "")
        if outcome.replace:
            record.attempted.remove(self._props[name])
            self._retire(name, record)
            return
        if outcome.fault:
            words = self._words.masked(outcome.fault)
            self._faults.append(f"{name}: {words}")
            if action is not Action.CLEAN:
                record.status, record.reason = f"{action.upper()}_{FAILED}", words
            return
        if outcome.live is not None:
            record.stands(outcome.live, f"{action.upper()}_{COMPLETE}")
        elif action is Action.DELETE:
            del self._record.resources[name]
        else:
            record.replaced = []
        self._next[name].pop(0)
        if not self._next[name] and action is not Action.CLEAN:  # what has been cleaned is decided again
            self._env_takes(name)
            del self._open[name]

    def _env_takes(self, name: str) -> None:
        """Those that depend on it may read it now."""
        record = self._record.resources.get(name)
        if record is not None:
            self._env.lives[name] = record.live()

    async def _end(self) -> Stack:
        record, verb = self._record, self._record.verb
        if not self._faults and self._wanted is not None:
            try:
                record.outputs = outputs(self._wanted.template, self._env)
            except TemplateError as error:
                self._faults.append(self._words.masked(error.message))
        self._take_back()
        record.status = f"{verb}_{FAILED if self._faults else COMPLETE}"
        record.reason = "; ".join(sorted(self._faults)) or REASONS[verb]
        if self._faults and self._wanted is not None and (left := half_made(record.resources.values(), self._places)):
            record.reason += f"; {left}"
        end = self.book.deletes() if record.status == f"DELETE_{COMPLETE}" else self._puts()
        if self.caller.writes_end:
            return replace(record.view(), end=end)
        await self.book.commit(end)
        return record.view()

    async def _write(self) -> None:
        await self.book.commit(self._puts())

    def _puts(self) -> tuple[Put | Delete, ...]:
        """The record; the first time also what the stack is made from, if that is something else than before."""
        made = None
        if self._wanted is not None and not self._told and self._record.made != self._wanted.digest:
            self._record.made, made = self._wanted.digest, self._words.made_from()
        self._told = True
        return self.book.puts(self._record, made)

    def _take_back(self) -> None:
        """What was announced and never started stands as it did before."""
        for name, before in self._before.items():
            if before is None:
                del self._record.resources[name]
            else:
                self._record.resources[name] = before

    def _context(self, resource: str) -> Context:
        name, tenant, means, hear = self.name, self._record.tenant, self._means, partial(self.holds.hear, resource)
        fence, ref = self.book.fence, self._ref()
        until = Waiting(means.kv, means.clock, means.path_of, self._resting, hear)
        given = (means.devices, means.targets, ref, fence, hear, until, self._resting)
        return Context(name, resource, self.operation, tenant, *given)

    def _resting(self) -> AbstractAsyncContextManager[None]:
        """Who waits for this operation says so after it has begun."""
        return self.caller.rest()

    def _ref(self) -> tuple[str, str, int] | None:
        """The resource version that this is done for: of a delete the job knows it, the record tells what stands."""
        return job_ref(self.operation) or (tuple(self._record.ref) if self._record.ref else None)
