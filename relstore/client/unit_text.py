"""The texts that ``relstore unit`` and ``relstore sudoers`` print: units, and a rule for sudo. Pure.

A hardened unit that runs an app through ``current``; a unit that resolves interrupted activations at
boot; and the smallest rule that lets an account manage units. Not for the units of an app with slots
(``slot_units``), nor for installing them; the host does that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from relstore.client.unit_values import Credential, EnvFile, StateDirectory
from relstore.errors import UsageError
from relstore.formats import systemctl
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
    env_files: tuple[EnvFile, ...] = ()
    credentials: tuple[Credential, ...] = ()
    state_directories: tuple[StateDirectory, ...] = ()
    """Where it may write below /var/lib; none: to the one that is called as the app."""
    data: tuple[str, ...] = ()
    """Absolute paths to which its releases lead, and to which it may write too."""


@dataclass(frozen=True)
class UnitFile:
    """One file for systemd."""

    name: str
    text: str


def service(unit: Service) -> str:
    """The text of a unit. Raises UsageError for values that no unit file can hold."""
    command = [f"{unit.root}/apps/{unit.app}/current/{unit.program}", *unit.arguments]
    return service_text(unit, " ".join(map(word, command)))


def service_text(
    unit: Service,
    command: str,
    unit_lines: Sequence[str] = (),
    service_lines: Sequence[str] = (),
    *,
    stop: int = 20,
    umask: str = "0077",
    dynamic: str = "",
    enabled: bool = True,
    fill: Callable[[str], str] | None = None,
) -> str:
    """The text of a unit that runs ``command``, with lines of its own in two of its sections.

    ``dynamic``: the name of the account that systemd creates for it; empty for one after the unit's name.
    ``enabled``: it is started at boot. ``fill``: writes a value, with what the place of a slot is called.
    """
    lines = [
        "[Unit]",
        f"Description={value(unit.app)}, as released by relstore",
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
        *_inputs(unit, fill or value),
    ]
    if unit.user and unit.state_directories:
        lines += ["# It may write to ~/.local/state/NAME; $STATE_DIRECTORY holds the path.", _state(unit)]
    if not unit.user:
        account = unit.account or dynamic
        lines += [] if unit.account else ["DynamicUser=yes"]
        lines += [f"User={value(account)}"] if account else []
        lines += [
            "# It may write to /var/lib/NAME; $STATE_DIRECTORY holds the path.",
            _state(unit),
            *_data(unit),
            "",
        ]
        hardening = _HARDENING.format(home=_home(unit.root), tmp=_tmp(unit.root), umask=umask)
        lines += hardening.splitlines()
    if enabled:
        lines += ["", "[Install]", f"WantedBy={'default.target' if unit.user else 'multi-user.target'}"]
    lines.append("")
    return "\n".join(lines)


def _inputs(unit: Service, fill: Callable[[str], str]) -> Iterator[str]:
    """The lines for its variables and secrets, which are files on the host."""
    for file in unit.env_files:
        yield f"EnvironmentFile={'-' if file.optional else ''}{fill(file.path)}"
    if unit.credentials:
        yield "# Only this service can read its credentials, in $CREDENTIALS_DIRECTORY/NAME."
    for credential in unit.credentials:
        yield f"LoadCredential={credential.name}:{fill(credential.path)}"


def _state(unit: Service) -> str:
    return f"StateDirectory={' '.join(unit.state_directories) or unit.app}"


def _data(unit: Service) -> Iterator[str]:
    if unit.data:
        yield "# The data to which each release leads; the push says what is missing of it."
    for path in unit.data:
        yield f"ReadWritePaths=-{_path(path)}"


def _path(text: str) -> str:
    """One of a list of paths, where a dollar sign is one."""
    escaped = value(text).replace("\\", "\\\\").replace('"', '\\"')
    return escaped if escaped == text and not any(letter in " '" for letter in text) else f'"{escaped}"'


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
        f"ConditionPathExists={value(helper)}",
        *([] if user else ["After=multi-user.target"]),
        "",
        "[Service]",
        "Type=oneshot",
        f"ExecStart={' '.join(map(word, command))}",
        *([] if user else [f"User={value(account)}"]),
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
    trial: UnitName | None = None,
) -> str:
    """A file for /etc/sudoers.d: exactly what relstore does with these units (sudoers(5)).

    ``slots``: the units are the slots of an app; ``trial``: where its releases prove themselves.
    ``paths``: where systemctl may be on the hosts. Raises UsageError for what cannot stand in such a file.
    """
    for path in paths:
        if not _PATH.fullmatch(path):  # a host may have said so
            raise UsageError(f"{path!r} cannot be the path of systemctl")
    # In sudoers, ALL means everybody.
    if account in ("", "ALL") or any(letter in account for letter in _SUDOERS_LETTERS):
        raise UsageError(f"{account!r} cannot be the name of an account")
    each = systemctl.slot_commands() if slots else systemctl.commands(action)
    allowed = [(unit, each) for unit in units]
    if trial is not None:
        allowed.append((trial, systemctl.trial_commands()))
    commands = [
        f"{path} {_escaped(' '.join((*words, unit)))}"
        for unit, unit_words in allowed
        for path in paths
        for words in unit_words
    ]
    lines = ", \\\n    ".join(commands)
    return (
        f"# What relstore does with {', '.join(unit for unit, _ in allowed)}, and nothing else.\n"
        f"# visudo -f /etc/sudoers.d/relstore\n"
        f"{account} ALL=(root) NOPASSWD: \\\n    {lines}\n"
    )


def _home(root: str) -> str:
    """A store below /home must stay visible."""
    return "read-only" if root.startswith(("/home/", "/root/")) else "yes"


def _tmp(root: str) -> str:
    return "no" if root.startswith(("/tmp/", "/var/tmp/")) else "yes"  # noqa: S108 - only compared


def word(text: str) -> str:
    """One word of a command line (systemd.service(5), "Command lines")."""
    escaped = value(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    plain = escaped == text and text and not any(letter in " \t'\";" for letter in text)
    return text if plain else f'"{escaped}"'


def value(text: str) -> str:
    """The value of a unit file's setting, where ``%`` begins a specifier (systemd.unit(5))."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise UsageError(f"{text!r} contains control characters, which a unit file cannot hold")
    return text.replace("%", "%%")


def _escaped(words: str) -> str:
    """Commas, colons, equals signs and backslashes are escaped in sudoers."""
    return "".join(f"\\{letter}" if letter in ",:=\\" else letter for letter in words)
