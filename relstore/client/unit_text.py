"""The texts that ``relstore unit`` and ``relstore sudoers`` print: units, and a rule for sudo. Pure.

A hardened unit that runs an app through ``current``; a unit that resolves interrupted activations at
boot; and the smallest rule that lets an account manage units. Not for installing them; the host does that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from relstore.errors import UsageError
from relstore.formats import systemctl
from relstore.formats.cut_over import LIVE, PLACEHOLDER, SLOTS_DIRECTORY, CutOver
from relstore.formats.names import AppName, UnitName
from relstore.formats.recipe import UnitAction

_HARDENING = """\
# The system is read-only for it, and other accounts' files and processes are mostly hidden.
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome={home}
PrivateTmp={tmp}
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
LockPersonality=yes
RemoveIPC=yes
UMask={umask}
CapabilityBoundingSet=
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""
_STOP_MARGIN_S = 15
"""How much longer than its connections may last a slot has to stop."""
_PATH = re.compile(r"/[A-Za-z0-9._/+-]+")
_SUDOERS_LETTERS = ' \t\n,:=\\()#"%+!'
"""Characters with a meaning in sudoers, which no account name has."""


@dataclass(frozen=True)
class Service:
    """What a unit runs."""

    app: AppName
    root: str
    """The store's absolute path on the host."""
    program: str
    """The path inside the build."""
    arguments: tuple[str, ...] = ()
    account: str = ""
    """The account it runs as; ``""``: one that systemd creates for it (DynamicUser=)."""
    user: bool = False
    """Whether it belongs to an account's own manager."""


@dataclass(frozen=True)
class UnitFile:
    """One file for systemd."""

    name: str
    text: str


def slot_units(unit: Service, cut_over: CutOver, *, front: int | None) -> list[UnitFile]:
    """All that an app with slots needs. ``front``: the port of a proxy before it, None for another one."""
    files = [UnitFile(cut_over.template, slot_service(unit, cut_over))]
    if front is not None:
        files += [
            UnitFile(f"{unit.app}.socket", front_socket(unit.app, front)),
            UnitFile(f"{unit.app}.service", front_service(unit.app, unit.root)),
        ]
    return files


def service(unit: Service) -> str:
    """The text of a unit. Raises UsageError for values that no unit file can hold."""
    command = [f"{unit.root}/apps/{unit.app}/current/{unit.program}", *unit.arguments]
    return _service(unit, " ".join(map(_word, command)), (), ())


def slot_service(unit: Service, cut_over: CutOver) -> str:
    """The text of the template whose two instances are the slots of an app. Raises UsageError."""
    slot = f"{_value(unit.root)}/apps/{unit.app}/{SLOTS_DIRECTORY}/%i"
    program = _word(unit.program)
    command = f'"{slot}/{program[1:]}' if program.startswith('"') else f"{slot}/{program}"
    name = cut_over.template.removesuffix("@.service")
    return _service(
        unit,
        " ".join((command, *(_slot_word(word) for word in unit.arguments))),
        (
            "# The slot is wanted for as long as its link is there, at boot too.",
            f"ConditionPathExists={slot}",
        ),
        (
            f"RuntimeDirectory={name}-%i",
            "# Whoever stands in front connects to its socket there.",
            "RuntimeDirectoryMode=0755",
            "KillMode=mixed",
        ),
        stop=cut_over.drain + _STOP_MARGIN_S,
        # What stands in front belongs to another account, and has to connect.
        umask="0000",
    )


def front_socket(app: AppName, port: int) -> str:
    """The text of the socket that listens for the app where no balancer does."""
    return "\n".join(
        (
            "[Unit]",
            f"Description={_value(app)}, which relstore moves from release to release",
            "",
            "[Socket]",
            f"ListenStream={port}",
            "Backlog=4096",
            "",
            "[Install]",
            "WantedBy=sockets.target",
            "",
        )
    )


def front_service(app: AppName, root: str) -> str:
    """The text of the service behind it: systemd's own proxy, which connects to ``live``."""
    live = f"{root}/apps/{app}/{LIVE}"
    return "\n".join(
        (
            "[Unit]",
            f"Description={_value(app)}: passes connections on to the release that is live",
            "",
            "[Service]",
            "# Not notify: this program never says that it is ready, and would be killed every 90 s.",
            "Type=exec",
            f"ExecStart=/usr/lib/systemd/systemd-socket-proxyd --connections-max=20000 {_word(live)}",
            "# Each connection takes six descriptors.",
            "LimitNOFILE=200000",
            "Restart=always",
            "",
        )
    )


