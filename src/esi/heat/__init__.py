"""The room `heat`: makes stacks of jobs.

In      jobs of the handler heat_worker, templates from /config/v2.0/heat_templates/, outputs of other stacks
Out     stacks, through a StackBackend; the result of the job, written by esi.work
Owns    /esi-worker/heat_stacks/<path>: the record of a resource's stack with its outputs
Killed  at any moment: the job is claimed again and names the same operation, the backend goes on with it
"""

from esi.heat.handler import HEAT_WORKER, HeatHandler, Shelf, StackFailed, stack_name
from esi.heat.parameters import OutputMissing, RecordedOutputs

__all__ = ["HEAT_WORKER", "HeatHandler", "OutputMissing", "RecordedOutputs", "Shelf", "StackFailed", "stack_name"]
