"""NETCONF requests to a lab router: matched by local name, done by a session's methods, answered in JUNOS's shapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from lxml import etree

from esi.errors import TemplateError
from esi.lab import replies
from esi.lab.configuration import get, get_config, get_configuration, get_rollback_information
from esi.lab.gate import WARNING
from esi.lab.operational import QUESTIONS, Asked, known
from esi.lab.replies import OK
from esi.lab.session import LabSession
from esi.lab.topology import Topology
from esi.lab.words import Fault, Refused
from esi.netconf.rpc import build_reply, parse_rpc
from esi.netconf.xml import Element, child, child_text, children, local, text
from esi.render.junos.reading import Default
from esi.render.junos.xml import JUNOS

Content = Sequence[bytes | Element]
Handler = Callable[[LabSession, Element], Awaitable[Content]]

CONFIRM_SECONDS = 600.0
CONFIRM_MINUTES = 10


async def answer(session: LabSession, request: bytes, *, topology: Topology) -> bytes:
    """One request document, one reply document. Raises Unreachable for what is no request, Dropped when cut."""
    rpc = parse_rpc(request, who=session.router.name)
    router, question = session.router, QUESTIONS.get(rpc.name)
    handler = _HANDLERS.get(rpc.name)
    router.counts[f"rpc:{rpc.name if handler or question or rpc.name == 'command' else 'unknown'}"] += 1
    verb = _verb(rpc.name, rpc.operation)
    await router.gate.before(session, verb)
    try:
        if question is not None:
            content = question(Asked(topology, router, rpc.operation))
        elif rpc.name == "command":
            content = await _command(topology, session, rpc.operation)
        elif handler is not None:
            content = await handler(session, rpc.operation)
        else:
            raise router.refused("syntax error", bad=rpc.name)
    except Refused as refused:
        content = replies.errors(refused.faults)
    except TemplateError as error:
        content = replies.errors([Fault("syntax error", bad=str(error))])
    if router.gate.warnings and verb in ("load", "commit"):
        content = _warned(content)
    return await router.gate.after(session, verb, build_reply(rpc, content, {"junos": JUNOS}))


def _verb(name: str, operation: Element) -> str:
    """What a request does, whichever of its two names it has."""
    if name in ("edit-config", "load-configuration"):
        return "load"
    if name in ("commit", "commit-configuration") and child(operation, "check") is None:
        return "commit"
    return name


def _warned(content: Content) -> Content:
    """The reply with a warning more: in the results of a load, beside the ok of everything else."""
    warning = replies.errors([Fault(WARNING, severity="warning")])
    head = b"<load-configuration-results>"
    if content and isinstance(content[0], bytes) and content[0].startswith(head):
        return [head + warning[0] + content[0].removeprefix(head), *content[1:]]
    return [*warning, *content]


# -- the lock ---------------------------------------------------------------------------------------------------------


async def _lock(session: LabSession, operation: Element) -> Content:
    _candidate(session, operation, "target")
    session.lock()
    return [OK]


async def _unlock(session: LabSession, operation: Element) -> Content:
    _candidate(session, operation, "target")
    session.unlock()
    return [OK]


async def _lock_configuration(session: LabSession, operation: Element) -> Content:
    session.lock()
    return []


async def _unlock_configuration(session: LabSession, operation: Element) -> Content:
    session.unlock()
    return []


async def _open_configuration(session: LabSession, operation: Element) -> Content:
    """Only the exclusive form: private copies are not built."""
    if child(operation, "exclusive") is None:
        raise session.router.refused("syntax error", bad="open-configuration")
    session.lock()
    return replies.errors([Fault("uncommitted changes will be discarded on exit", severity="warning")])


# -- edits ------------------------------------------------------------------------------------------------------------


async def _edit_config(session: LabSession, operation: Element) -> Content:
    _candidate(session, operation, "target")
    default = child_text(operation, "default-operation") or "merge"
    config, plain = child(operation, "config"), child(operation, "config-text")
    if plain is not None:
        return [*replies.errors(session.load_text(_text_action(session, default), _payload(plain))), OK]
    inside = child(config, "configuration") if config is not None else None
    if inside is None or default not in ("merge", "replace", "none"):
        raise session.router.refused("syntax error", bad="edit-config")
    chosen: Default = "none" if default == "none" else "replace" if default == "replace" else "merge"
    return [*replies.errors(session.edit_config(inside, chosen)), OK]


def _text_action(session: LabSession, default: str) -> str:
    if default not in ("merge", "replace"):
        raise session.router.refused("syntax error", bad=default)
    return "override" if default == "replace" else "merge"


def _payload(holder: Element) -> str:
    inner = child(holder, "configuration-text")
    return (inner if inner is not None else holder).text or ""


async def _load_configuration(session: LabSession, operation: Element) -> Content:
    rollback = operation.get("rollback")
    if rollback is not None:
        session.rollback(_number(session, rollback))
        return [replies.load_results([], [])]
    action = operation.get("action", "merge")
    payload = next(children(operation), None)
    name = local(payload) if payload is not None else ""
    try:
        if payload is None or action not in ("merge", "replace", "override", "overwrite", "update", "set"):
            raise session.router.refused("syntax error", bad=action)
        if name == "configuration":
            warnings = session.load_xml(action, payload)
        elif name in ("configuration-text", "configuration-set"):
            warnings = session.load_text("set" if name.endswith("set") else action, payload.text or "")
        else:
            raise session.router.refused("syntax error", bad=name)
    except Refused as refused:
        if refused.faults[0].tag == "lock-denied":
            raise
        faults = [fault for fault in refused.faults if fault.severity == "error"]
        return [replies.load_results(faults, [fault for fault in refused.faults if fault not in faults])]
    return [replies.load_results([], warnings)]


async def _discard(session: LabSession, operation: Element) -> Content:
    session.discard()
    return [OK]


async def _delete_config(session: LabSession, operation: Element) -> Content:
    _candidate(session, operation, "target")
    session.load_text("override", "")
    return [OK]


# -- commits ----------------------------------------------------------------------------------------------------------


async def _commit(session: LabSession, operation: Element) -> Content:
    """The standard commit: the time to confirm is in seconds."""
    seconds = child_text(operation, "confirm-timeout")
    confirmed = child(operation, "confirmed") is not None
    within = (float(_number(session, seconds)) if seconds else CONFIRM_SECONDS) if confirmed else None
    return await _committed(session, operation, within)


async def _commit_configuration(session: LabSession, operation: Element) -> Content:
    """JUNOS's own commit: the time to confirm is in minutes."""
    minutes = child_text(operation, "confirm-timeout")
    confirmed = child(operation, "confirmed") is not None
    within = 60.0 * (_number(session, minutes) if minutes else CONFIRM_MINUTES) if confirmed else None
    return await _committed(session, operation, within)


