"""What a unit file makes systemd run, and as whom: read from a text that systemd has not loaded yet. Pure.

Not for units that are loaded: systemd itself tells about those (``systemd``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[^\s"\']+')
_PREFIXES = "@-:+!|"
"""What may stand before a command (systemd.service(5)); ``+`` and ``!`` run it as root."""
_YES = ("1", "yes", "y", "true", "t", "on")


def runs_as_root(text: str) -> bool:
    """Whether systemd would run something of this system unit as root."""
    user, dynamic = "", False
    runs = _has_section(text, "Service")  # a socket runs nothing, unless it says so
    for key, value in _settings(text):
        runs = runs or key.startswith("Exec")
        if key == "User":
            user = value
        elif key == "DynamicUser":
            dynamic = value.lower() in _YES
        elif key.startswith("Exec") and _prefix(value) & {"+", "!"}:
            return True
    return runs and (user in ("root", "0") if user else not dynamic)


def is_enabled(text: str) -> bool:
    """Whether `systemctl enable` has something to do; another unit starts it if not."""
    return _has_section(text, "Install")


def absolute_paths(text: str) -> tuple[str, ...]:
    """The absolute paths on the unit's command lines: what it runs, and what it gives to that."""
    words = [
        _plain(word)
        for key, value in _settings(text)
        if key.startswith("Exec")
        for word in _WORD.findall(value.lstrip(_PREFIXES))
    ]
    return tuple(dict.fromkeys(word for word in words if word.startswith("/")))


def _has_section(text: str, name: str) -> bool:
    return any(line.strip() == f"[{name}]" for line in text.splitlines())


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """The settings of the file in order, without comments."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.lstrip().startswith(("#", ";", "[")):
            yield key.strip(), value.strip()


def _prefix(command: str) -> set[str]:
    return set(command[: len(command) - len(command.lstrip(_PREFIXES))])


def _plain(word: str) -> str:
    """The word without its quotes and escapes."""
    if word[0] in "\"'":
        word = re.sub(r"\\(.)", r"\1", word[1:-1])
    return word.replace("$$", "$").replace("%%", "%")
