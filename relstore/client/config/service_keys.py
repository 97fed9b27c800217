"""The keys of relstore.toml that say how a release goes live: units, commands, health, hooks.

Readers of single values, as in ``keys``; the flags of the same names are read by them too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from relstore.client.config.amounts import milliseconds
from relstore.client.config.keys import Key, PathBase, command, flag, seconds, string, type_name
from relstore.errors import UsageError
from relstore.formats.names import UnitName
from relstore.formats.recipe import ACTIONS, SUDO, Escalation, Http, HttpUrl, UnitAction

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[^\x00-\x1f\x7f]*")
_HTTP_KEYS = ("url", "status", "body", "headers", "socket")
_MAX_CONFIRM_S = 24 * 3600


def _units(value: object, place: PathBase) -> tuple[UnitName, ...]:
    found: list[UnitName] = []
    for item in _several(value, "a unit"):
        unit = UnitName.parse(string(item))
        if unit in found:
            raise UsageError(f"names {unit} twice", hint="Remove one of the two.")
        found.append(unit)
    return tuple(found)


def _action(value: object, place: PathBase) -> UnitAction:
    text = string(value)
    for action in ACTIONS:
        if action == text:
            return action
    raise UsageError(f"{text!r} is not an action", hint=f"It is one of {', '.join(ACTIONS)}.")


def _become(value: object, place: PathBase) -> Escalation:
    if string(value) != SUDO:
        raise UsageError(f"{value!r} is not known", hint=f'It can be "{SUDO}".')
    return SUDO


def _milliseconds(value: object, place: PathBase) -> int:
    if not isinstance(value, str):
        raise UsageError(
            f"must be a string with a duration, not {type_name(value)}", hint='For example "500ms" or "3s".'
        )
    return milliseconds(value)


def _confirm(value: object, place: PathBase) -> int:
    found = seconds(value, place)
    if found > _MAX_CONFIRM_S:
        raise UsageError("is out of range", hint="Write something up to 24h.")
    return found


def _tcp(value: object, place: PathBase) -> tuple[str, ...]:
    found = []
    for item in _several(value, "an address"):
        match = _ADDRESS.fullmatch(string(item))
        if not match or not 0 < int(match[2]) < 65536:
            raise UsageError(f"{item!r} is not HOST:PORT", hint='For example "127.0.0.1:8080".')
        found.append(match[0])
    return tuple(found)


def _http(value: object, place: PathBase) -> tuple[Http, ...]:
    items = value if isinstance(value, list) else [value]
    if not items:
        raise UsageError("has no URL", hint="Name at least one, or remove the key.")
    return tuple(_request(item) for item in items)


def _request(value: object) -> Http:
    """One request: a URL, or a table of what is sent and expected."""
    table = value if isinstance(value, dict) else {"url": value}
    unknown = sorted(set(table) - set(_HTTP_KEYS))
    if unknown:
        raise UsageError(f"has the unknown key {unknown[0]!r}", hint=f"The keys are {', '.join(_HTTP_KEYS)}.")
    if "url" not in table:
        raise UsageError("has no url", hint='For example { url = "http://127.0.0.1:8080/", status = 200 }.')
    url = string(table["url"])
    HttpUrl.parse(url)
    return Http(
        url,
        _status(table["status"]) if "status" in table else 0,
        _pattern(table["body"]) if "body" in table else "",
        _headers(table["headers"]) if "headers" in table else (),
        _socket(table["socket"]) if "socket" in table else "",
    )


def _status(value: object) -> int:
    # A flag is text.
    number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{3}", value) else value
    if not isinstance(number, int) or isinstance(number, bool) or not 100 <= number <= 599:
        raise UsageError(f"{value!r} is not a status", hint="Write a number from 100 to 599.")
    return number


def _pattern(value: object) -> str:
    text = string(value)
    try:
        re.compile(text)
    except re.error as error:
        raise UsageError(f"{text!r} is not a regular expression: {error}") from None
    return text


def _socket(value: object) -> str:
    text = string(value)
    if not text.startswith("/"):
        raise UsageError(
            f"{text!r} is not an absolute path", hint="Name the socket on the host, from '/' on."
        )
    return text


def _headers(value: object) -> tuple[str, ...]:
    """An array of lines ``Name: value``."""
    found = tuple(string(line) for line in _several(value, "a header"))
    for line in found:
        if not _HEADER.fullmatch(line):
            raise UsageError(f"{line!r} is not a header", hint='For example "Host: example.org".')
    return found


def _several(value: object, what: str) -> list[object]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list):
        raise UsageError(f"must be a string or an array of strings, not {type_name(value)}")
    if not items:
        raise UsageError(f"has no {what.split()[-1]}", hint="Name at least one, or remove the key.")
    return items


SERVICE_KEYS: Mapping[str, Key] = MappingProxyType(
    {
        "unit": Key("units", _units),
        "user": Key("user", flag),
        "unit-action": Key("unit_action", _action),
        "unit-runs-build": Key("unit_runs_build", flag),
        "become": Key("become", _become),
        "ask-become-pass": Key("ask_become_pass", flag),
        "restart": Key("restart", command),
        "reload": Key("reload", command),
        "restart-timeout": Key("restart_timeout", seconds),
        "health-timeout": Key("health_timeout", _milliseconds),
        "health-interval": Key("health_interval", _milliseconds),
        "health-stable": Key("health_stable", _milliseconds),
        "http": Key("http", _http),
        "http-status": Key("http_status", lambda value, place: _status(value)),
        "http-body": Key("http_body", lambda value, place: _pattern(value)),
        "http-headers": Key("http_headers", lambda value, place: _headers(value)),
        "http-socket": Key("http_socket", lambda value, place: _socket(value)),
        "tcp": Key("tcp", _tcp),
        "health-command": Key("health_command", command),
        "before": Key("before", command),
        "after": Key("after", command),
        "on-failure": Key("on_failure", command),
        "hook-timeout": Key("hook_timeout", seconds),
        "confirm": Key("confirm", _confirm),
    }
)
"""They stand where the other keys stand."""
