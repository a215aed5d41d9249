"""Errors as answers, with the status of the error's class. There is one shape for all of them (docs/api.md):

    error       a sentence           code        a stable word       details   the facts
    help        what to do next      request_id  what to look for in the logs

What failed inside of us is told to the log alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from esi.api.answers import Answer
from esi.errors import EsiError, Invalid, NotFound, RequestError, TemporaryError, Unauthenticated

HIDDEN = "something went wrong inside; the log has it under this request id"


class WrongMethod(RequestError):
    """The path has other methods; `allow` names them."""

    code = "wrong_method"
    help = "use one of the methods that are named; nothing was changed"
    status = 405

    def __init__(self, method: str, allow: tuple[str, ...]) -> None:
        self.allow = allow
        super().__init__(f"{method} does not work here; {', '.join(allow)} would", allow=list(allow))


class WrongType(RequestError):
    """The body is of a type that the API does not read."""

    code = "wrong_type"
    help = "send JSON, with the header Content-Type: application/json; nothing was changed"
    status = 415


class TooSlow(RequestError):
    """The rest of a request did not come in time."""

    code = "too_slow"
    help = "send the whole request without pauses; nothing was changed"
    status = 408


class NoPath(NotFound):
    """No collection, resource or action has this path."""

    help = "the schemas at /gohan/v0.1/schemas say where each collection is"


def answer_for(error: EsiError, request_id: str) -> Answer:
    """The answer to a request that failed. What failed inside of us is not told to callers, only where to find it."""
    if error.status >= 500 and not isinstance(error, TemporaryError):
        return shape(error, HIDDEN, {}, request_id)
    sentence = f"Validation error: {error.message}" if isinstance(error, Invalid) and error.errors else error.message
    answer = shape(error, sentence, error.details, request_id)
    if isinstance(error, WrongMethod):
        answer.headers["Allow"] = ", ".join(error.allow)
    if isinstance(error, Unauthenticated):
        answer.headers["WWW-Authenticate"] = "X-Auth-Token"
    if isinstance(error, TemporaryError):
        answer.headers["Retry-After"] = str(max(1, round(error.after or 1)))
    return answer


def shape(error: EsiError, sentence: str, details: Mapping[str, Any], request_id: str) -> Answer:
    about = {"code": error.code, "details": dict(details), "help": error.help, "request_id": request_id}
    return Answer({"error": sentence, **about}, error.status)
