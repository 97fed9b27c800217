"""What a test asks of a store on disk, without relstore's own client."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from relstore.formats.names import AppName
from relstore.store.store import Store
from relstore.store.verify import Checker

_TIMEOUT_S = 120


def problems(store: Path) -> list[str]:
    """Everything that ``verify`` would find, read straight from the disk as the owner."""
    with as_owner(store), Store.open(str(store)) as opened:
        checker = Checker(opened)
        found = [finding for build in opened.builds.ids() for finding in checker.build(build)]
        found += [*checker.apps(), *checker.objects()]
        return [f"{finding.path}: {finding.problem}" for finding in found]


def wait_for_jobs(store: Path, app: str) -> None:
    """Until no job of ``app`` runs any more."""
    from relstore.host.job import directory as jobs

    deadline = time.monotonic() + _TIMEOUT_S
    with as_owner(store), Store.open(str(store)) as opened:
        if app not in opened.app_names():
            return
        with opened.app(AppName(app)) as found:
            while jobs.running(found) is not None:
                assert time.monotonic() < deadline, "the job does not end"
                time.sleep(0.02)


def wait_for_uploads(store: Path) -> None:
    """Until no upload runs any more: one whose client is gone keeps its lease locked until it has noticed."""
    deadline = time.monotonic() + _TIMEOUT_S
    while any(map(_is_locked, (store / "leases").glob("*"))):
        assert time.monotonic() < deadline, "the upload does not end"
        time.sleep(0.02)


def _is_locked(path: Path) -> bool:
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:  # released meanwhile
        return False
    except BlockingIOError:
        return True
    return False


class as_owner:  # noqa: N801 - reads like the verb that it is
    """Be the account that owns ``path`` for a while; relstore refuses another's store, root's too."""

    def __init__(self, path: Path) -> None:
        self._uid = path.stat().st_uid
        self._before = os.geteuid()

    def __enter__(self) -> None:
        if self._uid != self._before:
            os.seteuid(self._uid)

    def __exit__(self, *exc: object) -> None:
        if self._uid != self._before:
            os.seteuid(self._before)
