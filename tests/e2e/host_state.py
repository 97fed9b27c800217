"""What a test asks of a store on disk, without relstore's own client."""

from __future__ import annotations

import os
import time
from pathlib import Path

from relstore.formats.names import AppName
from relstore.store.store import Store
from relstore.store.verify import Checker

_TIMEOUT_S = 30


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
