"""The layout of Capistrano, Ansistrano and Deployer: ``releases/NAME`` and the symlink ``current``.

They differ in the names of the releases and in what they log. A log tells who deployed which commit, and what
was rolled back; without one, only the live release is known to be good. Not for reading the files
(``old_tree``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from relstore.errors import RefusedError
from relstore.formats.adoption import ANSISTRANO, CAPISTRANO, DEPLOYER, LayoutKind
from relstore.host.adopt.layout import Layout, OldRelease, commit_in, ordered, small_text, utc

DIRECTORY = "releases"
CURRENT = "current"
REVISIONS = "revisions.log"
DEPLOYER_DIRECTORY = ".dep"
_DEPLOYER_LOG = "releases_log"
_REVISION = "REVISION"
_BAD = ("BAD_RELEASE", "DIRTY_RELEASE")
"""Files of Deployer in a release: it was rolled back, or never finished."""

_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(Z?)\Z", re.ASCII)
_DEPLOYED = re.compile(
    r"Branch .* \(at ?(?P<commit>[0-9a-f]*)\) deployed as release (?P<name>\S+) by (?P<who>.*)\Z"
)
_ROLLED_BACK = re.compile(r".* rolled back to release (?P<name>\S+)\Z")
_CREATED_AT = re.compile(
    r'"created_at":\s*"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:Z|([+-])(\d{2}):?(\d{2}))"', re.ASCII
)
_RELEASE_NAME = re.compile(r'"release_name":\s*"([^"\\]+)"')
_USER = re.compile(r'"user":\s*"([^"\\]*)"')


class Deployed(NamedTuple):
    """What a log says of a release."""

    who: str
    commit: str | None
    is_good: bool
    created: int
    """0 where the log has no time."""


def kind_of(path: str) -> LayoutKind | None:
    """Which of the three it is; None where there is neither ``releases`` nor ``current``."""
    if not (os.path.isdir(os.path.join(path, DIRECTORY)) and os.path.islink(os.path.join(path, CURRENT))):
        return None
    if os.path.isdir(os.path.join(path, DEPLOYER_DIRECTORY)):
        return DEPLOYER
    names = os.listdir(os.path.join(path, DIRECTORY))
    stamped = [match for match in map(_TIME.match, names) if match]
    if stamped and all(match[7] for match in stamped):
        return ANSISTRANO
    return CAPISTRANO


def find(path: str, kind: LayoutKind, live: str | None) -> Layout:
    """The releases in ``path``/releases. ``live``: the symlink, if it is not ``current``.

    Raises RefusedError, OSError.
    """
    directory = os.path.realpath(os.path.join(path, DIRECTORY))
    link = live or os.path.join(path, CURRENT)
    log: Mapping[str, Deployed] = {}
    if kind == CAPISTRANO:
        log = revisions(small_text(os.path.join(path, REVISIONS), 16 << 20))
    elif kind == DEPLOYER:
        log = deployer_log(small_text(os.path.join(path, DEPLOYER_DIRECTORY, _DEPLOYER_LOG), 16 << 20))
    running = os.path.realpath(link)
    releases = ordered(list(_releases(directory, log)))
    if running not in {release.path for release in releases}:
        raise RefusedError(
            f"{link} leads to {running}, which is no release in {directory}",
            state="Nothing was changed.",
            hint="Name the symlink that the service uses: --link PATH",
        )
    return Layout(kind, link, releases, running)


def revisions(text: str) -> dict[str, Deployed]:
    """Capistrano's revisions.log, line by line: a release that was rolled back from is not good."""
    said: dict[str, Deployed] = {}
    live = ""
    for line in text.splitlines():
        deployed, rolled_back = _DEPLOYED.match(line), _ROLLED_BACK.match(line)
        if deployed:
            live = deployed["name"]
            said[live] = Deployed(deployed["who"].strip(), commit_in(deployed["commit"]), True, 0)
        elif rolled_back:
            if live in said:
                said[live] = said[live]._replace(is_good=False)
            live = rolled_back["name"]
            if live in said:
                said[live] = said[live]._replace(is_good=True)
    return said


def deployer_log(text: str) -> dict[str, Deployed]:
    """Deployer's .dep/releases_log: a JSON object a line. It names each release when it is begun.

    Only three of its texts are needed, which are found by their names: a small host's Python has no json.
    """
    said: dict[str, Deployed] = {}
    for line in text.splitlines():
        name, user, time = _RELEASE_NAME.search(line), _USER.search(line), _CREATED_AT.search(line)
        if name:
            created = _instant(time) if time else 0
            said[name[1]] = Deployed(user[1] if user else "", None, False, created)
    return said


def _instant(match: re.Match[str]) -> int:
    ahead = 0
    if match[7]:
        ahead = (int(match[8]) * 60 + int(match[9])) * 60 * (1 if match[7] == "+" else -1)
    return utc(*(int(match[number]) for number in range(1, 7))) - ahead


def _releases(directory: str, log: Mapping[str, Deployed]) -> Iterator[OldRelease]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                continue
            said = log.get(entry.name)
            commit = said.commit if said and said.commit else None
            stamp = _TIME.match(entry.name)
            created = said.created if said and said.created else 0
            if not created and stamp:
                created = utc(*(int(stamp[number]) for number in range(1, 7)))
            yield OldRelease(
                entry.name,
                entry.path,
                created or int(entry.stat(follow_symlinks=False).st_mtime),
                commit or commit_in(small_text(os.path.join(entry.path, _REVISION), 256)),
                said.who if said else "",
                said is not None and said.is_good,
                problem=_unfinished(entry.path),
            )


def _unfinished(path: str) -> str:
    left = [name for name in _BAD if os.path.lexists(os.path.join(path, name))]
    return f"Deployer marked it ({left[0]})" if left else ""