async def _committed(session: LabSession, operation: Element, within: float | None) -> Content:
    try:
        await session.commit(
            child_text(operation, "log"), confirmed=within, check=child(operation, "check") is not None
        )
    except Refused as refused:
        return _no_commit(refused)
    return [OK]


async def _validate(session: LabSession, operation: Element) -> Content:
    try:
        session.check()
    except Refused as refused:
        return _no_commit(refused)
    return [OK]


def _no_commit(refused: Refused) -> Content:
    if refused.faults[0].tag == "lock-denied":
        raise refused
    return [replies.commit_results(refused.faults)]


async def _commit_information(session: LabSession, operation: Element) -> Content:
    session.router.look()
    return [replies.commit_information(session.router.history)]


# -- sessions and the rest --------------------------------------------------------------------------------------------


async def _close_session(session: LabSession, operation: Element) -> Content:
    session.close()
    return [OK]


async def _kill_session(session: LabSession, operation: Element) -> Content:
    session.kill(_number(session, child_text(operation, "session-id")))
    return [OK]


async def _command(topology: Topology, session: LabSession, operation: Element) -> Content:
    """The few commands that have a request of their own."""
    words = text(operation)
    name = known(words.split())
    if words.startswith("show system commit"):
        content = await _commit_information(session, operation)
    elif name:
        content = QUESTIONS[name](Asked(topology, session.router, _as_request(words.split())))
    else:
        raise session.router.refused("syntax error", bad=words)
    if operation.get("format") != "text":
        return content
    shown = etree.fromstring(build_reply(None, content, {"junos": JUNOS}))
    return [replies.element("output", "\n".join(str(word) for word in shown.itertext() if str(word).strip()))]


def _as_request(words: list[str]) -> Element:
    """The words of a command as the elements of its request: flags, an instance, an interface."""
    request = etree.Element("get")
    for number, word in enumerate(words):
        if word in ("terse", "detail", "summary", "brief"):
            etree.SubElement(request, word)
        elif word == "instance" and number + 1 < len(words):
            etree.SubElement(request, "exact-instance").text = words[number + 1]
        elif words[:2] == ["show", "interfaces"] and number == 2:
            etree.SubElement(request, "interface-name").text = word
    return request


def _candidate(session: LabSession, operation: Element, role: str) -> None:
    holder = child(operation, role)
    if holder is None or child(holder, "candidate") is None:
        raise session.router.refused("syntax error", bad=role)


def _number(session: LabSession, value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise session.router.refused(f"Invalid numeric value: '{value}'", bad=value)
    return int(value)


_HANDLERS: dict[str, Handler] = {
    "lock": _lock,
    "unlock": _unlock,
    "lock-configuration": _lock_configuration,
    "unlock-configuration": _unlock_configuration,
    "open-configuration": _open_configuration,
    "close-configuration": _unlock_configuration,
    "edit-config": _edit_config,
    "load-configuration": _load_configuration,
    "discard-changes": _discard,
    "delete-config": _delete_config,
    "commit": _commit,
    "commit-configuration": _commit_configuration,
    "validate": _validate,
    "get": get,
    "get-config": get_config,
    "get-configuration": get_configuration,
    "get-rollback-information": get_rollback_information,
    "get-commit-information": _commit_information,
    "close-session": _close_session,
    "kill-session": _kill_session,
}
