"""Stacks made by a real OpenStack Heat: the other member of the port StackBackend.

template → hot (what Heat shall read) → backend (ask, and look until it has ended) ⇄ rest (Heat's API). The resource
types themselves run inside heat-engine: esi.heat_engine.
"""
