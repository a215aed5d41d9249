"""What handlers look templates and parameters up in: the same for stacks and for monitors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from esi.errors import Busy, TemplateError
from esi.model.job import Job
from esi.model.resource import Ref
from esi.render.mapping import template_id
from esi.render.templates import TemplateEntry
from esi.work.outputs import Outputs


@dataclass(frozen=True, slots=True)
class Shelf:
    """`template(handler, id)` is a cached template; `template_path(schema)` is metadata.template_path of a schema for
    this handler (None: it has none); `path_of` gives a resource's API path; `outputs` those of a resource's stack.
    """

    template: Callable[[str, str], TemplateEntry | None]
    template_path: Callable[[str], Any]
    path_of: Callable[[Ref], str]
    outputs: Outputs

    def entry(self, handler: str, job: Job) -> TemplateEntry:
        """The template of a job, chosen anew from its resource. Busy: it has not come here yet."""
        id_ = template_id(self.template_path(job.resource_type), job.resource_input, job.resource_type)
        if id_ is None:
            raise TemplateError("template_path", f"{job.ref} has no template any more for the {handler}")
        entry = self.template(handler, id_)
        if entry is None:
            raise Busy(f"template {id_!r} is not known here yet", template=id_)
        return entry
