"""Whether what systemd has loaded of a unit leads through the app's link, however the path is spelled.

A store behind a link (``/srv/web`` to ``/data/web``) has two paths, so directories are compared as files, by
device and inode. A symlink elsewhere that leads through the app's link (``/usr/local/bin/web``, or a path
that was taken over from another tool) is followed. Not for the text of unit files, which systemd may not have
read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

_END = re.compile(r"[\s;:\"']|\Z")
_BEFORE_PATH = re.compile(r"[\s;:=\"']")
_PATH = re.compile(r"(?:(?<=[\s;:=\"'])|\A)/[^\s;:\"']+")
_MAX_HOPS = 40
"""path_resolution(7)."""


def goes_through(text: str, link: str) -> bool:
    """Whether a path in ``text`` is ``link``, an absolute path, or leads through it."""
    return link in text or any(True for _ in paths_through(text, link))


def paths_through(text: str, link: str) -> Iterator[str]:
    """The paths in ``text`` that lead through the link, from there on; ``""`` for the link itself."""
    directory, name = os.path.split(link)
    named = set()
    for match in re.finditer(rf"/{re.escape(name)}(?=[/\s;:\"']|\Z)", text):
        begin = max((before.end() for before in _BEFORE_PATH.finditer(text, 0, match.start())), default=0)
        above = text[begin : match.start()]
        if above.startswith("/") and _is_same(above, directory):
            named.add(begin)
            end = _END.search(text, match.end())
            yield text[match.end() + 1 : end.start() if end else None]
    for match in _PATH.finditer(text):
        if match.start() not in named:
            rest = _rest_behind_symlinks(match.group(), directory, name)
            if rest is not None:
                yield rest


def _rest_behind_symlinks(path: str, directory: str, name: str) -> str | None:
    """What is left of ``path`` where following its symlinks leads to ``name`` in ``directory``; else None."""
    at, waiting, hops = "/", path.split("/"), 0
    while waiting:
        part = waiting.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            at = os.path.dirname(at)
            continue
        if part == name and _is_same(at, directory):
            return "/".join(part for part in waiting if part not in ("", "."))
        try:
            target = os.readlink(os.path.join(at, part))
        except OSError:  # no symlink, or nothing is there
            at = os.path.join(at, part)
            continue
        hops += 1
        if hops > _MAX_HOPS:
            return None
        at = "/" if target.startswith("/") else at
        waiting = [*target.split("/"), *waiting]
    return None


def _is_same(path: str, directory: str) -> bool:
    try:
        return os.path.samefile(path, directory)
    except OSError:  # before the first release neither exists
        return os.path.realpath(path) == os.path.realpath(directory)
