"""A store that needs a newer relstore: nothing changes it and nothing is undone; what only reads is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relstore import protocol
from relstore.errors import NewerStoreError, StoreError
from relstore.formats import journal
from relstore.formats.command import Command
from relstore.formats.names import Digest, JobId, PinName
from relstore.formats.recipe import Recipe
from relstore.host.helpers import Bundle
from relstore.host.job.process import recover_all
from relstore.host.job.values import DONE
from relstore.host.requests.changing import is_change
from relstore.protocol import REQUESTS
from relstore.store.app import App
from relstore.store.store import Store
from tests.support.conversation import talk
from tests.support.host_side import WEB, outcomes, snapshot
from tests.support.jobs_by_hand import leave_half_done, run

BUILD = Digest("0" * 64)
JOB = JobId("20261123T044741Z-00000000")
CHANGES: list[Any] = [
    protocol.Begin(),
    protocol.Publish(WEB, "me", None, False, ""),
    protocol.Restore(),
    protocol.Release(WEB, BUILD, "me", None, False, ""),
    protocol.Activate(WEB, "2", "me", Recipe()),
    protocol.Restart(WEB, 1, "me", Recipe()),
    protocol.Confirm(WEB, JOB, b""),
    protocol.Cancel(WEB, JOB, "me"),
    protocol.Pin(WEB, PinName("kept"), "1"),
    protocol.Unpin(WEB, PinName("kept")),
    protocol.Delete(WEB, ("2",), "me", False),
    protocol.Adopt(WEB, "/srv/old", None, None, (), (), 5, "me", False),
    protocol.GiveBack(WEB, False),
    protocol.Hold(WEB, "me", "why"),
    protocol.Unhold(WEB),
    protocol.Mark(WEB, "1", False, "me", ""),
    protocol.Verify(),
    protocol.Collect(WEB, None, None, "me", False),
    protocol.RemoveApp(WEB, "me", False),
    protocol.TakeRollout(WEB, "20261201T094500Z-0a1b2c3d", 1, "0" * 16, "me", "wave", 0, False, None),
    protocol.NoteRollout(WEB, "wave", 0, 1, 1, ""),
    protocol.PauseRollout(WEB, "20261201T094500Z-0a1b2c3d", "me"),
    protocol.RunRolloutOnce(WEB, Command(("true",), 5), False, False),
]
READS: list[Any] = [
    protocol.Probe(WEB, BUILD),
    protocol.List(WEB),
    protocol.Fetch(WEB, "1"),
    protocol.Resolve(WEB, "2"),
    protocol.Log(WEB),
    protocol.Apps(),
    protocol.Past(WEB, 0),
    protocol.Status(WEB),
    protocol.Delete(WEB, ("2",), "me", True),
    protocol.RemoveApp(WEB, "me", True),
    protocol.ListRollouts(WEB),
    protocol.FetchPlan(WEB, "20261201T094500Z-0a1b2c3d"),
]
OTHERS = {
    protocol.Compare, protocol.Open, protocol.Put, protocol.Preflight, protocol.Become, protocol.Reject, protocol.Watch,
    protocol.CutOld, protocol.Inspect, protocol.InstallUnit, protocol.Supervisor, protocol.Collect, protocol.CheckHost,
    protocol.Logs, protocol.Export, protocol.Withdraw, protocol.SupersedeRollout, protocol.CheckOrigin, protocol.Draw,
}  # fmt: skip
"""They change nothing in a store, or need what was refused before."""


@pytest.fixture
def newer(app: App, top: Path) -> Path:
    """The store of ``app`` from now on."""
    (top / "needs").write_text("relstore-needs 2 9.9.0\n")
    return top


def test_every_request_is_one_of_them() -> None:
    assert {type(request) for request in (*CHANGES, *READS)} | OTHERS == set(REQUESTS)
    assert all(map(is_change, CHANGES))
    assert not any(map(is_change, READS))


@pytest.mark.parametrize("request_", CHANGES, ids=lambda request: type(request).__name__)
def test_what_changes_a_store_is_refused(request_: Any, newer: Path, bundle: Bundle) -> None:
    before = snapshot(newer)
    failure = talk(newer, bundle, request_).failure
    assert failure.kind == "NewerStoreError"
    assert failure.what == f"the store at {newer} needs relstore >= 9.9.0: its file `needs` says so"
    assert "changed and undid nothing" in failure.state
    assert "Install relstore 9.9.0 or a later one" in failure.hint
    assert snapshot(newer) == before


def test_what_only_reads_is_answered(newer: Path, bundle: Bundle) -> None:
    before = snapshot(newer)
    assert talk(newer, bundle, *READS).failures == []
    assert snapshot(newer) == before


def test_a_directory_that_a_newer_one_does_not_keep_is_not_made(newer: Path) -> None:
    (newer / "trash").rmdir()
    with pytest.raises(NewerStoreError, match=r"needs relstore >= 9\.9\.0: it has no directory trash"):
        Store.open(str(newer))
    assert not (newer / "trash").exists()


def test_a_job_and_a_recovery_at_boot_undo_nothing(app: App, newer: Path, helper: str) -> None:
    leave_half_done(app, 2, switched=True)
    before = outcomes(app)
    assert recover_all(str(newer)) == 1
    state = run(helper, app, 1).state()
    assert (state.step, state.outcome) == (DONE, journal.FAILED)
    assert "needs relstore >= 9.9.0" in state.reason
    assert (outcomes(app), app.current()) == (before, 2)


@pytest.mark.parametrize("needs", ["", "relstore-needs 3 7.0.0\n"])
def test_a_newer_format_is_an_error_of_its_own(app: App, top: Path, needs: str) -> None:
    (top / "format").write_text("relstore-store 2\n")
    if needs:
        (top / "needs").write_text(needs)
    which = "relstore >= 7.0.0" if needs else "a newer relstore"
    with pytest.raises(NewerStoreError, match=f"needs {which}: its format is 'relstore-store 2'"):
        Store.open(str(top))
    (top / "format").write_text("something else\n")
    with pytest.raises(StoreError, match="which this relstore does not know"):
        Store.open(str(top))
