"""NITRO as the appliance speaks it: from one request to one answer.

login and logout; then rows by verb: POST adds, PUT sets or binds, DELETE removes, GET shows; POST with an action does
what the action says. A name in the path is quoted twice, a value in args once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import unquote

from esi.lab.netscaler import codes, rules
from esi.lab.netscaler import fields as f
from esi.lab.netscaler.appliance import VERSION, Answer, Asked, Netscaler, done, refusal
from esi.lab.netscaler.codes import Refused
from esi.lab.netscaler.kinds import KINDS, Fields, Kind
from esi.lab.netscaler.sessions import allow
from esi.lab.netscaler.statistics import statistics

CONFIG, STAT = "/nitro/v1/config/", "/nitro/v1/stat/"
ACTIONS = frozenset({"enable", "disable", "save", "unset"})
SIZES = frozenset({10, 25, 50, 100, 200, 500, 1000, 3000, 5000, 8000})
NAMES = {kind.lower(): kind for kind in KINDS}


class Nitro:
    """Answers for one appliance."""

    def __init__(self, appliance: Netscaler) -> None:
        self._on = appliance

    def handle(self, asked: Asked) -> Answer:
        """The answer; one without a status means that the connection is cut. Never raises for what came in."""
        appliance = self._on
        if not appliance.reachable():
            return Answer(0)
        appliance.answered += 1
        try:
            answer = self._answer(asked)
        except Refused as refused:
            return refusal(refused)
        if asked.method != "GET" and "/login" not in asked.target:
            if appliance.faults.spend("error-after"):
                return Answer(500, b"<html><body>Internal Server Error</body></html>")
            if appliance.faults.spend("drop-after"):
                return Answer(0)
        return answer

    def _answer(self, asked: Asked) -> Answer:
        path, _, query = asked.target.partition("?")
        section = next((one for one in (CONFIG, STAT) if path.startswith(one)), None)
        if section is None:
            raise Refused(codes.BAD_OBJECT, path[:60])
        name, _, quoted = path.removeprefix(section).partition("/")
        key = unquote(unquote(quoted))
        if section == CONFIG and name == "login" and asked.method == "POST":
            token = self._on.sessions.log_in(self._on.rows, _body(asked, "login"))
            return Answer(
                201, done({"sessionid": token}).body, {"Set-Cookie": f"NITRO_AUTH_TOKEN={token}; path=/nitro/v1"}
            )
        token = _token(asked.headers)
        user, password = asked.headers.get("X-NITRO-USER", ""), asked.headers.get("X-NITRO-PASS", "")
        who = self._on.sessions.who(self._on.rows, token, user, password)
        if section == STAT:
            return done(statistics(self._on, name, key))
        if name == "logout":
            self._on.sessions.log_out(token)
            return done()
        arguments = _query(query)
        verb = _verb(asked.method, arguments)
        allow(self._on.rows, who, verb, name)
        if name in SYSTEM:
            return SYSTEM[name](self, verb, asked)
        return self._rows(NAMES.get(name.lower(), ""), verb, key, (asked, arguments))

    # -- rows -----------------------------------------------------------------------------------------------------

    def _rows(self, kind: str, verb: str, key: str, rest: tuple[Asked, Mapping[str, str]]) -> Answer:
        if not kind:
            raise Refused(codes.BAD_OBJECT)
        asked, arguments = rest
        definition = KINDS[kind]
        if definition.binding and verb == "set":
            verb = "add"
        if verb not in definition.verbs:
            raise Refused(codes.BAD_ACTION if verb in ACTIONS else codes.BAD_METHOD, kind)
        if verb in ("add", "set") and self._on.faults.refuses(kind):
            raise Refused(codes.RESOURCE_LIMIT, kind)
        if verb == "show":
            return self._show(kind, definition, key, _args(arguments))
        if verb == "rm":
            self._remove(kind, definition, key, _args(arguments))
            return done()
        given = _body(asked, kind)
        if verb == "add":
            self._add(kind, definition, given)
        elif verb == "set":
            self._set(kind, definition, given, key)
        else:
            self._switch(definition, given, verb)
        return done(status=201 if verb == "add" else 200)

    def _add(self, kind: str, definition: Kind, given: Mapping[str, Any]) -> None:
        rows, row = self._on.rows, definition.checked(given, whole=True)
        key = tuple(row[name] for name in definition.keys)
        if rows.get(kind, *key) is not None and not definition.binding:
            raise Refused(codes.EXIST, ", ".join((kind, *map(str, key))))
        if kind in rules.adding:
            rules.adding[kind](rows, row)
        rows.put(kind, row)

    def _set(self, kind: str, definition: Kind, given: Mapping[str, Any], key: str) -> None:
        if key and definition.path:
            given = {**given, definition.path: key}
        changes = definition.checked(given, whole=False)
        row = self._found(kind, definition, changes)
        if not changes.keys() - set(definition.keys):
            raise Refused(codes.NO_ARGUMENTS)
        fixed = [name for name in definition.fixed if name in changes and changes[name] != row.get(name)]
        if fixed:
            raise Refused(codes.NO_SUCH_ARGUMENT, fixed[0])
        self._on.rows.put(kind, {**row, **changes})

    def _switch(self, definition: Kind, given: Mapping[str, Any], verb: str) -> None:
        row = self._found("Interface", definition, definition.checked(given, whole=False))
        self._on.rows.put("Interface", {**row, "state": "ENABLED" if verb == "enable" else "DISABLED"})
        self._on.turn_ports()

    def _remove(self, kind: str, definition: Kind, key: str, args: Mapping[str, str]) -> None:
        given = {**args, definition.path: key} if definition.path else dict(args)
        row = self._found(kind, definition, definition.checked(given, whole=False))
        if kind in rules.removing:
            rules.removing[kind](self._on.rows, row)
        self._on.rows.drop(kind, *(row[name] for name in definition.keys))

    def _found(self, kind: str, definition: Kind, fields: Fields) -> Fields:
        key = tuple(fields[name] for name in definition.keys)
        row = self._on.rows.get(kind, *key)
        if row is None:
            raise Refused(codes.NOENT, ", ".join((kind, *map(str, key))))
        return row

    def _show(self, kind: str, definition: Kind, key: str, args: Mapping[str, str]) -> Answer:
        rows = self._on.rows.of(kind)
        if kind == "systemfile" and "filelocation" not in args:
            raise Refused(codes.MISSING, "filelocation")
        wanted = dict(args)
        if key and definition.path:
            wanted[definition.path] = key
        checked = {
            name: definition.checks[name](name, value) for name, value in wanted.items() if name in definition.checks
        }
        found = [row for row in rows if all(row.get(name) == value for name, value in checked.items())]
        if key and not found:
            self._absent(kind, definition, checked)
        if not found:
            return done()
        hidden = definition.hidden | ({"filecontent"} if kind == "systemfile" and not key else set())
        return done({kind: [_shown(row, hidden) for row in found]})

    def _absent(self, kind: str, definition: Kind, wanted: Fields) -> None:
        """Nothing under a key: an error, but for the bindings of a thing that is there."""
        parent = kind.partition("_")[0]
        if definition.binding and parent in KINDS and self._on.rows.get(parent, wanted[definition.path]) is not None:
            return
        raise Refused(codes.NOENT, f"{kind}, {wanted[definition.path]}")

    # -- the appliance itself -------------------------------------------------------------------------------------

    def nsversion(self, verb: str, asked: Asked) -> Answer:
        return done({"nsversion": {"version": VERSION, "mode": 1}})

    def nslicense(self, verb: str, asked: Asked) -> Answer:
        return done({"nslicense": self._on.licence()})

    def nshardware(self, verb: str, asked: Asked) -> Answer:
        return done({"nshardware": {"hwdescription": "NetScaler Virtual Appliance", "sysid": "450000"}})

    def nsconfig(self, verb: str, asked: Asked) -> Answer:
        if verb == "show":
            return done({"nsconfig": {"ipaddress": self._on.image.ip, "configchanged": self._on.changed()}})
        if verb != "save":
            raise Refused(codes.BAD_ACTION, "nsconfig")
        self._on.save()
        return done()

    def reboot(self, verb: str, asked: Asked) -> Answer:
        if verb != "add":
            raise Refused(codes.BAD_METHOD, "reboot")
        given = _body(asked, "reboot")
        if "warm" in given:
            f.switch("warm", given["warm"])
        self._on.restart()
        return done()

    def nscapacity(self, verb: str, asked: Asked) -> Answer:
        rows = self._on.rows
        if not self._on.image.pooled:
            raise Refused(codes.BAD_OBJECT, "nscapacity")
        if verb == "show":
            return done({"nscapacity": {name: _number(value) for name, value in rows.capacity.items()}})
        given = _body(asked, "nscapacity")
        unknown = sorted(set(given) - {"edition", "unit", "bandwidth"})
        if unknown:
            raise Refused(codes.NO_SUCH_ARGUMENT, unknown[0])
        if verb == "unset":
            rows.capacity = {name: value for name, value in rows.capacity.items() if name not in given}
        elif verb == "set":
            edition = f.word("Standard", "Enterprise", "Platinum")("edition", given.get("edition"))
            unit = f.word("Mbps", "Gbps")("unit", given.get("unit", "Mbps"))
            bandwidth = f.number(1, 100_000)("bandwidth", given.get("bandwidth"))
            if bandwidth not in SIZES:
                raise Refused(codes.OUT_OF_RANGE, f"bandwidth, {bandwidth}")
            rows.capacity = {"edition": edition, "unit": unit, "bandwidth": bandwidth}
        else:
            raise Refused(codes.BAD_METHOD, "nscapacity")
        return done()


SYSTEM: Mapping[str, Callable[[Nitro, str, Asked], Answer]] = {
    name: getattr(Nitro, name) for name in ("nsversion", "nslicense", "nshardware", "nsconfig", "reboot", "nscapacity")
}


def _verb(method: str, arguments: Mapping[str, str]) -> str:
    action = arguments.get("action", "")
    if action:
        if method != "POST" or action not in ACTIONS:
            raise Refused(codes.BAD_ACTION, action[:30])
        return action
    verbs = {"GET": "show", "POST": "add", "PUT": "set", "DELETE": "rm"}
    if method not in verbs:
        raise Refused(codes.BAD_METHOD)
    return verbs[method]


def _body(asked: Asked, name: str) -> Mapping[str, Any]:
    """The fields of the one resource that the body is about."""
    try:
        raw = json.loads(asked.body)
    except (ValueError, RecursionError):
        raise Refused(codes.BAD_JSON) from None
    if not isinstance(raw, dict) or [one.lower() for one in raw] != [name.lower()]:
        raise Refused(codes.BAD_JSON, name)
    fields = next(iter(raw.values()))
    if not isinstance(fields, dict):
        raise Refused(codes.BAD_JSON, name)
    return fields


def _query(text: str) -> dict[str, str]:
    """The query's parameters, their values still quoted."""
    pairs = (part.partition("=") for part in text.split("&") if part)
    return {unquote(name): value for name, _, value in pairs}


def _args(arguments: Mapping[str, str]) -> dict[str, str]:
    pairs = (part.partition(":") for part in unquote(arguments.get("args", "")).split(",") if part)
    return {name: value for name, _, value in pairs}


def _token(headers: Mapping[str, str]) -> str:
    """From the cookie, or from a header Set-Cookie, which some clients send."""
    for header in ("Cookie", "Set-Cookie"):
        try:
            cookie = SimpleCookie(headers.get(header, ""))
        except CookieError:
            continue
        if "NITRO_AUTH_TOKEN" in cookie:
            return unquote(cookie["NITRO_AUTH_TOKEN"].value)
    return ""


def _shown(row: Fields, hidden: frozenset[str] | set[str]) -> dict[str, Any]:
    """A row as NITRO shows it: numbers are text."""
    return {name: _number(value) for name, value in row.items() if name not in hidden}


def _number(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