def _service(
    unit: Service,
    command: str,
    unit_lines: Sequence[str],
    service_lines: Sequence[str],
    *,
    stop: int = 20,
    umask: str = "0077",
) -> str:
    lines = [
        "[Unit]",
        f"Description={_value(unit.app)}, as released by relstore",
        *unit_lines,
        *([] if unit.user else ["Wants=network-online.target", "After=network-online.target"]),
        "# Restart it however often it crashes; relstore resets the counter when it deploys.",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "# The link is resolved at the start, so a running process is not affected when the link moves.",
        f"ExecStart={command}",
        "# It counts as started once the program is executed. Use notify if it reports when it is ready.",
        "Type=exec",
        "Restart=on-failure",
        "RestartSec=1s",
        f"TimeoutStopSec={stop}s",
        *service_lines,
    ]
    if not unit.user:
        lines += [f"User={_value(unit.account)}"] if unit.account else ["DynamicUser=yes"]
        lines += [
            "# It may write to /var/lib/NAME; $STATE_DIRECTORY holds the path.",
            f"StateDirectory={unit.app}",
            "",
        ]
        hardening = _HARDENING.format(home=_home(unit.root), tmp=_tmp(unit.root), umask=umask)
        lines += hardening.splitlines()
    lines += ["", "[Install]", f"WantedBy={'default.target' if unit.user else 'multi-user.target'}", ""]
    return "\n".join(lines)


def recovery(root: str, python: str, *, account: str, user: bool) -> str:
    """The text of a unit that resolves interrupted activations at boot, with the newest helper.

    ``account``: the one that deploys, because root must not run a helper that others can change. Raises
    UsageError without one. ``python``: the path of the interpreter that runs it.
    """
    if not python:
        raise UsageError("the host does not say which python3 runs the helper", hint="Give --python PATH.")
    if not account and not user:
        raise UsageError("no account for the unit", hint="Give --account NAME, the account that deploys.")
    helper = f"{root}/helpers/newest"
    command = (python, "-I", "-S", "-X", "utf8", helper, "recover", root)
    lines = [
        "[Unit]",
        "Description=relstore: finish or undo activations that were interrupted",
        f"ConditionPathExists={_value(helper)}",
        *([] if user else ["After=multi-user.target"]),
        "",
        "[Service]",
        "Type=oneshot",
        f"ExecStart={' '.join(map(_word, command))}",
        *([] if user else [f"User={_value(account)}"]),
        "",
        "[Install]",
        f"WantedBy={'default.target' if user else 'multi-user.target'}",
        "",
    ]
    return "\n".join(lines)


def sudoers(
    account: str,
    units: Sequence[UnitName],
    action: UnitAction,
    paths: Sequence[str],
    *,
    slots: bool = False,
) -> str:
    """A file for /etc/sudoers.d: exactly what relstore does with these units (sudoers(5)).

    ``slots``: the units are the slots of an app.
    ``paths``: where systemctl may be on the hosts. Raises UsageError for what cannot stand in such a file.
    """
    for path in paths:
        if not _PATH.fullmatch(path):  # a host may have said so
            raise UsageError(f"{path!r} cannot be the path of systemctl")
    # In sudoers, ALL means everybody.
    if account in ("", "ALL") or any(letter in account for letter in _SUDOERS_LETTERS):
        raise UsageError(f"{account!r} cannot be the name of an account")
    commands = [
        f"{path} {_escaped(' '.join((*words, unit)))}"
        for unit in units
        for path in paths
        for words in (systemctl.slot_commands() if slots else systemctl.commands(action))
    ]
    lines = ", \\\n    ".join(commands)
    return (
        f"# What relstore does with {', '.join(units)}, and nothing else.\n"
        f"# visudo -f /etc/sudoers.d/relstore\n"
        f"{account} ALL=(root) NOPASSWD: \\\n    {lines}\n"
    )


def _home(root: str) -> str:
    """A store below /home must stay visible."""
    return "read-only" if root.startswith(("/home/", "/root/")) else "yes"


def _tmp(root: str) -> str:
    return "no" if root.startswith(("/tmp/", "/var/tmp/")) else "yes"  # noqa: S108 - only compared


def _word(text: str) -> str:
    """One word of a command line (systemd.service(5), "Command lines")."""
    escaped = _value(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    plain = escaped == text and text and not any(letter in " \t'\";" for letter in text)
    return text if plain else f'"{escaped}"'


def _slot_word(text: str) -> str:
    """As ``_word``, with the slot's name for ``{slot}``."""
    return "%i".join(part if part == "" else _word(part) for part in text.split(PLACEHOLDER))


def _value(text: str) -> str:
    """The value of a unit file's setting, where ``%`` begins a specifier (systemd.unit(5))."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise UsageError(f"{text!r} contains control characters, which a unit file cannot hold")
    return text.replace("%", "%%")


def _escaped(words: str) -> str:
    """Commas, colons, equals signs and backslashes are escaped in sudoers."""
    return "".join(f"\\{letter}" if letter in ",:=\\" else letter for letter in words)
