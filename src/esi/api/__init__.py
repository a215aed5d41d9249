"""The REST API: schemas become routes, requests become verbs of the lifecycle, errors become one JSON shape.

In: HTTP requests. Out: calls of the lifecycle, JSON answers. Owns: the listening socket.
Killed at any moment: an unanswered request either stands in the store or not; asking again tells which.

    room       the server and its life
    app        one request from socket to answer: who, where, what, and what went wrong
    routes     paths to schemas by dict
    traces     what a request has set in motion, as it was recorded
    resources  the verbs · queries their query strings · bodies their documents · about schemas, version, health
    waiting    a GET that is answered when there is something new
"""

from esi.api.app import Api
from esi.api.room import ApiRoom

__all__ = ["Api", "ApiRoom"]
