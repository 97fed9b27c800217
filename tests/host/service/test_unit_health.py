"""Whether a unit is well, from what was seen of it over time: a table of histories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from relstore.host.service.systemd import UnitState
from relstore.host.service.unit_health import BAD, WAIT, WELL, Seen, judge

RUNNING = UnitState.parse(
    "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nType=exec\nMainPID=7\nNRestarts=0\n"
)


def looks(*states: UnitState, every: float = 1.0, runs: bool | None = True) -> list[Seen]:
    return [Seen(at * every, state, runs, "/usr/bin/other") for at, state in enumerate(states)]


def but(**changes: Any) -> UnitState:
    return RUNNING._replace(**changes)


DEAD = but(active="inactive", sub="dead", main_pid=0)


@pytest.mark.parametrize(
    ("seen", "kind", "reason"),
    [
        (looks(RUNNING), WAIT, "running for 0.0 s of 3.0 s"),
        (looks(RUNNING, RUNNING, RUNNING), WAIT, "running for 2.0 s of 3.0 s"),
        (looks(RUNNING, RUNNING, RUNNING, RUNNING), WELL, ""),
        (looks(RUNNING, RUNNING, RUNNING, but(main_pid=8)), WAIT, "0.0 s of"),
        (looks(RUNNING, RUNNING, RUNNING, but(main_pid=8, restarts=1)), WAIT, "0.0 s of"),
        (looks(*[but(main_pid=8, restarts=1)] * 4), WELL, ""),
        (looks(RUNNING, but(active="activating"), RUNNING, RUNNING, RUNNING), WAIT, "2.0 s of"),
        (looks(*[RUNNING] * 4, runs=False), WAIT, "executes /usr/bin/other, not this build"),
        (looks(*[RUNNING] * 4, runs=None), WELL, ""),
        (looks(but(restarts=3)), BAD, "crash loop: restarted 3 times"),
        (looks(but(active="activating", sub="auto-restart", restarts=1)), WAIT, "crashed and is to be"),
        (looks(but(active="activating", sub="start", status_text="warming up")), WAIT, "(warming up)"),
        (looks(but(active="deactivating")), WAIT, "still deactivating"),
        (looks(but(active="failed", result="exit-code", exit_status=3)), BAD, "exit code 3"),
        (looks(but(active="failed", result="exit-code", exit_status=203)), BAD, "cannot be executed"),
        (looks(but(active="failed", result="signal", exit_status=11)), BAD, "killed by signal 11"),
        (looks(but(active="failed", result="timeout")), BAD, "longer than its unit allows"),
        (looks(but(active="failed", result="start-limit-hit")), BAD, "start-limit-hit"),
        (looks(but(active="failed", result="oom-kill")), BAD, "systemd calls it oom-kill"),
        (looks(DEAD), BAD, "ended by itself with exit code 0"),
        (looks(DEAD._replace(result="exit-code", exit_status=1)), BAD, "exit code 1"),
        (looks(DEAD._replace(type="oneshot")), WELL, ""),
        (looks(DEAD._replace(type="oneshot", result="exit-code", exit_status=1)), BAD, "exit code 1"),
        (looks(DEAD._replace(triggered_by=("web.socket",))), WELL, ""),
        (looks(DEAD._replace(triggered_by=("web.timer",))), BAD, "ended by itself"),
        (looks(but(sub="exited", main_pid=0)), WELL, ""),
        (looks(but(load="not-found", active="inactive")), BAD, "is not-found"),
        (looks(but(load="masked")), BAD, "is masked"),
        (looks(UnitState.parse("")), BAD, "not known to systemd"),
    ],
)
def test_what_a_history_means(seen: Sequence[Seen], kind: str, reason: str) -> None:
    verdict = judge("web.service", seen, 3.0)
    assert verdict.kind == kind
    assert reason in verdict.reason
    assert bool(verdict.reason) is (kind != WELL)


@pytest.mark.parametrize(
    ("restarts", "before", "kind"),
    [(7, 7, WELL), (9, 7, WELL), (10, 7, BAD), (3, 0, BAD), (2, 7, WELL), (3, 7, BAD)],
)
def test_restarts_are_counted_from_the_reload_on(restarts: int, before: int, kind: str) -> None:
    """The unit's own counter is of its whole life; where it is lower than before it began anew."""
    seen = looks(*[but(restarts=restarts)] * 4)
    assert judge("web.service", seen, 3.0, before).kind == kind


def test_without_a_window_one_look_is_enough() -> None:
    assert judge("web.service", looks(RUNNING), 0.0).kind == WELL


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
