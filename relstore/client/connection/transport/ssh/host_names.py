"""The hosts that ssh_config names, for the completion of the shell.

Not for what it says about them (``config``); this reads no more than the lines ``Host`` and ``Include``.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_LINE = re.compile(r"\s*(host|include)(?:\s*=\s*|\s+)(.*)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_DEEPEST = 16
_MAX_BYTES = 1 << 20


def host_names(paths: Sequence[str], home: str) -> list[str]:
    """The names without wildcards in the files ``paths`` and in what they include, in their order."""
    return list(dict.fromkeys(name for path in paths for name in _names(path, home, _DEEPEST)))


def _names(path: str, home: str, depth: int) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(_MAX_BYTES).splitlines()
    except OSError:
        return
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        words = match[2].replace('"', " ").split()
        if match[1].lower() == "host":
            yield from filter(_NAME.fullmatch, words)
        elif depth:
            for word in words:
                # ssh takes a relative path as one below ~/.ssh, or below /etc/ssh in its own file.
                pattern = os.path.join(home, word[2:]) if word.startswith("~/") else word
                absolute = os.path.join(os.path.abspath(os.path.dirname(path)), pattern)
                for included in sorted(Path("/").glob(absolute.lstrip("/"))):
                    yield from _names(str(included), home, depth - 1)
