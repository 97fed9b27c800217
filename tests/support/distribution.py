"""In which order tests run, and which of them may run on several workers. Not for which tests run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parents[1]

# Whether the tests of the file may run on several workers: they share nothing that takes long to make, and none
# of them collects builds that another uses at the same time (a build is in use whatever store it is in). The files
# that take longest, the longest first; a run that started one of them last would wait for a single worker.
DIVISIBLE = {
    "proof/test_short.py": False,
    "e2e/test_dropped_connections.py": True,
    "systemd/test_left_alone.py": True,
    "systemd/test_matrix.py": False,
    "e2e/test_large.py": True,
    "systemd/test_power_cut.py": True,
    "systemd/test_services.py": True,
    "e2e/test_resume.py": True,
    "e2e/test_transfer.py": True,
    "test_docs_stories.py": False,
    "e2e/test_commands.py": False,
    "gc/test_sweep_killed.py": False,
    "systemd/test_hosts.py": False,
    "systemd/test_docs.py": False,
    "systemd/test_logout.py": True,
    "e2e/test_main_job.py": True,
    "e2e/test_past.py": True,
    "e2e/test_repair.py": False,
    "e2e/test_several_hosts.py": True,
    "e2e/test_difficult_hosts.py": True,
    "e2e/test_reading_loop.py": True,
    "test_streams.py": False,
    "host/requests/test_collecting.py": False,
}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    places = {TESTS / file: place for place, file in enumerate(DIVISIBLE)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """With ``--dist loadfile``: the tests of a file run on one worker, unless the file is divisible."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return nodeid if DIVISIBLE.get(file.removeprefix("tests/"), False) else file

    config.option.loadscopereorder = False  # it would start the files with the most tests first
    return Scheduling(config, log)
