"""The keys that say which app is deployed to which hosts, and how these are reached.

Every command takes them as flags, so everything that the program imports for ``--help`` is light.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from relstore.client.config.readers import SECONDS, one_of, string, type_name
from relstore.client.config.setting import EVERY_COMMAND, DefaultedSetting, PathBase, Setting, ValueType
from relstore.client.ssh_program import SSH_WAYS, SSHWay
from relstore.errors import UsageError
from relstore.formats.names import AppName

if TYPE_CHECKING:
    from relstore.client.target import Target

TITLE = "Where to deploy"
INTRO = ""

_PYTHON = re.compile(r"/[A-Za-z0-9_./+-]+")


def _app(value: object, base: PathBase) -> AppName:
    return AppName.parse(string(value))


def read_target(value: object, base: PathBase) -> Target:
    """One target. Raises UsageError, TargetError."""
    from relstore.client.target import Target  # start-up can do without

    return Target.parse(string(value), base.home).beneath(base.directory.absolute())


def _targets(value: object, base: PathBase) -> tuple[Target, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise UsageError(
            f"must be a string or an array of strings, not {type_name(value)}",
            hint='For example "deploy@web1:/srv/app".',
        )
    if not value:
        raise UsageError("has no target", hint="Name at least one, or remove the key.")
    targets: list[Target] = []
    for item in value:
        target = read_target(item, base)
        if target in targets:
            raise UsageError(f"names {str(target)!r} twice", hint="Remove one of the two.")
        targets.append(target)
    return tuple(targets)


def _ssh(value: object, base: PathBase) -> SSHWay:
    return one_of(value, SSH_WAYS, "a way to connect")


def _python(value: object, base: PathBase) -> str:
    path = string(value)
    if not _PYTHON.fullmatch(path):
        raise UsageError(
            f"{path!r} is not the absolute path of an interpreter",
            hint="Write it from '/', with letters, digits and _ . / + - only: /usr/bin/python3.11.",
        )
    return path


TO = Setting(
    "to",
    ValueType("target, or a list of targets", "TARGET", _targets, repeatable=True),
    help="The store to deploy to: user@host:/path, host, ssh://…, /path or ./path.",
    more="The full forms are [user@]host[:port]:/path and ssh://[user@]host[:port]/path. A host alone means "
    "the store `relstore` in the login directory there; /path and ./path are directories of this machine.",
    example=["deploy@web1.example.com:/srv/web", "deploy@web2.example.com:/srv/web"],
    commands=EVERY_COMMAND,
    variable="RELSTORE_TO",
)
APP = Setting(
    "app",
    ValueType("string", "NAME", _app),
    help="The app's name on the hosts.",
    more="It consists of lower-case letters, digits, '.', '_' and '-'.",
    example="web",
    absent="the artifact's name, or the only app of the store",
    commands=EVERY_COMMAND,
    variable="RELSTORE_APP",
)
PYTHON = Setting(
    "python",
    ValueType("path on the host", "PATH", _python),
    help="The Python interpreter on the hosts, 3.9 or newer.",
    example="/usr/bin/python3.11",
    absent="python3",
    commands=EVERY_COMMAND,
    variable="RELSTORE_PYTHON",
)
CONNECT_TIMEOUT = DefaultedSetting(
    "connect-timeout",
    SECONDS,
    help="How long to wait for a host to answer.",
    example="10s",
    default="10s",
    commands=EVERY_COMMAND,
    variable="RELSTORE_CONNECT_TIMEOUT",
)
SSH = DefaultedSetting(
    "ssh",
    ValueType("string", "WAY", _ssh, choices=SSH_WAYS),
    help="What connects to the hosts: openssh, asyncssh, or auto, which chooses.",
    more="With openssh, your own `ssh` does it, with all that ssh_config says. With asyncssh, relstore does "
    "it itself, for many hosts and where there is no `ssh`.",
    example="openssh",
    default="auto",
    commands=EVERY_COMMAND,
    variable="RELSTORE_SSH",
)
