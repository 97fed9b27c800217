"""Whether a unit is well, from what was seen of it since it was restarted. Pure.

``is-active`` alone is true in the middle of a crash loop, so a unit must stand still for a while: the
same main process, no restart (https://github.com/systemd/systemd/issues/2309). Not for looking
(``health``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

from relstore.host.service.systemd import UnitState

WELL = "well"
WAIT = "wait"
BAD = "bad"

CRASHES = 3
"""So many restarts of its own are a crash loop, and no time will mend it."""
_EXIT_CODES = {
    200: "its working directory cannot be entered (200/CHDIR)",
    203: "its program cannot be executed (203/EXEC)",
    216: "its group does not exist (216/GROUP)",
    217: "its account does not exist (217/USER)",
    226: "what its unit lets it see of the file system cannot be set up (226/NAMESPACE)",
}
"""Those of systemd's own that a release or a unit can bring about (systemd.exec(5))."""
_STARTING = ("activating", "reloading", "deactivating", "maintenance", "refreshing")


class Seen(NamedTuple):
    """One look at a unit."""

    at: float
    """Seconds, of a clock that never goes back."""
    state: UnitState
    runs_build: Optional[bool]
    """Whether its main process executes the build; None where that is not asked or cannot be seen."""
    program: str
    """What it executes, for people."""


class Verdict(NamedTuple):
    """``well``, ``wait`` (not yet) or ``bad`` (it will not get well), and why."""

    kind: str
    reason: str


def judge(unit: str, seen: Sequence[Seen], stable: float, restarts_before: int = 0) -> Verdict:
    """``seen``: from the first look after the restart to the last; ``stable``: seconds.

    ``restarts_before``: how many of its restarts are older than the restart or reload that is judged.
    """
    last = seen[-1]
    state = last.state
    if state.load != "loaded":
        return Verdict(BAD, f"{unit} is {state.load or 'not known to systemd'}")
    # A lower count began anew.
    restarts = state.restarts - (restarts_before if state.restarts >= restarts_before else 0)
    if restarts >= CRASHES:
        reason = how(state)
        loop = f"{unit} is in a crash loop: restarted {restarts} times"
        return Verdict(BAD, f"{loop}; {reason}" if reason else loop)
    if state.active == "failed":
        return Verdict(BAD, f"{unit} failed: {how(state)}")
    if state.sub == "auto-restart":
        return Verdict(WAIT, f"{unit} crashed and is to be restarted: {how(state)}")
    if state.active in _STARTING:
        said = f" ({state.status_text})" if state.status_text else ""
        return Verdict(WAIT, f"{unit} is still {state.active}{said}")
    if state.active == "inactive":
        return _ended(unit, state)
    if state.active != "active":
        return Verdict(WAIT, f"{unit} is {state.active or 'in no known state'}")
    if state.sub == "exited" or not state.main_pid:
        return Verdict(WELL, "")  # a oneshot that remains, or a unit without a main process
    if last.runs_build is False:
        return Verdict(WAIT, f"the main process of {unit} executes {last.program}, not this build")
    since = _unchanged_since(seen)
    if last.at - since < stable:
        return Verdict(WAIT, f"{unit} has been running for {last.at - since:.1f} s of {stable:.1f} s")
    return Verdict(WELL, "")


def _ended(unit: str, state: UnitState) -> Verdict:
    if state.result not in ("", "success"):
        return Verdict(BAD, f"{unit} failed: {how(state)}")
    if state.type == "oneshot":
        return Verdict(WELL, "")
    if any(name.endswith(".socket") for name in state.triggered_by):
        return Verdict(WELL, "")  # its socket starts it with the next connection
    return Verdict(BAD, f"{unit} ended by itself with exit code {state.exit_status}")


def _unchanged_since(seen: Sequence[Seen]) -> float:
    """When the main process and the restart counter took the values that they have now."""
    last = seen[-1].state
    since = seen[-1].at
    for one in reversed(seen):
        state = one.state
        if (state.main_pid, state.restarts, state.active) != (last.main_pid, last.restarts, last.active):
            break
        since = one.at
    return since


def how(state: UnitState) -> str:
    """What ended its main process last, for people; empty when nothing did."""
    if state.result == "exit-code":
        known = _EXIT_CODES.get(state.exit_status)
        return known or f"its main process ended with exit code {state.exit_status}"
    if state.result == "signal":
        return f"its main process was killed by signal {state.exit_status}"
    if state.result == "timeout":
        return "it took longer than its unit allows (timeout)"
    if state.result == "start-limit-hit":
        return "it crashed more often than its unit allows (start-limit-hit)"
    if state.result == "protocol":
        return "its main process ended before it said that it was ready"
    if state.result in ("", "success"):
        return f"its main process ended with exit code {state.exit_status}" if state.exit_status else ""
    return f"systemd calls it {state.result}"
