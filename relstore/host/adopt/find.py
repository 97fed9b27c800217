"""Which layout a directory has, and what is in it: the first step of an adoption, which changes nothing."""

from __future__ import annotations

import os
import stat

from relstore.errors import NotFoundError, RefusedError
from relstore.formats.adoption import DIRECTORY, VERSIONS, LayoutKind
from relstore.host.adopt import releases, versions
from relstore.host.adopt.layout import Layout, OldRelease, commit_in, small_text
from relstore.store.root import explain

_REVISION = "REVISION"


def find(path: str, kind: LayoutKind | None, live: str | None) -> Layout:
    """What lies at ``path``. ``kind``: None to tell by what is there. ``live``: None for the usual place.

    Raises NotFoundError, RefusedError, StoreError.
    """
    for given in (path, live):
        if given is not None and not given.startswith("/"):
            raise RefusedError(f"{given!r} is not an absolute path", state="Nothing was changed.")
    path = os.path.normpath(path)
    if live is not None:
        live = os.path.normpath(live)
        if not os.path.islink(live):
            raise RefusedError(f"{live} is not a symlink", state="Nothing was changed.")
    try:
        return _find(path, kind or _kind_of(path), live)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no {error.filename or path}",
            state="Nothing was changed.",
            hint="Name the directory that the old releases are in, as the host sees it: --from PATH",
        ) from None
    except OSError as error:
        raise explain(error, "the old releases cannot be read") from None


def _kind_of(path: str) -> LayoutKind:
    kind = releases.kind_of(path)
    if kind is not None:
        return kind
    return VERSIONS if os.path.isdir(os.path.join(path, versions.DIRECTORY)) else DIRECTORY


def _find(path: str, kind: LayoutKind, live: str | None) -> Layout:
    if kind == VERSIONS:
        return versions.find(path, live)
    if kind == DIRECTORY:
        return _single(path, live)
    return releases.find(path, kind, live)


def _single(path: str, live: str | None) -> Layout:
    """One directory without a history: ``path`` itself, or where a symlink leads."""
    link = live or path
    running = os.path.realpath(link)
    status = os.stat(running)
    if not stat.S_ISDIR(status.st_mode):
        raise RefusedError(f"{running} is not a directory", state="Nothing was changed.")
    commit = commit_in(small_text(os.path.join(running, _REVISION), 256))
    name = os.path.basename(running)
    release = OldRelease(name, running, int(status.st_mtime), commit, "", True)
    return Layout(DIRECTORY, link, (release,), running)
