"""The heat worker: a job's params become a template and its parameters, a stack is made, its outputs are told.

In: jobs of the handler heat_worker; templates from `HEAT_TEMPLATES` `/config/v2.0/heat_templates/`.
Out: stacks, through a StackBackend; the job's result, which esi.work writes.
Owns: `heat_stack_key` `/esi-worker/heat_stacks/**`: the record of a resource's stack with its outputs.
Killed at any moment: the job is claimed again and names the same operation; the backend goes on with it.
"""

from esi.heat.handler import HEAT_WORKER, HeatHandler, StackFailed, stack_name
from esi.heat.parameters import OutputMissing, RecordedOutputs
from esi.work.shelf import Shelf

__all__ = ["HEAT_WORKER", "HeatHandler", "OutputMissing", "RecordedOutputs", "Shelf", "StackFailed", "stack_name"]
