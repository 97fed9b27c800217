"""An activation, step by step: what it switches, what it records, how it goes back."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from relstore.formats import journal
from relstore.formats.journal import MAX_REASON
from relstore.formats.names import AppName
from relstore.formats.recipe import Variable
from relstore.host.job import activation
from relstore.host.job.record import UnrecordedError
from relstore.host.job.withdrawal import Withdrawal
from relstore.store import durable
from relstore.store.app import App
from relstore.store.directory import Dir
from relstore.store.store import Store
from tests.support.host_side import Program, build_of, go_live, outcomes, release
from tests.support.host_state import problems
from tests.support.jobs_by_hand import activate_here

NEW_IS_BROKEN = 'test "$RELSTORE_GENERATION" != 2 || { echo this one is broken; exit 7; }'


def link(app: App) -> str | None:
    return app.directory.readlink("current")


def test_without_a_restart_the_link_moves_and_that_is_all(store: Store, app: App) -> None:
    ran = activate_here(store, app, 2)
    assert ran.ending == (journal.ACTIVE, 1, "")
    assert ran.log == ""
    assert link(app) == "generations/2"
    assert outcomes(app)[1:] == [("switching", 2), ("active", 2)]
    assert [event.previous for event in app.events()[1:]] == [1, 1]
    assert {event.job for event in app.events()[1:]} == {ran.job.id}
    assert {event.who for event in app.events()[1:]} == {"me@desk"}


def test_the_first_one(store: Store) -> None:
    release(store, {"version": b"1"})
    with store.app(AppName("web")) as app:
        ran = activate_here(store, app, 1, "echo $RELSTORE_PREVIOUS_PATH.")
        assert ran.ending == (journal.ACTIVE, 0, "")
        assert ran.log == "relstore: restarting for generation 1\n.\n"
        assert link(app) == "generations/1"
        assert outcomes(app) == [("switching", 1), ("active", 1)]


def test_what_a_restart_is_told(store: Store, app: App, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RELSTORE_")]:
        monkeypatch.delenv(name)
    line = "env | grep ^RELSTORE_ | sort; pwd; readlink $RELSTORE_CURRENT; cat $RELSTORE_CURRENT/version"
    ran = activate_here(store, app, 2, line)
    one, two = (f"{top}/builds/{build_of(store, number)}/tree" for number in (1, 2))
    assert ran.log.splitlines() == [
        "relstore: restarting for generation 2",
        "RELSTORE_APP=web",
        f"RELSTORE_BUILD={build_of(store, 2)}",
        f"RELSTORE_CURRENT={top}/apps/web/current",
        "RELSTORE_GENERATION=2",
        f"RELSTORE_PATH={two}",
        f"RELSTORE_PREVIOUS_PATH={one}",
        str(top),
        "generations/2",
        "2",
    ]


def test_commands_are_told_the_variables_of_the_host(store: Store, app: App) -> None:
    variables = (Variable("REGION", "$(eu)"), Variable("A=B", "x"), Variable("NUL", "\0"), Variable("E", ""))
    ran = activate_here(store, app, 2, "env | grep ^RELSTORE_VAR_ | sort", variables=variables)
    assert ran.log.splitlines()[1:] == ["RELSTORE_VAR_E=", "RELSTORE_VAR_REGION=$(eu)"]
    assert ran.ending.outcome == journal.ACTIVE


def test_the_restart_finds_the_intent_recorded_and_no_outcome_yet(store: Store, app: App, top: Path) -> None:
    activate_here(store, app, 2, f"cp {top}/apps/web/journal {top}/../then")
    then = journal.Journal.parse((top.parent / "then").read_bytes())
    assert (then.events[-1].event, then.events[-1].generation, then.events[-1].previous) == (
        "switching",
        2,
        1,
    )


def test_a_restart_that_fails_puts_it_back_and_says_why(store: Store, app: App) -> None:
    ran = activate_here(store, app, 2, f"readlink $RELSTORE_CURRENT; {NEW_IS_BROKEN}")
    assert link(app) == "generations/1"
    assert ran.ending.outcome == journal.ROLLED_BACK
    assert ran.ending.reason.startswith(
        f"`readlink $RELSTORE_CURRENT; {NEW_IS_BROKEN}` ended with exit code 7\n"
    )
    assert ran.ending.reason.endswith("\ngenerations/2\nthis one is broken")
    assert outcomes(app)[1:] == [("switching", 2), ("rolled-back", 2)]
    assert app.events()[-1].reason == ran.ending.reason
    assert ran.log.splitlines()[-3:] == [
        f"relstore: `readlink $RELSTORE_CURRENT; {NEW_IS_BROKEN}` ended with exit code 7; going back to generation 1",
        "relstore: restarting for generation 1",
        "generations/1",
    ]
    assert [row.state for row in app.rows()] == ["current", "failed"]


def test_going_back_swaps_the_paths_that_the_restart_is_told(store: Store, app: App) -> None:
    ran = activate_here(store, app, 2, f"echo $RELSTORE_BUILD $RELSTORE_PREVIOUS_PATH; {NEW_IS_BROKEN}")
    last = ran.log.splitlines()[-1].split()
    assert last[0] == build_of(store, 1)
    assert last[1].endswith(f"/builds/{build_of(store, 2)}/tree")


@pytest.mark.parametrize(
    ("hangs", "reason"),
    [("sleep 600", "did not end within 3 s and was killed"), ("kill -KILL $$", "was killed by signal 9")],
)
def test_a_restart_without_a_verdict_puts_it_back_and_blames_nobody(
    store: Store, app: App, hangs: str, reason: str
) -> None:
    """Whether the release or the command itself is the cause cannot be known."""
    ran = activate_here(store, app, 2, f'test "$RELSTORE_GENERATION" != 2 || {hangs}', seconds=3)
    assert ran.ending.outcome == journal.INTERRUPTED
    assert reason in ran.ending.reason
    assert link(app) == "generations/1"
    assert [row.state for row in app.rows()] == ["current", "never-active"]


def test_the_first_one_that_fails_leaves_no_link(store: Store) -> None:
    release(store, {"version": b"1"})
    with store.app(AppName("web")) as app:
        ran = activate_here(store, app, 1, "echo no; exit 1")
        assert not os.path.lexists(f"{app.directory.path}/current")
        assert ran.ending == (journal.ROLLED_BACK, 0, "`echo no; exit 1` ended with exit code 1\nno")
        assert ran.log.count("restarting") == 1
        assert "going back to no generation, since there was none before" in ran.log


def test_going_back_that_fails_too_is_said_loudly_and_does_not_flap(store: Store, app: App) -> None:
    ran = activate_here(store, app, 2, "echo $RELSTORE_GENERATION >> ../tries; exit $RELSTORE_GENERATION")
    assert ran.ending.outcome == journal.STUCK
    assert "ended with exit code 2" in ran.ending.reason
    assert "and going back to generation 1: " in ran.ending.reason
    assert "ended with exit code 1" in ran.ending.reason
    assert link(app) == "generations/1"
    assert outcomes(app)[1:] == [("switching", 2), ("stuck", 2)]
    assert Path(app.directory.path, "../../../tries").read_text() == "2\n1\n"


def test_what_a_service_wrote_into_its_release_is_no_obstacle(store: Store, app: App, top: Path) -> None:
    tree = top / "builds" / build_of(store, 2) / "tree"
    (tree / "__pycache__").mkdir()
    (tree / "web.pid").write_text("17")
    assert activate_here(store, app, 2).ending.outcome == journal.ACTIVE
    assert (tree / "web.pid").read_text() == "17"


@pytest.mark.parametrize("damage", ["bytes", "missing", "mode", "manifest"])
def test_a_damaged_build_is_never_switched_to(store: Store, app: App, top: Path, damage: str) -> None:
    build = top / "builds" / build_of(store, 2)
    version = build / "tree" / "version"
    if damage == "bytes":
        version.chmod(0o644)
        version.write_bytes(b"3")
        version.chmod(0o444)
    elif damage == "missing":
        version.unlink()
    elif damage == "mode":
        version.chmod(0o4555)
    else:
        (build / "manifest").chmod(0o644)
        (build / "manifest").write_bytes(b"")
    ran = activate_here(store, app, 2, "echo restarted")
    assert ran.ending.outcome == journal.FAILED
    assert ran.ending.reason.startswith("the build is damaged in the store: builds/")
    assert ran.log == ""
    assert link(app) == "generations/1"
    assert outcomes(app)[1:] == [("failed", 2)]


def test_a_damaged_first_one_leaves_no_link(store: Store, top: Path) -> None:
    release(store, {"version": b"1"})
    (top / "builds" / build_of(store, 1) / "tree" / "version").unlink()
    with store.app(AppName("web")) as app:
        assert activate_here(store, app, 1).ending.outcome == journal.FAILED
        assert link(app) is None


def test_the_current_one_again(store: Store, app: App) -> None:
    ran = activate_here(store, app, 1, "echo once")
    assert ran.ending == (journal.ACTIVE, 1, "")
    assert ran.log.count("once") == 1
    assert link(app) == "generations/1"


def test_back_and_forward_again_is_one_event_each_way(store: Store, app: App) -> None:
    for number in (2, 1, 2):
        assert activate_here(store, app, number).ending.outcome == journal.ACTIVE
    assert outcomes(app)[1:] == [
        (event, number) for number in (2, 1, 2) for event in ("switching", "active")
    ]  # fmt: skip
    assert [row.state for row in app.rows()] == ["good", "current"]
    assert problems(Path(store.root.path)) == []


def test_another_generation_of_the_same_build(store: Store, app: App) -> None:
    go_live(store, {"version": b"1", "shared": b"in both"})
    assert build_of(store, 3) == build_of(store, 1)
    assert activate_here(store, app, 1).ending.outcome == journal.ACTIVE
    assert link(app) == "generations/1"


def test_a_link_that_a_crash_kept_from_being_made_is_made(store: Store, app: App) -> None:
    """The record is written before the link to the build."""
    app.unlink_generations([2])
    assert activate_here(store, app, 2).ending.outcome == journal.ACTIVE
    assert Path(app.directory.path, "current/version").read_bytes() == b"2"


def test_the_state_tells_how_far_it_is(store: Store, app: App, top: Path) -> None:
    line = f"cp {top}/apps/web/jobs/*/state ../state-$RELSTORE_GENERATION; {NEW_IS_BROKEN}"
    ran = activate_here(store, app, 2, line)
    directory = Path(ran.job.directory.path)
    for number, step in ((2, activation.RESTARTING), (1, activation.RETURNING)):
        (directory / "state").write_bytes((top.parent / f"state-{number}").read_bytes())
        assert (ran.job.state().step, ran.job.state().previous) == (step, 1)


def test_only_the_end_of_a_long_output_becomes_the_reason(store: Store, app: App) -> None:
    ran = activate_here(store, app, 2, "seq 100000; exit $((RELSTORE_GENERATION - 1))")
    lines = ran.ending.reason.splitlines()
    assert lines[1:] == [str(number) for number in range(99991, 100001)]
    assert len(app.events()[-1].reason) <= MAX_REASON


@pytest.mark.parametrize(
    "line",
    [r"printf '\377\376'", "head -c 100000 /dev/zero", r"printf '\033[31mred\n'", "yes | head -c 1000000"],
)
def test_whatever_a_restart_writes_can_be_recorded(store: Store, app: App, line: str) -> None:
    ran = activate_here(store, app, 2, f"{line}; exit $((RELSTORE_GENERATION - 1))")
    assert ran.ending.outcome == journal.ROLLED_BACK
    assert app.events()[-1].event == journal.ROLLED_BACK
    ran.job.write_state(ran.job.state()._replace(reason=ran.ending.reason))
    assert ran.job.state().reason == ran.ending.reason


def test_what_runs_is_the_build_itself(store: Store) -> None:
    go_live(store, {"run": Program(b"#!/bin/sh\necho one\n")})
    release(store, {"run": Program(b"#!/bin/sh\necho two\n")})
    with store.app(AppName("web")) as app:
        ran = activate_here(
            store, app, 2, "$RELSTORE_CURRENT/run; $RELSTORE_PATH/run; $RELSTORE_PREVIOUS_PATH/run"
        )
        assert ran.log.splitlines()[1:] == ["two", "two", "one"]


@pytest.mark.parametrize("previous", [1, 0])
def test_a_link_back_that_a_full_disk_did_not_sync_is_not_recorded_as_back(
    store: Store, app: App, monkeypatch: pytest.MonkeyPatch, previous: int
) -> None:
    app.switch(previous or None)
    syncs = []

    def refuse(_directory: Dir) -> None:
        syncs.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    def back(number: int | None) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(durable, "sync_directory", refuse)
            App.switch_back(app, number)

    monkeypatch.setattr(app, "switch_back", back)
    with pytest.raises(UnrecordedError, match="No space left on device"):
        activate_here(store, app, 2, "test $RELSTORE_GENERATION != 2")
    assert (app.current() or 0, len(syncs)) == (previous, 1)


def test_what_is_left_is_marked_with_the_outcome_where_it_was_rejected(store: Store, app: App) -> None:
    """The mark does not depend on the client, which may be gone by then."""
    ran = activate_here(store, app, 2, rejected="it ate the data")
    assert outcomes(app)[1:] == [("switching", 2), ("active", 2), ("marked-bad", 1)]
    marked = app.events()[-1]
    assert (marked.reason, marked.who, marked.job) == ("it ate the data", "me@desk", "")
    assert ran.ending.outcome == journal.ACTIVE


def test_a_rollouts_way_back_records_what_was_withdrawn_with_the_outcome(store: Store, app: App) -> None:
    back = Withdrawal(1, "20261201T094500Z-0a1b2c3d", "2 hosts failed")
    activate_here(store, app, 2, withdrawn=back)
    assert outcomes(app)[1:] == [("switching", 2), ("active", 2), ("withdrawn", 1)]
    event = app.events()[-1]
    assert (event.job, event.reason, event.who) == (back.rollout, back.reason, "me@desk")
    assert {row.generation.number: row.state for row in app.rows()} == {1: "failed", 2: "current"}


def test_a_way_back_that_fails_withdraws_nothing(store: Store, app: App) -> None:
    activate_here(store, app, 2, NEW_IS_BROKEN, withdrawn=Withdrawal(1, "r", "because"))
    assert outcomes(app)[1:] == [("switching", 2), ("rolled-back", 2)]


def test_one_that_fails_leaves_nothing_and_marks_nothing(store: Store, app: App) -> None:
    activate_here(store, app, 2, NEW_IS_BROKEN, rejected="it ate the data")
    assert outcomes(app)[1:] == [("switching", 2), ("rolled-back", 2)]
