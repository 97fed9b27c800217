"""The keys that say which service runs the app, and how it is restarted."""

from __future__ import annotations

from relstore.client.config.readers import BOOLEAN, COMMAND, SECONDS, one_of, several, string
from relstore.client.config.setting import DefaultedSetting, PathBase, Setting, ValueType
from relstore.errors import UsageError
from relstore.formats.finding import GUESSES, Guess, parse_guesses
from relstore.formats.names import TemplateName, UnitName, parse_unit
from relstore.formats.recipe import ACTIONS, RESTART, SUDO, Escalation, UnitAction

TITLE = "The service that runs the app"
INTRO = "If a restart or a health check fails, the host rolls back to the previous generation."
ACTIVATING = ("push", "switch-generation", "rollback")
RUNNING = (*ACTIVATING, "restart")
"""The commands that restart the service and check it. Hooks and confirmation belong to a switch."""
ASKING = (*RUNNING, "check")
"""Those, and the one that asks whether the others could."""
READING = (*ASKING, "logs")
"""Those, and the one that only has to know which units there are."""


def _units(value: object, base: PathBase) -> tuple[UnitName, ...]:
    units: list[UnitName] = []
    for item in several(value, "unit"):
        unit = parse_unit(string(item))
        if unit in units:
            raise UsageError(f"names {unit} twice", hint="Remove one of the two.")
        units.append(unit)
    if len(units) > 1 and any(isinstance(unit, TemplateName) for unit in units):
        raise UsageError("is a template and something else", hint="A template stands alone.")
    return tuple(units)


def _action(value: object, base: PathBase) -> UnitAction:
    return one_of(value, ACTIONS, "an action")


def _become(value: object, base: PathBase) -> Escalation:
    if string(value) != SUDO:
        raise UsageError(f"{value!r} is not known", hint=f'It can be "{SUDO}".')
    return SUDO


def _findings(value: object, base: PathBase) -> tuple[Guess, ...]:
    return parse_guesses([string(item) for item in several(value, "kind")])


UNIT = Setting(
    "unit",
    ValueType("unit, or a list of units", "UNIT", _units, repeatable=True),
    help="The systemd unit to restart after the switch.",
    more="The host checks that it stays up and executes the release. There may be several. "
    "`relstore unit --install` makes a hardened one. A template, `web@`, has two slots (see cut-over).",
    example="web.service",
    commands=(*READING, "sudoers"),
)
USER = DefaultedSetting(
    "user",
    BOOLEAN,
    help="The units belong to the account's own manager (systemctl --user).",
    example=False,
    default=False,
    commands=(*READING, "unit"),
)
UNIT_ACTION = DefaultedSetting(
    "unit-action",
    ValueType("string", "ACTION", _action, choices=ACTIONS),
    help=f"What to do with the units: {', '.join(ACTIONS)}.",
    example="restart",
    default=RESTART,
    commands=(*ASKING, "sudoers"),
)
UNIT_RUNS_BUILD = Setting(
    "unit-runs-build",
    BOOLEAN,
    help="Require that the units' main processes execute the new build.",
    example=True,
    absent="true, unless the units are only reloaded",
    commands=ASKING,
)
BECOME = Setting(
    "become",
    ValueType("string", SUDO, _become, choices=(SUDO,)),
    help="Manage the units through sudo.",
    more="`relstore sudoers` prints the rule that the account needs.",
    example=SUDO,
    commands=(*ASKING, "unit"),
)
ASK_BECOME_PASS = DefaultedSetting(
    "ask-become-pass",
    BOOLEAN,
    help="Ask for sudo's password, once for all hosts.",
    example=False,
    default=False,
    commands=(*ASKING, "unit"),
)
RESTART_COMMAND = Setting(
    "restart",
    COMMAND,
    help="Run this command on the host (sh -c) after the switch.",
    more="It is for a supervisor other than systemd; for systemd, set `unit`. That it exits with code 0 says "
    "little about the release, so set a probe as well. It may also be a list of a program and its arguments.",
    example="supervisorctl restart web",
    commands=RUNNING,
)
RELOAD_COMMAND = Setting(
    "reload",
    COMMAND,
    help="Run this command instead of `restart` where a previous version runs.",
    example="supervisorctl signal HUP web",
    commands=RUNNING,
)
RESTART_TIMEOUT = DefaultedSetting(
    "restart-timeout",
    SECONDS,
    help="How long a restart may take; a unit gets as long as systemd gives it.",
    example="60s",
    default="60s",
    commands=RUNNING,
)
IGNORE_PREFLIGHT = Setting(
    "ignore-preflight",
    ValueType(
        "kind, or a list of kinds",
        "KIND[,KIND]",
        _findings,
        from_flag=lambda text: [word.strip() for word in text.split(",")],
        choices=GUESSES,
    ),
    help="Continue in spite of preflight findings of these kinds; this is recorded.",
    more="Every finding shows its kind in brackets.",
    example=["unit-needs-root"],
    commands=ASKING,
)
