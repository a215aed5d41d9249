"""Intents and answers as they cross from one process to another, through etcd or over HTTP. Pure.

    intent  {"id", "address": [ip, port, username, password], "edits": [[path, operation, text], …], "ref", "tenant",
             "lock_timeout", "fence": [key, revision, of] or null, "lease": the caller's or 0}
    answer  {"batch", "diff", "superseded", "warnings"} or {"error": {"code", "message", "after", "details"}}

Both are short-lived: an intent holds what shall stand on a device, secrets too; in etcd it goes when it is answered.
"""

from __future__ import annotations

from typing import Any

from esi import errors
from esi.drivers import Address, Edit, Intent, IntentResult, Step
from esi.errors import Broken, EsiError, Rejected, TemporaryError, Unsupported
from esi.kv import Guard
from esi.model.codec import dumps, loads_object

MAX_DIFF = 16_384
"""Characters of a batch's diff that go back to another worker: hundreds of callers may share one batch."""


def encode_intent(intent: Intent, lease: int = 0) -> bytes:
    """`lease` is the caller's: its answer will hang on it."""
    address, fence = intent.address, intent.fence
    return dumps(
        {
            "id": intent.id,
            "address": [address.ip, address.port, address.username, address.password],
            "edits": [[[list(step) for step in edit.path], edit.operation, edit.text] for edit in intent.edits],
            "ref": intent.ref,
            "tenant": intent.tenant,
            "lock_timeout": intent.lock_timeout,
            "fence": None if fence is None else [fence.key, fence.revision, fence.of],
            "lease": lease,
        }
    )


def decode_intent(value: bytes, key: str) -> tuple[Intent, int]:
    """The intent and its caller's lease. Raises Broken, naming `key`, when it is none."""
    raw = loads_object(value, key)
    try:
        intent = Intent(
            id=raw["id"],
            address=Address(*raw["address"]),
            edits=tuple(Edit(_path(path), operation, text) for path, operation, text in raw["edits"]),
            ref=tuple(raw["ref"]) if raw["ref"] else None,
            tenant=raw["tenant"],
            lock_timeout=raw["lock_timeout"],
            fence=Guard(*raw["fence"]) if raw["fence"] else None,
        )
        return intent, int(raw["lease"])
    except (KeyError, TypeError, ValueError) as error:
        raise Broken(f"{key} is not an intent: {type(error).__name__}") from error


def _path(raw: list[list[Any]]) -> tuple[Step, ...]:
    return tuple(Step(*step) for step in raw)


def encode_answer(answer: IntentResult | EsiError) -> bytes:
    if isinstance(answer, IntentResult):
        diff, warnings = answer.diff[:MAX_DIFF], list(answer.warnings)
        return dumps({"batch": answer.batch, "diff": diff, "superseded": answer.superseded, "warnings": warnings})
    after = answer.after if isinstance(answer, TemporaryError) else None
    error = {"code": answer.code, "message": answer.message, "after": after, "details": dict(answer.details)}
    return dumps({"error": error})


def decode_answer(value: bytes, id: str, key: str) -> IntentResult | EsiError:
    """What `encode_answer` has written, for the intent `id`. Raises Broken when it is none."""
    raw = loads_object(value, key)
    try:
        if "error" in raw:
            return _error(raw["error"])
        return IntentResult(id, raw["batch"], raw["diff"], raw["superseded"], tuple(raw.get("warnings", ())))
    except (KeyError, TypeError) as error:
        raise Broken(f"{key} is not an answer: {type(error).__name__}") from error


_TEMPORARY: dict[str, type[TemporaryError]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TemporaryError)
}


def _error(raw: dict[str, Any]) -> EsiError:
    details = dict(raw["details"])
    temporary = _TEMPORARY.get(raw["code"])
    if temporary is not None:
        return temporary(raw["message"], after=raw["after"], **details)
    if raw["code"] == Rejected.code:
        return Rejected(details.pop("who"), details.pop("words"), **details)
    return Unsupported(raw["message"], **details)
