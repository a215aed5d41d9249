"""Every error of the system. A class answers two questions: whose fault, and shall we try again?

    EsiError                      code
    ├── ConfigError               the process must not start; lists every fault
    │   ├── SettingsError
    │   ├── SchemaError
    │   │   └── ShapeError        the database is not as the schemas want it
    │   └── PluginError
    ├── RequestError              the caller's fault; `status` is the HTTP answer
    │   ├── Invalid               400, field errors with paths
    │   ├── Unauthenticated       401
    │   ├── Forbidden             403
    │   ├── NotFound              404
    │   ├── Conflict              409
    │   ├── QuotaExceeded         409
    │   └── TooLarge              413
    ├── TemporaryError            not now; `retry` is True, `after` may say when
    │   ├── Unreachable           database, etcd, device, backend
    │   ├── Busy                  lock held, device in another's commit
    │   ├── TimedOut
    │   ├── LeaseLost             stop at once, someone else goes on
    │   ├── Outrun                a guarded write found that someone was faster: read again
    │   └── Compacted             list again
    ├── TerminalError             never, until a human or a new version changes something
    │   ├── TemplateError         path in the template
    │   ├── Rejected              the device or backend said no; its own words kept
    │   └── Unsupported
    └── Broken                    our fault: an invariant does not hold

Foreign exceptions become these at the port and nowhere else. Messages are built here from the fields, say what, which
and what to do, and do not flap (no times, no attempt numbers). Secrets never enter a field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class EsiError(Exception):
    """Root of all errors. `code` is stable, for machines and docs; `details` are the facts as plain JSON; `help`
    says what to do next.
    """

    code: ClassVar[str] = "error"
    help: ClassVar[str] = "the log of the room that said it has the rest"
    status: ClassVar[int] = 500
    retry: ClassVar[bool] = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = details

    def __str__(self) -> str:
        return self.message


class ConfigError(EsiError):
    """The process must not start. Takes every fault at once, each with its place."""

    code = "config"
    help = "correct it in esi.yaml, the environment or --set, and start again"

    def __init__(self, faults: Sequence[str] | str) -> None:
        self.faults = [faults] if isinstance(faults, str) else list(faults)
        super().__init__("; ".join(self.faults), faults=self.faults)


class SettingsError(ConfigError):
    """A setting is unknown, or its value cannot be used."""

    code = "settings"
    help = "correct it in esi.yaml, the environment (ESI_GROUP__FIELD) or --set; `esi settings show` lists all"


class SchemaError(ConfigError):
    """A schema, policy or template of a service cannot be used."""

    code = "schema"
    help = "correct the schema, policy or template at the place that is named, and start again"


class ShapeError(SchemaError):
    """The database is not as the schemas want it, and what is to be done about it is not done by itself."""

    code = "shape"
    help = "`esi db diff` shows all; what is missing is added by `esi db migrate`, the rest is done by hand as it says"


class PluginError(ConfigError):
    """A name that no plug-in has, a name taken twice, or a member that breaks its contract."""

    code = "plugin"
    help = "use one of the names that are listed, or install what brings the missing one"


class RequestError(EsiError):
    """The caller's fault: trying again unchanged cannot help."""

    code = "request"
    help = "correct the request; nothing was changed"
    status = 400


class Invalid(RequestError):
    """A body, query or path that cannot be accepted; `errors` pairs a path in the document with what is wrong there."""

    code = "invalid"
    help = "correct what is named; nothing was changed. The schema says what may be sent"
    status = 400

    def __init__(self, message: str, errors: Sequence[tuple[str, str]] = ()) -> None:
        self.errors = list(errors)
        listed = "".join(f"\n\t{path}: {text}," for path, text in self.errors)
        super().__init__(message + listed, errors=[{"path": path, "message": text} for path, text in self.errors])


class Unauthenticated(RequestError):
    """No token, or one that nobody knows."""

    code = "unauthenticated"
    help = "send a token that is known and not expired, as X-Auth-Token"
    status = 401


class Forbidden(RequestError):
    """The caller is known and may not do this."""

    code = "forbidden"
    help = "ask an administrator, or use a token with the role that the policy names; nothing was changed"
    status = 403


class NotFound(RequestError):
    """It is not there, or not for the caller to see."""

    code = "not_found"
    help = "list what is there, and look at the spelling of the name or id"
    status = 404


class Conflict(RequestError):
    """Taken, in use, or changed by somebody else in between."""

    code = "conflict"
    help = "show what stands in the way, change or delete it, then ask again; nothing was changed"
    status = 409


class QuotaExceeded(RequestError):
    """The tenant has as many as it may have."""

    code = "quota_exceeded"
    help = "delete what is not needed, or ask an administrator for more"
    status = 409


class TooLarge(RequestError):
    """The request has more bytes than the API takes."""

    code = "too_large"
    help = "send less at once"
    status = 413


class TemporaryError(EsiError):
    """Not now. `after` (seconds) says when to try again, where that is known."""

    code = "temporary"
    help = "try again later, unchanged"
    status = 503
    retry = True

    def __init__(self, message: str, *, after: float | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.after = after


class Unreachable(TemporaryError):
    """A database, etcd, device or backend does not answer. Whether it did what was asked is not known."""

    code = "unreachable"
    help = "see whether it runs and can be reached from there, then try again, unchanged"


class Busy(TemporaryError):
    """A lock is held by somebody else, or a device is in another's commit."""

    code = "busy"
    help = "try again in a moment, unchanged"


class TimedOut(TemporaryError):
    """It took longer than it may."""

    code = "timed_out"
    help = "look whether it has been done meanwhile, then try again, unchanged"


class LeaseLost(TemporaryError):
    """The right to work on this has ended: stop at once, someone else goes on."""

    code = "lease_lost"
    help = "nothing: whoever holds the lease now goes on"


class Outrun(TemporaryError):
    """A guarded commit was refused because a guard did not hold: somebody else was faster. Read and decide again."""

    code = "outrun"
    help = "nothing: it is read and decided again"


class Compacted(TemporaryError):
    """The history that a watch wants to resume from is gone: list again."""

    code = "compacted"
    help = "nothing: it is listed again"


class TerminalError(EsiError):
    """Trying again cannot help until a human or a new version changes something. Becomes a resource's reason."""

    code = "terminal"
    help = "mend what the sentence names, then set the resource again, or delete it"


class TemplateError(TerminalError):
    """A template that cannot be used; `path` is the place in it."""

    code = "template"
    help = "correct the template at the path that is named, then set the resource again"

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        super().__init__(f"{path}: {message}" if path else message, path=path)


class Rejected(TerminalError):
    """A device or backend said no. `who` names it, `words` are its own."""

    code = "rejected"
    help = "mend what the device or backend complains about, then set the resource again, or delete it"

    def __init__(self, who: str, words: str, **details: Any) -> None:
        self.who = who
        self.words = words
        super().__init__(f"{who}: {words}", who=who, words=words, **details)


class Unsupported(TerminalError):
    """Asked for something that is not built or not installed."""

    code = "unsupported"
    help = "ask for something that is built, or install what is missing"


class Broken(EsiError):
    """Our own fault: an invariant does not hold."""

    code = "broken"
    help = "report it with the request id and the log"
