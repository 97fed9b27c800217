"""The texts that ``relstore unit`` and ``relstore sudoers`` print: units, and a rule for sudo. Pure.

A hardened unit that runs an app through ``current``; one that resolves at boot what a power cut left; and
the least that an account needs to restart a unit. Not for putting them in place (the host does).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relstore.errors import UsageError
from relstore.formats import systemctl
from relstore.formats.names import AppName, UnitName
from relstore.formats.recipe import RESTART

_HARDENING = """\
# It sees the system read-only, and of other accounts' files and processes as little as possible.
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
UMask=0077
CapabilityBoundingSet=
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""
_SUDOERS_LETTERS = ' \t\n,:=\\()#"%+!'
"""What means something there, and is in no account's name."""


@dataclass(frozen=True)
class Service:
    """What a unit is to run."""

    app: AppName
    root: str
    """The store's absolute path on the host."""
    program: str
    """The path inside the build."""
    arguments: tuple[str, ...] = ()
    account: str = ""
    """Whom it runs as; ``""``: an account that systemd makes for it (DynamicUser=)."""
    user: bool = False
    """Whether it belongs to an account's own manager."""


def service(what: Service) -> str:
    """The text of a unit. Raises UsageError for what no unit file can hold."""
    command = [f"{what.root}/apps/{what.app}/current/{what.program}", *what.arguments]
    lines = [
        "[Unit]",
        f"Description={_value(what.app)}, as released by relstore",
        *([] if what.user else ["Wants=network-online.target", "After=network-online.target"]),
        "# However often it crashes, it is started again; relstore clears the count when it deploys.",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "# The link is resolved when it starts, so a running process stays what it is while the link moves.",
        f"ExecStart={' '.join(_word(word) for word in command)}",
        "# It counts as started once the program could be executed; use notify if it says when it is ready.",
        "Type=exec",
        "Restart=on-failure",
        "RestartSec=1s",
        "TimeoutStopSec=20s",
    ]
    if not what.user:
        lines += [f"User={_value(what.account)}"] if what.account else ["DynamicUser=yes"]
        lines += [
            "# What it may write to: /var/lib/NAME, in $STATE_DIRECTORY.",
            f"StateDirectory={what.app}",
            "",
        ]
        lines += _HARDENING.format(home=_home(what.root), tmp=_tmp(what.root)).splitlines()
    lines += ["", "[Install]", f"WantedBy={'default.target' if what.user else 'multi-user.target'}", ""]
    return "\n".join(lines)


def recovery(root: str, python: str, *, account: str, user: bool) -> str:
    """The text of a unit that resolves at boot what dead jobs left, by the newest helper of the store.

    ``account``: the one that deploys; root must not run a helper that another account can change. Raises
    UsageError without one.
    """
    if not account and not user:
        raise UsageError("whom does the unit run as?", hint="Give --account NAME, the account that deploys.")
    helper = f"{root}/helpers/newest"
    lines = [
        "[Unit]",
        "Description=relstore: finish or undo what was under way when the power went",
        f"ConditionPathExists={_value(helper)}",
        *([] if user else ["After=multi-user.target"]),
        "",
        "[Service]",
        "Type=oneshot",
        f"ExecStart={' '.join(_word(word) for word in (python, '-I', '-S', helper, 'recover', root))}",
        *([] if user else [f"User={_value(account)}"]),
        "",
        "[Install]",
        f"WantedBy={'default.target' if user else 'multi-user.target'}",
        "",
    ]
    return "\n".join(lines)


def sudoers(account: str, units: Sequence[UnitName], action: str = RESTART, *, paths: Sequence[str]) -> str:
    """A fragment for /etc/sudoers.d: exactly what relstore does with these units (sudoers(5)).

    ``paths``: where systemctl may be on the hosts.
    """
    # ALL is everybody there.
    if account in ("", "ALL") or any(letter in account for letter in _SUDOERS_LETTERS):
        raise UsageError(f"{account!r} cannot be the name of an account")
    commands = [
        f"{path} {_escaped(' '.join((*words, unit)))}"
        for unit in units
        for path in paths
        for words in systemctl.commands(action)
    ]
    lines = ", \\\n    ".join(commands)
    return (
        f"# What relstore does with {', '.join(units)}, and nothing else.\n"
        f"# visudo -f /etc/sudoers.d/relstore\n"
        f"{account} ALL=(root) NOPASSWD: \\\n    {lines}\n"
    )


def _home(root: str) -> str:
    """The store itself may be below /home, and must be seen then."""
    return "read-only" if root.startswith(("/home/", "/root/")) else "yes"


def _tmp(root: str) -> str:
    return "no" if root.startswith(("/tmp/", "/var/tmp/")) else "yes"  # noqa: S108 - asked, not used


def _word(text: str) -> str:
    """One word of a command line (systemd.service(5), "Command lines")."""
    escaped = _value(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    plain = escaped == text and text and not any(letter in " \t'\";" for letter in text)
    return text if plain else f'"{escaped}"'


def _value(text: str) -> str:
    """A setting's value; ``%`` begins a specifier there (systemd.unit(5))."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise UsageError(f"{text!r} holds control characters, which no unit file can")
    return text.replace("%", "%%")


def _escaped(words: str) -> str:
    """In sudoers a comma, colon, equals sign and backslash are escaped."""
    return "".join(f"\\{letter}" if letter in ",:=\\" else letter for letter in words)
