"""The layout of a short deploy script: ``versions/NAME-TIME-COMMIT-B2SUM``, and a symlink to the live one.

The name of a file has its BLAKE2b digest, so that a copy that broke off is told from a whole one when it is
read. Not for reading it (``old_tree``).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

from relstore.errors import RefusedError
from relstore.formats.adoption import VERSIONS
from relstore.host.adopt.layout import Layout, OldRelease, commit_in, ordered

DIRECTORY = "versions"
_NAME = re.compile(
    r"(?P<program>.+)-(?P<time>[0-9]{9,11})-(?P<commit>[0-9a-f]{40}|[0-9a-f]{64})-(?P<digest>[0-9a-f]{128})\Z"
)


def find(path: str, live: str | None) -> Layout:
    """The releases in ``path``/versions. ``live``: the symlink; None to look for it in ``path``.

    Raises RefusedError, OSError.
    """
    directory = os.path.realpath(os.path.join(path, DIRECTORY))
    links = [live] if live is not None else list(_links(path, directory))
    if len(links) != 1:
        have = f"{len(links)} symlinks in {path} lead" if links else f"no symlink in {path} leads"
        raise RefusedError(
            f"{have} to a file in {directory}",
            state="Nothing was changed.",
            hint="Name the one that the service runs: --link PATH",
        )
    running = os.path.realpath(links[0])
    releases = ordered(list(_releases(directory)))
    if running not in {release.path for release in releases}:
        raise RefusedError(
            f"{links[0]} leads to {running}, which is no file in {directory}", state="Nothing was changed."
        )
    return Layout(VERSIONS, links[0], releases, running, os.path.basename(links[0]))


def _links(path: str, directory: str) -> Iterator[str]:
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_symlink() and os.path.dirname(os.path.realpath(entry.path)) == directory:
                yield os.path.join(path, entry.name)


def _releases(directory: str) -> Iterator[OldRelease]:
    with os.scandir(directory) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode):
                continue
            named = _NAME.match(entry.name)
            if named:
                time, commit = int(named["time"]), commit_in(named["commit"])
                name = f"{named['program']}-{named['time']}"
                yield OldRelease(name, entry.path, time, commit, "", False, named["digest"])
            else:
                yield OldRelease(entry.name, entry.path, int(status.st_mtime), None, "", False)
