"""Neutron: networks, subnets and ports told and taken as Neutron does, so that Nova and OpenStack's clients can work.

In: requests of Neutron's API v2.0. Out: calls of the lifecycle, Neutron's JSON.
Owns: the listening socket; no key, no table. What it says and takes are the resources of the API.
Killed at any moment: an unanswered request either stands in the store or not; asking again tells which.

    room      the socket
    rest      one request: who, where, which verb, and what went wrong in Neutron's words
    kinds     which resources there are, and their bodies on both sides
    queries   filters, order, pages, fields
    quotas    a tenant's limits
    errors    our errors as NeutronError
"""

from esi.neutron.room import NeutronRoom

__all__ = ["NeutronRoom"]
