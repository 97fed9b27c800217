"""What a person gives to a unit beside its command: files of variables, credentials, directories. Pure.

Each is checked for what systemd accepts; what a unit file needs in addition, such as escapes, is for whoever
writes it (``unit_text``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from relstore.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}")
_DIRECTORY = re.compile(rf"{_NAME.pattern}(/{_NAME.pattern})*")


class EnvFile(NamedTuple):
    """A file of variables on the host (EnvironmentFile=)."""

    path: str
    optional: bool = False
    """Whether it may be missing."""

    @classmethod
    def parse(cls, text: str) -> EnvFile:
        """``/path``, or ``-/path`` for one that may be missing. Raises UsageError."""
        optional = text.startswith("-")
        return cls(_path(text[1:] if optional else text), optional)


class Credential(NamedTuple):
    """A secret that systemd passes to the service from a file on the host (LoadCredential=)."""

    name: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Credential:
        """``NAME=/path``. Raises UsageError."""
        name, separator, path = text.partition("=")
        if not separator:
            raise UsageError(f"{text!r} has no =", hint="Write NAME=PATH: db-password=/etc/web/db-password.")
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be the name of a credential",
                hint="It consists of letters, digits, '.', '_' and '-', and is the name of a file.",
            )
        return cls(name, _path(path))


class StateDirectory(str):
    """A directory below /var/lib, or below ~/.local/state for a unit of the account (StateDirectory=)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> StateDirectory:
        """Raises UsageError."""
        if not _DIRECTORY.fullmatch(text) or text.split("/")[0] == "private":
            raise UsageError(
                f"{text!r} cannot be the name of a state directory",
                hint="It is a path below /var/lib, of letters, digits, '.', '_' and '-': web, or web/cache.",
            )
        return cls(text)


def _path(text: str) -> str:
    """An absolute path that means the same in a unit file, once specifiers are escaped. Raises UsageError."""
    if not text.startswith("/"):
        raise UsageError(f"{text!r} is no absolute path on the host", hint="Write it from '/': /etc/web/env.")
    if "/../" in f"{text}/" or text.endswith("/"):
        raise UsageError(f"{text!r} is not the path of a file", hint="Write it without '..'.")
    if text != text.strip() or text.endswith("\\"):
        raise UsageError(f"{text!r} ends in what a unit file cannot hold", hint="Give the file another name.")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise UsageError(f"{text!r} contains control characters, which a unit file cannot hold")
    return text
