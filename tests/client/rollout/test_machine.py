"""What follows from what in a rollout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from relstore.client.config.share import Share
from relstore.client.rollout import states
from relstore.client.rollout.machine import Rollout, after, run
from relstore.client.rollout.states import (
    Abandoned,
    ActivateHost,
    Bake,
    Baked,
    BeginWave,
    CheckFailed,
    DeadlinePassed,
    End,
    Event,
    HostEnded,
    HostLost,
    HostReturned,
    HostStaged,
    HostUnwell,
    OnceEnded,
    Pause,
    Promoted,
    RevertHost,
    RolloutBegun,
    RunOnce,
    StageAll,
)
from relstore.client.rollout.strategy import Strategy


def staged(hosts: int, *others: HostStaged, **strategy: Any) -> Rollout:
    """All hosts staged but those of ``others``; the first wave may have begun."""
    told = {event.host: event for event in others}
    events: list[Event] = [RolloutBegun()]
    events += [told.get(host, HostStaged(host, "staged")) for host in range(hosts)]
    return run(Rollout.of(Strategy(**strategy), hosts), events)[0]


def end(*ends: tuple[int, Any]) -> list[Event]:
    return [HostEnded(host, state) for host, state in ends]


def test_it_begins_by_staging_everywhere() -> None:
    rollout, actions = after(Rollout.of(Strategy(), 2), RolloutBegun())
    assert (rollout.phase, actions) == ("staging", (StageAll(),))
    rollout, actions = after(rollout, HostStaged(0, "staged"))
    assert (rollout.phase, actions) == ("staging", ())


def test_the_canary_goes_first_and_the_rest_after_its_bake() -> None:
    rollout = staged(4, max_parallel=2)
    assert rollout.waves == ((0,), (1, 2, 3))
    rollout, actions = after(rollout, HostEnded(0, "active"))
    assert (rollout.phase, actions) == ("baking", (Bake(0),))
    rollout, actions = after(rollout, Baked(0))
    assert actions == (BeginWave(1), ActivateHost(1), ActivateHost(2))
    rollout, actions = after(rollout, HostEnded(2, "active"))
    assert actions == (ActivateHost(3),)
    rollout, _ = run(rollout, end((3, "active"), (1, "active")))
    rollout, actions = after(rollout, Baked(1))
    assert (rollout.phase, actions, rollout.verdict) == ("done", (End(),), "released")


@pytest.mark.parametrize("state", ["refused", "unreachable"])
def test_what_cannot_be_staged_lets_nothing_begin(state: Any) -> None:
    rollout = staged(3, HostStaged(1, state))
    assert (rollout.phase, rollout.verdict) == ("stopped", "former")
    assert "1 host" in rollout.why


def test_hosts_that_cannot_be_reached_have_a_limit_of_their_own() -> None:
    rollout = staged(3, HostStaged(1, "unreachable"), max_unreachable=Share(1))
    assert rollout.waves == ((0,), (2,))
    assert staged(3, HostStaged(1, "refused"), max_failures=Share(3)).phase == "stopped"


def test_nothing_to_switch_is_done() -> None:
    rollout = staged(2, HostStaged(0, "unchanged"), HostStaged(1, "unchanged"))
    assert (rollout.phase, rollout.verdict) == ("done", "released")


def test_past_the_limit_nothing_begins_and_what_is_under_way_is_waited_for() -> None:
    rollout = staged(6, canary=Share(0), max_parallel=3)
    rollout, _ = after(rollout, HostEnded(0, "active"))
    rollout, actions = after(rollout, HostEnded(1, "failed"))
    assert (rollout.phase, actions) == ("wave", ())
    rollout, actions = run(rollout, end((2, "active"), (3, "active")))
    assert actions == (RevertHost(0), RevertHost(2), RevertHost(3))
    assert "1 host; the limit is 0" in rollout.why
    rollout, actions = run(rollout, [HostReturned(host, "withdrawn") for host in (0, 2, 3)])
    assert (rollout.phase, rollout.verdict) == ("reverted", "former")
    assert rollout.hosts == ("withdrawn", "failed", "withdrawn", "withdrawn", "staged", "staged")


@pytest.mark.parametrize(
    ("on_failure", "phase", "verdict"),
    [("revert", "reverting", "mixed"), ("stop", "stopped", "mixed"), ("continue", "wave", "mixed")],
)
def test_what_becomes_of_a_failure(on_failure: Any, phase: str, verdict: str) -> None:
    rollout = staged(3, canary=Share(0), on_failure=on_failure)
    rollout, _ = run(rollout, end((0, "active"), (1, "failed")))
    assert (rollout.phase, rollout.verdict) == (phase, verdict)


def test_one_failure_limit_over_all_waves() -> None:
    rollout = staged(4, canary=Share(2), max_failures=Share(1), max_parallel=2)
    rollout, _ = run(rollout, end((0, "failed"), (1, "active")))
    rollout, _ = after(rollout, Baked(0))
    rollout, _ = after(rollout, HostEnded(2, "failed"))
    rollout, actions = after(rollout, HostEnded(3, "active"))
    assert actions == (RevertHost(1), RevertHost(3))


def test_a_stuck_host_is_not_on_the_former_release() -> None:
    rollout, _ = run(staged(1), end((0, "stuck")))
    assert (rollout.phase, rollout.verdict) == ("reverted", "mixed")


def test_hosts_that_were_unchanged_or_superseded_are_left() -> None:
    rollout = staged(3, HostStaged(0, "unchanged"), canary=Share(0))
    rollout, actions = run(rollout, end((1, "active"), (2, "failed")))
    assert actions[-1:] == (RevertHost(1),)
    rollout, _ = after(rollout, HostReturned(1, "superseded"))
    assert (rollout.phase, rollout.hosts[:2], rollout.verdict) == (
        "reverted",
        ("unchanged", "superseded"),
        "mixed",
    )


def test_a_host_that_turns_bad_in_the_bake_counts_and_goes_back_too() -> None:
    rollout, _ = run(staged(2), end((0, "active")))
    rollout, actions = after(rollout, HostUnwell(0))
    assert (rollout.phase, rollout.failures, actions) == ("reverting", 1, (RevertHost(0),))
    tolerant, _ = run(staged(2, max_failures=Share(1)), end((0, "active")))
    tolerant, actions = run(tolerant, [HostUnwell(0), HostUnwell(0), Baked(0)])
    assert (tolerant.failures, actions) == (1, (BeginWave(1), ActivateHost(1)))


def test_a_check_from_outside_fails_whatever_the_limit() -> None:
    rollout, _ = run(staged(2, max_failures=Share(2)), end((0, "active")))
    rollout, actions = after(rollout, CheckFailed("status 500"))
    assert (rollout.why, actions) == ("status 500", (RevertHost(0),))


def test_a_lost_host_is_waited_for_until_the_deadline() -> None:
    rollout, actions = run(staged(2), end((0, "unknown")))
    assert (rollout.phase, actions) == ("wave", ())
    found, actions = after(rollout, HostEnded(0, "active"))
    assert (found.phase, actions) == ("baking", (Bake(0),))
    rollout, actions = after(rollout, DeadlinePassed(0))
    assert (rollout.unreachable, actions) == (1, (RevertHost(0),))
    rollout, _ = after(rollout, HostReturned(0, "unknown"))
    assert (rollout.phase, rollout.verdict) == ("reverted", "mixed")


def test_within_the_limit_a_lost_host_is_left_behind() -> None:
    rollout, _ = run(staged(2, max_unreachable=Share(1)), end((0, "unknown")))
    rollout, actions = after(rollout, DeadlinePassed(0))
    assert actions == (BeginWave(1), ActivateHost(1))
    rollout, _ = run(rollout, end((1, "active"), (0, "active")))
    rollout, _ = after(rollout, Baked(1))
    assert (rollout.phase, rollout.verdict) == ("done", "released")


def test_the_deadline_ends_a_wave_that_has_hosts_left() -> None:
    rollout, actions = after(staged(3, canary=Share(0)), DeadlinePassed(0))
    assert rollout.why.startswith("wave 1 did not end in time")
    assert actions == (RevertHost(0),)


def test_a_host_that_is_lost_in_the_bake_counts_as_unreachable() -> None:
    rollout, _ = run(staged(2), end((0, "active")))
    rollout, actions = after(rollout, HostLost(0))
    assert (rollout.unreachable, actions) == (1, (RevertHost(0),))


def test_it_pauses_and_is_promoted() -> None:
    rollout, _ = run(staged(2, pauses=frozenset({0, 1})), end((0, "active")))
    rollout, actions = after(rollout, Baked(0))
    assert (rollout.phase, actions) == ("paused", (Pause(0),))
    rollout, actions = after(rollout, Promoted())
    assert actions == (BeginWave(1), ActivateHost(1))
    rollout, _ = run(rollout, [*end((1, "active")), Baked(1)])
    assert rollout.phase == "done"


def test_once_comes_before_the_first_wave_on_the_first_host() -> None:
    begun = staged(3, HostStaged(0, "unchanged"), has_once=True)
    assert begun.phase == "once"
    events: list[Event] = [RolloutBegun(), HostStaged(0, "unchanged"), HostStaged(1, "staged")]
    assert run(Rollout.of(Strategy(has_once=True), 2), events)[1][-1:] == (RunOnce(1),)
    assert after(begun, OnceEnded())[1] == (BeginWave(0), ActivateHost(1))
    failed, actions = after(begun, OnceEnded("exit code 4"))
    assert (failed.phase, failed.verdict, actions) == ("reverted", "mixed", (End(),))


def test_who_leaves_it_leaves_the_hosts_to_themselves() -> None:
    rollout, actions = after(staged(3), Abandoned())
    assert (rollout.phase, actions) == ("wave", ())
    rollout, actions = after(rollout, HostEnded(0, "unknown"))
    assert (rollout.phase, actions) == ("aborted", (End(),))
    assert after(staged(2, pauses=frozenset()), Abandoned())[0].why == "interrupted"
    assert after(Rollout.of(Strategy(), 1), Abandoned())[0].phase == "aborted"


@pytest.mark.parametrize(
    "event",
    [Baked(0), Promoted(), OnceEnded(), HostUnwell(0), HostEnded(1, "active"), HostReturned(0, "withdrawn")],
)
def test_what_does_not_belong_there_changes_nothing(event: Event) -> None:
    rollout = staged(2)
    assert after(rollout, event) == (rollout, ())


def test_after_the_end_nothing_happens() -> None:
    ended = staged(1, HostStaged(0, "unchanged"))
    events: Sequence[Event] = [RolloutBegun(), Abandoned(), DeadlinePassed(0), HostEnded(0, "failed")]
    assert run(ended, events) == (ended, ())
    assert ended.phase in states.ENDS
