"""From settings to a Recipe: what the flags and relstore.toml say together, with every default.

The keys are those of ``service_keys``; None or a missing key: nobody said anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relstore.formats.recipe import RELOAD, RESTART, Command, Health, Http, Recipe, Units

RESTART_TIMEOUT_S = 60
HOOK_TIMEOUT_S = 300
PROBE_TIMEOUT_S = 10


def recipe(said: Mapping[str, Any]) -> Recipe:
    """``said``: the fields of ``Config`` by name."""

    def get(name: str, default: Any) -> Any:
        value = said.get(name)
        return default if value is None else value

    restart_timeout = get("restart_timeout", RESTART_TIMEOUT_S)
    hook_timeout = get("hook_timeout", HOOK_TIMEOUT_S)

    def command(name: str, seconds: int) -> Command | None:
        words = said.get(name)
        return None if words is None else Command(words, seconds)

    action = get("unit_action", RESTART)
    probe = command("health_command", PROBE_TIMEOUT_S)
    health = Health()
    return Recipe(
        Units(
            get("units", ()),
            get("user", False),
            action,
            # What only reloads goes on with its old process.
            get("unit_runs_build", action != RELOAD),
            get("become", ""),
        ),
        command("restart", restart_timeout),
        command("reload", restart_timeout),
        restart_timeout,
        Health(
            get("health_timeout", health.timeout),
            get("health_interval", health.interval),
            get("health_stable", health.stable),
            tuple(_request(one, said) for one in get("http", ())),
            get("tcp", ()),
            () if probe is None else (probe,),
        ),
        command("before", hook_timeout),
        command("after", hook_timeout),
        command("on_failure", hook_timeout),
        get("confirm", 0),
    )


def _request(request: Http, said: Mapping[str, Any]) -> Http:
    """With what holds for every request that does not say otherwise."""
    return Http(
        request.url,
        request.status or said.get("http_status") or 0,
        request.body or said.get("http_body") or "",
        request.headers or said.get("http_headers") or (),
        request.socket or said.get("http_socket") or "",
    )
