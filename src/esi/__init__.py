"""esi: network service orchestration. One JSON document in; routers configured, watched and honest about it.

The data goes round in a ring, the imports form a star: docs/tour.md follows one POST through the rooms.
"""

__version__ = "0.1.0"
