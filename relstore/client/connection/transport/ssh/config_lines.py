"""The lines of ssh_config that say for which hosts the others are: Host, Match and Include, in all files.

Not for what they mean to a host (``alike``), nor for the options (``config``). Includes are followed wherever
they stand, also for hosts for which ssh would not: whoever reads this wants all that could matter.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

HOST, MATCH, UNREAD = "host", "match", "unread"

_LINE = re.compile(r'\s*"?(host|match|include)"?(?:\s*=\s*|\s+)(.*)', re.IGNORECASE)
_DEEPEST = 16
_MAX_BYTES = 1 << 20
_SYSTEM = "/etc/ssh"


class ConfigLine(NamedTuple):
    """A line of a kind, with its words without quotes. UNREAD: a file or an Include that was not followed."""

    kind: str
    words: tuple[str, ...] = ()


def config_lines(paths: Sequence[str], home: str) -> Iterator[ConfigLine]:
    """Of the files ``paths`` and of what they include, in their order. Missing files are skipped."""
    for path in paths:
        yield from _lines(path, home, _DEEPEST)


def _lines(path: str, home: str, depth: int) -> Iterator[ConfigLine]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        yield ConfigLine(UNREAD)
        return
    if len(text) > _MAX_BYTES:
        yield ConfigLine(UNREAD)
    for line in text[:_MAX_BYTES].split("\n"):
        match = _LINE.match(line)
        if match is None:
            continue
        kind, words = match[1].lower(), tuple(match[2].replace('"', " ").split())
        if kind == "host":
            yield ConfigLine(HOST, words)
        elif kind == "match":
            yield ConfigLine(MATCH, words)
        else:
            for word in words:
                yield from _included(word, path, home, depth)


def _included(word: str, path: str, home: str, depth: int) -> Iterator[ConfigLine]:
    beyond_us = not depth or "%" in word or "$" in word or (word.startswith("~") and word[1:2] != "/")
    if beyond_us:
        yield ConfigLine(UNREAD)
        return
    pattern = os.path.join(home, word[2:]) if word.startswith("~/") else word
    # ssh takes a relative path as one below ~/.ssh, or below /etc/ssh in its own file.
    places = (os.path.abspath(os.path.dirname(path)), os.path.join(home, ".ssh"), _SYSTEM)
    for absolute in dict.fromkeys(os.path.join(place, pattern) for place in places):
        for found in sorted(Path("/").glob(absolute.lstrip("/"))):
            yield from _lines(str(found), home, depth - 1)
