"""Puts a ring together: the only place that knows which implementation stands behind which port.

services             what the ring offers: schemas, hooks, templates of its flow
ground               what every room of a process is given
control, workers     which room is made of what
lab, inventory       where devices are reached
run                  one process: the parts it was asked for, until it is told to stop
"""

from esi.bootstrap.run import PARTS, run

__all__ = ["PARTS", "run"]
