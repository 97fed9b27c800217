"""Whether what systemd has loaded of a unit leads through the app's link, however the path is spelled.

A store behind a link (``/srv/web`` to ``/data/web``) has two paths, so directories are compared as files, by
device and inode. Not for the text of unit files, which systemd may not have read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

_END = re.compile(r"[\s;:\"']|\Z")
_BEFORE_PATH = re.compile(r"[\s;:=\"']")


def goes_through(text: str, link: str) -> bool:
    """Whether a path in ``text`` is ``link``, an absolute path, or leads through it."""
    return link in text or any(True for _ in paths_through(text, link))


def paths_through(text: str, link: str) -> Iterator[str]:
    """The paths in ``text`` that lead through the link, from there on; ``""`` for the link itself."""
    directory, name = os.path.split(link)
    for match in re.finditer(rf"/{re.escape(name)}(?=[/\s;:\"']|\Z)", text):
        begin = max((before.end() for before in _BEFORE_PATH.finditer(text, 0, match.start())), default=0)
        above = text[begin : match.start()]
        if above.startswith("/") and _is_same(above, directory):
            end = _END.search(text, match.end())
            yield text[match.end() + 1 : end.start() if end else None]


def _is_same(path: str, directory: str) -> bool:
    try:
        return os.path.samefile(path, directory)
    except OSError:  # before the first release neither exists
        return os.path.realpath(path) == os.path.realpath(directory)
