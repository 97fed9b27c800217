"""Whether a unit is healthy, from what was seen of it over time: a table of histories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from relstore.host.service.systemd import UnitState
from relstore.host.service.unit_health import BROKEN, HEALTHY, WAITING, Look, judge, judge_bystander

RUNNING = UnitState.parse(
    "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nType=exec\nMainPID=7\nNRestarts=0\n"
)


def looks(*states: UnitState, every: float = 1.0, runs: bool | None = True) -> list[Look]:
    return [Look(at * every, state, runs, "/usr/bin/other") for at, state in enumerate(states)]


def but(**changes: Any) -> UnitState:
    return RUNNING._replace(**changes)


DEAD = but(active="inactive", sub="dead", main_pid=0)


@pytest.mark.parametrize(
    ("seen", "state", "reason"),
    [
        (looks(RUNNING), WAITING, "running for 0.0 s of 3.0 s"),
        (looks(RUNNING, RUNNING, RUNNING), WAITING, "running for 2.0 s of 3.0 s"),
        (looks(RUNNING, RUNNING, RUNNING, RUNNING), HEALTHY, ""),
        (looks(RUNNING, RUNNING, RUNNING, but(main_pid=8)), WAITING, "0.0 s of"),
        (looks(RUNNING, RUNNING, RUNNING, but(main_pid=8, restarts=1)), WAITING, "0.0 s of"),
        (looks(*[but(main_pid=8, restarts=1)] * 4), HEALTHY, ""),
        (looks(RUNNING, but(active="activating"), RUNNING, RUNNING, RUNNING), WAITING, "2.0 s of"),
        (looks(*[RUNNING] * 4, runs=False), WAITING, "executes /usr/bin/other, not this build"),
        (looks(*[RUNNING] * 4, runs=None), HEALTHY, ""),
        (looks(but(restarts=3)), BROKEN, "crash loop: restarted 3 times"),
        (looks(but(active="activating", sub="auto-restart", restarts=1)), WAITING, "crashed and will be"),
        (looks(but(active="activating", sub="start", status_text="warming up")), WAITING, "(warming up)"),
        (looks(but(active="deactivating")), WAITING, "still deactivating"),
        (looks(but(active="failed", result="exit-code", exit_status=3)), BROKEN, "exit code 3"),
        (looks(but(active="failed", result="exit-code", exit_status=203)), BROKEN, "cannot be executed"),
        (looks(but(active="failed", result="signal", exit_status=11)), BROKEN, "killed by signal 11"),
        (looks(but(active="failed", result="timeout")), BROKEN, "longer than its unit allows"),
        (looks(but(active="failed", result="start-limit-hit")), BROKEN, "start-limit-hit"),
        (looks(but(active="failed", result="oom-kill")), BROKEN, "systemd reports: oom-kill"),
        (looks(DEAD), BROKEN, "stopped by itself with exit code 0"),
        (looks(DEAD._replace(result="exit-code", exit_status=1)), BROKEN, "exit code 1"),
        (looks(DEAD._replace(type="oneshot")), HEALTHY, ""),
        (looks(DEAD._replace(type="oneshot", result="exit-code", exit_status=1)), BROKEN, "exit code 1"),
        (looks(DEAD._replace(triggered_by=("web.socket",))), HEALTHY, ""),
        (looks(DEAD._replace(triggered_by=("web.timer",))), BROKEN, "stopped by itself"),
        (looks(but(sub="exited", main_pid=0)), HEALTHY, ""),
        (looks(but(load="not-found", active="inactive")), BROKEN, "is not-found"),
        (looks(but(load="masked")), BROKEN, "is masked"),
        (looks(UnitState.parse("")), BROKEN, "not known to systemd"),
    ],
)
def test_what_a_history_means(seen: Sequence[Look], state: str, reason: str) -> None:
    verdict = judge("web.service", seen, 3.0)
    assert verdict.state == state
    assert reason in verdict.reason
    assert bool(verdict.reason) is (state != HEALTHY)


def test_what_no_socket_may_start_again_must_not_end() -> None:
    seen = looks(DEAD._replace(triggered_by=("web.socket",)))
    verdict = judge("web@a.service", seen, 3.0, on_demand=False)
    assert verdict == (BROKEN, "web@a.service stopped by itself with exit code 0")


@pytest.mark.parametrize(
    ("restarts", "before", "state"),
    [(7, 7, HEALTHY), (9, 7, HEALTHY), (10, 7, BROKEN), (3, 0, BROKEN), (2, 7, HEALTHY), (3, 7, BROKEN)],
)
def test_restarts_are_counted_from_the_reload_on(restarts: int, before: int, state: str) -> None:
    """The unit's own counter is of its whole life; where it is lower than before it began anew."""
    seen = looks(*[but(restarts=restarts)] * 4)
    assert judge("web.service", seen, 3.0, before).state == state


@pytest.mark.parametrize("state", [RUNNING, but(main_pid=0), but(main_pid=0, sub="running", type="forking")])
def test_what_nothing_tells_is_not_healthy(state: UnitState) -> None:
    seen = [look._replace(unseen=True) for look in looks(*[state] * 4, runs=None)]
    verdict = judge("web.service", seen, 3.0)
    assert verdict.state == WAITING
    assert "cannot see what web.service executes, and no probe checks it" in verdict.reason


@pytest.mark.parametrize(
    ("state", "health"),
    [
        (RUNNING, HEALTHY),
        (DEAD, HEALTHY),
        (but(active="failed", result="exit-code", exit_status=3), BROKEN),
        (but(active="activating", sub="auto-restart"), WAITING),
    ],
)
def test_what_is_started_beside_a_release_must_not_have_failed(state: UnitState, health: str) -> None:
    assert judge_bystander("queue.service", state).state == health


def test_without_a_window_one_look_is_enough() -> None:
    assert judge("web.service", looks(RUNNING), 0.0).state == HEALTHY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MainPID=\nNRestarts=x\n",
        "MainPID=-1\n",
        "MainPID=99999999999999999999999\n",
        "no equals sign\n\n=\n",
    ],
)
def test_what_systemd_says_oddly_is_nothing(text: str) -> None:
    state = UnitState.parse(text)
    assert (state.main_pid, state.restarts) == (0, 0)


def test_several_commands_are_all_looked_at() -> None:
    state = UnitState.parse("ExecStart={ path=/a }\nExecStart={ path=/b }\nTriggeredBy=a.socket b.timer\n")
    assert "/a" in state.places
    assert "/b" in state.places
    assert state.triggered_by == ("a.socket", "b.timer")
