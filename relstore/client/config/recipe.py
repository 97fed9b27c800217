"""From settings to what is sent to a host: the recipe of an activation, and what is to be kept."""

from __future__ import annotations

from collections.abc import Mapping

from relstore.client.config.keys import cut_over as keys
from relstore.client.config.keys import health, hooks, retention, service
from relstore.client.config.setting import Setting
from relstore.client.config.values import Values
from relstore.errors import UsageError
from relstore.formats.command import Command
from relstore.formats.cut_over import (
    LINK,
    NONE,
    PLACEHOLDER,
    RUNTIME,
    SOCKET,
    CutOver,
    Way,
    check_socket,
    trial_unit,
)
from relstore.formats.front import Front, HaproxyApi
from relstore.formats.names import BackendName, TemplateName
from relstore.formats.recipe import RELOAD, Health, Http, Recipe, Units
from relstore.formats.retention import Policy

PROBE_TIMEOUT_S = 10
_WHY_ALL_AT_ONCE: Mapping[Way, str] = {
    LINK: "a link leads to one socket, so it moves all of the traffic at once",
    SOCKET: "both releases accept from the one socket, and nobody decides which of them does",
    NONE: "no traffic is moved, so there is nothing to share",
}


def recipe(settings: Values) -> Recipe:
    """How a release goes live, with every default filled in."""
    restart_timeout = settings.get(service.RESTART_TIMEOUT)
    hook_timeout = settings.get(hooks.HOOK_TIMEOUT)

    def command(setting: Setting[tuple[str, ...]], timeout: int) -> Command | None:
        words = settings.get(setting)
        return None if words is None else Command(words, timeout)

    cut_over = slots(settings, _template(settings))
    probe = command(health.HEALTH_COMMAND, PROBE_TIMEOUT_S)
    return Recipe(
        _units(settings),
        command(service.RESTART_COMMAND, restart_timeout),
        command(service.RELOAD_COMMAND, restart_timeout),
        restart_timeout,
        Health(
            settings.get(health.HEALTH_TIMEOUT),
            settings.get(health.HEALTH_INTERVAL),
            settings.get(health.HEALTH_STABLE),
            tuple(_request(request, settings, cut_over) for request in settings.get(health.HTTP) or ()),
            settings.get(health.TCP) or (),
            () if probe is None else (probe,),
        ),
        command(hooks.BEFORE, hook_timeout),
        command(hooks.AFTER, hook_timeout),
        command(hooks.ON_FAILURE, hook_timeout),
        settings.get(hooks.CONFIRM) or 0,
        cut_over,
    )


def policy(settings: Values) -> Policy | None:
    """What is to be kept, or None where the settings do not say."""
    limits = Policy(
        settings.get(retention.KEEP), settings.get(retention.KEEP_WITHIN), settings.get(retention.MAX_SIZE)
    )
    return None if limits.is_empty else limits


def _units(settings: Values) -> Units:
    action = settings.get(service.UNIT_ACTION)
    runs_build = settings.get(service.UNIT_RUNS_BUILD)
    return Units(
        () if _template(settings) else settings.get(service.UNIT) or (),
        settings.get(service.USER),
        action,
        # A unit that only reloads keeps its old process.
        action != RELOAD if runs_build is None else runs_build,
        settings.get(service.BECOME) or "",
    )


def _template(settings: Values) -> TemplateName | None:
    units = settings.get(service.UNIT) or ()
    return next((unit for unit in units if isinstance(unit, TemplateName)), None)


def slots(settings: Values, template: TemplateName | None) -> CutOver | None:
    """How ``template`` runs the app; None without one. Raises UsageError for keys that do not go together."""
    choice = settings.get(keys.CUT_OVER)
    if template is None:
        if choice is not None:
            raise UsageError("cut-over without a template", hint='Set unit = "NAME@", a template of units.')
        return None
    for setting in (service.RESTART_COMMAND, service.RELOAD_COMMAND):
        if settings.get(setting) is not None:
            raise UsageError(
                f"{setting.name} beside the template {template}", hint="With slots, nothing is restarted."
            )
    way = choice.way if choice else LINK
    if way == SOCKET and settings.get(keys.STANDBY):
        raise UsageError(
            'standby with cut-over = "socket": a release accepts connections for as long as it runs, so none '
            "can be kept running without traffic",
            hint="Remove standby.",
        )
    name = template.removesuffix("@.service")
    runtime = RUNTIME if settings.get(service.USER) else "/run"
    socket = settings.get(keys.SLOT_SOCKET) or check_socket(f"{runtime}/{name}-{PLACEHOLDER}/sock")
    return CutOver(
        template,
        way,
        "" if way == NONE else socket,
        settings.get(keys.DRAIN),
        # Only the program itself can stop accepting from the shared socket.
        way == SOCKET or settings.get(keys.DRAIN_ANNOUNCE),
        settings.get(keys.WATCH),
        settings.get(keys.STANDBY),
        _front(settings, choice, name),
        trial_unit(template) if way == SOCKET else None,
    )


def _front(settings: Values, choice: keys.Choice | None, name: str) -> Front | None:
    """What is told of the shares; ``name``: of the template. Raises UsageError for ones nobody is told."""
    shares = settings.get(keys.SHARES) or ()
    way = choice.way if choice else LINK
    if way in _WHY_ALL_AT_ONCE:
        if shares:
            raise UsageError(
                f'shares with cut-over = "{way}": {_WHY_ALL_AT_ONCE[way]}',
                hint='Set cut-over = "haproxy" or a command for it, or remove shares.',
            )
        return None
    if choice is not None and choice.command is not None:
        return Front(shares, None, Command(choice.command, settings.get(hooks.HOOK_TIMEOUT)))
    backend = settings.get(keys.HAPROXY_BACKEND) or BackendName.parse(name)
    return Front(shares, HaproxyApi(settings.get(keys.HAPROXY_SOCKET), backend), None)


def _request(request: Http, settings: Values, cut_over: CutOver | None) -> Http:
    """With what holds for every request that does not set its own."""
    socket = cut_over.socket if cut_over else ""
    return Http(
        request.url,
        request.status or settings.get(health.HTTP_STATUS) or 0,
        request.body or settings.get(health.HTTP_BODY) or "",
        request.headers or settings.get(health.HTTP_HEADERS) or (),
        request.socket or settings.get(health.HTTP_SOCKET) or socket,
    )
