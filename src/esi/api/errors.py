"""Errors as answers: `{"error": sentence, "code": word, "details": facts}` with the status of the error's class."""

from __future__ import annotations

from typing import Any

from esi.api.answers import Answer
from esi.errors import EsiError, Invalid, RequestError, TemporaryError, Unauthenticated

HIDDEN = "something went wrong inside; the log has it under this request id"


class WrongMethod(RequestError):
    """`allow` are the methods that this path has."""

    code = "wrong_method"
    status = 405

    def __init__(self, method: str, allow: tuple[str, ...]) -> None:
        self.allow = allow
        super().__init__(f"{method} does not work here; {', '.join(allow)} would", allow=list(allow))


class WrongType(RequestError):
    code = "wrong_type"
    status = 415


class NoPath(RequestError):
    code = "not_found"
    status = 404


def answer_for(error: EsiError, request_id: str) -> Answer:
    """The answer to a request that failed. What failed inside of us is not told to callers, only where to find it."""
    if error.status >= 500 and not isinstance(error, TemporaryError):
        return shape(error.status, HIDDEN, error.code, {"request_id": request_id})
    sentence = f"Validation error: {error.message}" if isinstance(error, Invalid) and error.errors else error.message
    answer = shape(error.status, sentence, error.code, dict(error.details))
    if isinstance(error, WrongMethod):
        answer.headers["Allow"] = ", ".join(error.allow)
    if isinstance(error, Unauthenticated):
        answer.headers["WWW-Authenticate"] = "X-Auth-Token"
    if isinstance(error, TemporaryError):
        answer.headers["Retry-After"] = str(max(1, round(error.after or 1)))
    return answer


def shape(status: int, sentence: str, code: str, details: dict[str, Any]) -> Answer:
    return Answer({"error": sentence, "code": code, "details": details}, status)
