"""A host in rollouts: who may activate, what is refused by which words, and what another client finds."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from relstore.errors import BusyError, NotFoundError, RefusedError, TakenOverError
from relstore.formats.command import Command
from relstore.formats.recipe import Recipe, Variable
from relstore.host.helpers import Bundle
from relstore.host.job import fence
from relstore.host.job.values import DONE
from relstore.host.job.withdrawal import Withdrawal
from relstore.host.requests import activation, job_needs, removing, rollouts
from relstore.host.requests.activation import Asides
from relstore.host.requests.rollouts import Taken
from relstore.protocol import (
    Activate,
    FetchPlan,
    ListRollouts,
    NoteRollout,
    OnceRan,
    RemoveApp,
    RolloutBeginning,
    RolloutPart,
    RunRolloutOnce,
    TakeRollout,
)
from relstore.store import durable
from relstore.store import rollouts as kept
from relstore.store.app import App
from relstore.store.store import Store
from relstore.store.verify import Checker
from tests.support.host_side import WEB, outcomes, run_job
from tests.support.jobs_by_hand import create
from tests.support.rollouts import ID

OTHER = "20261201T094600Z-0a1b2c3d"
RECIPE = Recipe(restart=Command(("true",), 5), variables=(Variable("MOOD", "good"),))


def beginning(generation: int = 2) -> RolloutBeginning:
    part = RolloutPart(generation, 1, RECIPE, 5, False, False, None)
    return RolloutBeginning("0" * 64, ("web1",), "push", 3, part, b"the plan")


def take(store: Store, **changes: Any) -> Taken:
    request = TakeRollout(WEB, ID, 1, "0" * 16, "ada@laptop", "wave", 0, False, beginning())
    _, taken = rollouts.take(store, request._replace(**changes))
    return taken


def activate(store: Store, bundle: Bundle, spec: str, asides: Asides) -> Any:
    *_, last = activation.activate(store, bundle, Activate(WEB, spec, "me@desk", Recipe()), "", asides)
    return last


def test_an_activation_for_it_happens_and_another_client_finds_its_job(
    store: Store, app: App, bundle: Bundle
) -> None:
    taken = take(store)
    assert job_needs.of(app).generations == {1, 2}
    ended = activate(store, bundle, "2", Asides(claim=taken.claim))
    assert (ended.outcome, app.current()) == ("active", 2)
    os.close(taken.fd)
    again = TakeRollout(WEB, ID, 2, "1" * 16, "bob@ci", "wave", 0, False, None)
    answer, later = rollouts.take(store, again)
    assert (answer.job, answer.back, answer.part) == (ended.job, None, beginning().part)
    back = activate(store, bundle, "1", Asides(withdrawn=Withdrawal(2, ID, "it failed"), claim=later.claim))
    assert (back.outcome, outcomes(app)[-1]) == ("active", ("withdrawn", 2))
    os.close(later.fd)
    answer, third = rollouts.take(store, again._replace(epoch=3, claim="2" * 16))
    assert (answer.job, answer.back) == (ended.job, back.job)
    os.close(third.fd)
    assert rollouts.fetch_plan(store, FetchPlan(WEB, ID)).plan == b"the plan"


def test_who_has_a_lower_epoch_is_told_by_whom_it_was_taken_over(
    store: Store, app: App, bundle: Bundle
) -> None:
    first = take(store)
    second = take(store, epoch=2, claim="1" * 16, who="bob@ci", begins=None, supersede=True)
    with pytest.raises(TakenOverError, match="taken over by bob@ci"):
        activate(store, bundle, "2", Asides(claim=first.claim))
    with pytest.raises(TakenOverError, match="taken over by bob@ci"):
        rollouts.note(store, NoteRollout(WEB, "done", 0, 1, 5, ""), first)
    assert app.current() == 1
    os.close(second.fd)
    with pytest.raises(TakenOverError, match="taken over by bob@ci"):  # also when bob's client is gone
        activate(store, bundle, "2", Asides(claim=first.claim))
    os.close(first.fd)


def test_the_job_asks_again_under_the_lock(store: Store, app: App, top: Path, helper: str) -> None:
    taken = take(store)
    job, lock = create(app, 2)
    fence.write(job, taken.claim)
    os.close(take(store, epoch=2, claim="1" * 16, who="bob@ci", begins=None, supersede=True).fd)
    assert run_job(helper, top, job, lock) == 0
    assert (job.state().step, job.state().outcome) == (DONE, "taken-over")
    assert "bob@ci" in job.state().reason
    assert outcomes(app) == [("active", 1)]
    os.close(taken.fd)


def test_who_belongs_to_none_waits_for_one_that_runs_or_supersedes_it(
    store: Store, app: App, bundle: Bundle
) -> None:
    taken = take(store)
    with pytest.raises(BusyError, match=f"rollout {ID} of ada@laptop runs: it is in wave 1 of 3"):
        activate(store, bundle, "2", Asides())
    with pytest.raises(RefusedError, match="of ada@laptop runs"):
        removing.remove(store, RemoveApp(WEB, "me", False))
    assert activate(store, bundle, "2", Asides(supersedes=True)).outcome == "active"
    with pytest.raises(TakenOverError, match="taken over by me@desk"):
        activate(store, bundle, "1", Asides(claim=taken.claim))
    os.close(taken.fd)


def test_one_that_was_left_stands_in_nobodys_way(store: Store, app: App, bundle: Bundle) -> None:
    os.close(take(store).fd)
    assert activate(store, bundle, "2", Asides()).outcome == "active"


def test_an_epoch_is_taken_once(store: Store, app: App) -> None:
    os.close(take(store).fd)
    with pytest.raises(TakenOverError, match="taken over by ada@laptop"):
        take(store, rollout=OTHER, claim="3" * 16, who="eve@ci")
    with pytest.raises(NotFoundError, match="knows nothing of rollout"):
        take(store, rollout=OTHER, epoch=5, claim="3" * 16, begins=None)


@pytest.mark.parametrize("claimed", [True, False])
def test_a_record_that_cannot_be_written_keeps_nothing_from_going_back(
    store: Store, app: App, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, claimed: bool
) -> None:
    taken = take(store)
    activate(store, bundle, "2", Asides(claim=taken.claim))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kept.Rollouts, "put", full)
    with pytest.raises(OSError, match="No space"):
        activate(store, bundle, "1", Asides(claim=taken.claim))
    asides = Asides(withdrawn=Withdrawal(2, ID, "it failed"), claim=taken.claim if claimed else None)
    assert activate(store, bundle, "1", asides).outcome == "active"
    assert outcomes(app)[-1] == ("withdrawn", 2)
    os.close(taken.fd)


def test_a_record_that_is_gone_stops_what_goes_forward_and_not_what_goes_back(
    store: Store, app: App, bundle: Bundle, top: Path
) -> None:
    taken = take(store)
    activate(store, bundle, "2", Asides(claim=taken.claim))
    record = top / "apps" / "web" / "rollouts" / ID / "record"
    record.write_bytes(b"garbage")
    (finding,) = Checker(store).apps()
    assert finding.path == f"apps/web/rollouts/{ID}"
    with pytest.raises(NotFoundError, match="the record of rollout"):
        activate(store, bundle, "1", Asides(claim=taken.claim))
    back = Asides(withdrawn=Withdrawal(2, ID, "it failed"), claim=taken.claim)
    assert activate(store, bundle, "1", back).outcome == "active"
    os.close(taken.fd)


def test_what_is_known_is_shown(store: Store, app: App) -> None:
    os.close(take(store).fd)
    taken = take(store, rollout=OTHER, epoch=2, claim="1" * 16)
    rollouts.note(store, NoteRollout(WEB, "baking", 1, 3, 4, "because"), taken)
    answer, rows = rollouts.known(store, ListRollouts(WEB))
    assert [(row.id, row.epoch, row.state, row.wave, row.serial, row.why, row.is_held) for row in rows] == [
        (OTHER, 2, "baking", 1, 4, "because", True),
        (ID, 1, "wave", 0, 0, "", False),
    ]
    assert answer.damaged == ()
    os.close(taken.fd)


# --- once --------------------------------------------------------------------------------------------


def once(store: Store, taken: Taken, *words: str, again: bool = False, skip: bool = False) -> OnceRan:
    request = RunRolloutOnce(WEB, Command(words, 20), again, skip)
    *_, last = rollouts.run_once(store, request, taken)
    assert isinstance(last, OnceRan)
    return last


def test_once_runs_once_in_the_new_build_and_the_log_says_so(store: Store, app: App, tmp_path: Path) -> None:
    from relstore.host.requests.reading import log
    from relstore.protocol import Log

    taken = take(store)
    line = f"pwd >> {tmp_path}/ran; cat version >> {tmp_path}/ran; echo said"
    assert once(store, taken, "sh", "-c", line) == OnceRan("", False, True)
    assert once(store, taken, "sh", "-c", line) == OnceRan("", False, False)
    where, version = (tmp_path / "ran").read_text().splitlines()
    assert (where.endswith("/tree"), version) == (True, "2")
    _, rows = log(store, Log(WEB))
    assert [(row.event, row.job) for row in rows if "once" in row.event] == [
        ("once-began", ID), ("once-done", ID),
    ]  # fmt: skip
    os.close(taken.fd)


def test_once_that_fails_stays_failed(store: Store, app: App) -> None:
    taken = take(store)
    first = once(store, taken, "sh", "-c", "exit 3")
    assert "exit code 3" in first.problem
    assert once(store, taken, "true").problem == first.problem
    os.close(taken.fd)


def test_once_that_began_and_did_not_end_asks(store: Store, app: App, tmp_path: Path) -> None:
    from relstore.host.job.once_log import FILE, OnceEvent, OnceLog
    from relstore.host.job.values import encode

    taken = take(store)
    line = f"echo ran >> {tmp_path}/ran"

    def begun() -> None:
        with kept.Rollouts(app.directory).open(ID) as one:
            durable.replace_file(one, FILE, encode(OnceLog((OnceEvent(5, "once-began", 2, "me", ""),))))

    begun()
    assert once(store, taken, "sh", "-c", line) == OnceRan("", True, False)
    assert not (tmp_path / "ran").exists()
    assert once(store, taken, "sh", "-c", line, again=True) == OnceRan("", False, True)
    assert (tmp_path / "ran").read_text() == "ran\n"
    begun()
    assert once(store, taken, "sh", "-c", line, skip=True) == OnceRan("", False, False)
    assert (tmp_path / "ran").read_text() == "ran\n"
    os.close(taken.fd)


def test_a_session_that_acts_for_none_runs_and_notes_nothing(store: Store, app: App) -> None:
    with pytest.raises(RefusedError, match="acts for no rollout"):
        list(rollouts.run_once(store, RunRolloutOnce(WEB, Command(("true",), 5), False, False), None))
    with pytest.raises(RefusedError, match="acts for no rollout"):
        rollouts.note(store, NoteRollout(WEB, "done", 0, 1, 1, ""), None)
