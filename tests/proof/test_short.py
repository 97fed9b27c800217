"""A part of each proof, for every run of the tests; all of it with ``make proof``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host_side import need_strace
from tests.proof import every_call, full_disk, races, state_machine

pytestmark = pytest.mark.slow


def test_every_call(tmp_path: Path) -> None:
    need_strace()
    tallies = list(every_call.prove(tmp_path, 24))
    assert [tally.what for tally in tallies if not tally.holds] == [], tallies
    assert sum(len(tally.caught) for tally in tallies) == 2


def test_races(tmp_path: Path) -> None:
    need_strace()
    tallies = list(races.prove(tmp_path, 6))
    assert [tally.what for tally in tallies if not tally.holds] == [], tallies
    assert sum(len(tally.caught) for tally in tallies) == 1


def test_state_machine(tmp_path: Path) -> None:
    (tally,) = state_machine.prove(tmp_path, 6)
    assert tally.holds, tally


def test_full_disk(tmp_path: Path) -> None:
    if not full_disk.possible():
        pytest.skip("only root can mount a small file system")
    (tally,) = full_disk.prove(tmp_path, None)
    assert tally.holds, tally
