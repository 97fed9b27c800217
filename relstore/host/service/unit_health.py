"""Judges whether a unit is healthy, from what was seen of it since its restart. Pure.

``is-active`` alone is true in the middle of a crash loop, so a unit must stay up for a while: the same main
process, no restart (https://github.com/systemd/systemd/issues/2309). Not for looking at units (``health``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Optional

from relstore.host.service.systemd import UnitState

HealthState = Literal["healthy", "waiting", "broken"]
"""``waiting``: not healthy yet; ``broken``: it will not become healthy by waiting."""

HEALTHY: Final = "healthy"
WAITING: Final = "waiting"
BROKEN: Final = "broken"

CRASHES = 3
"""This many restarts that systemd made by itself are a crash loop, which waiting does not fix."""
START_LIMIT: Final = "start-limit-hit"
"""The result of a unit that crashed so often that systemd does not start it for a while."""
_EXIT_CODES = {
    200: "its working directory cannot be entered (200/CHDIR)",
    203: "its program cannot be executed (203/EXEC)",
    216: "its group does not exist (216/GROUP)",
    217: "its account does not exist (217/USER)",
    226: "the file system namespace of its unit cannot be set up (226/NAMESPACE)",
}
"""systemd's own exit codes that a release or its unit can cause (systemd.exec(5))."""
_STARTING = ("activating", "reloading", "deactivating", "maintenance", "refreshing")


class Look(NamedTuple):
    """One look at a unit."""

    at: float
    """Seconds, by the monotonic clock."""
    state: UnitState
    runs_build: Optional[bool]
    """Whether its main process executes the build; None if nobody asks, or if it cannot be seen."""
    program: str
    """What the main process executes, for people."""
    unseen: bool = False
    """Whether it must execute the build, and nothing tells that it does, not even a probe."""


class UnitVerdict(NamedTuple):
    state: HealthState
    reason: str
    """Why it is not healthy; empty when it is."""


def judge(
    unit: str, looks: Sequence[Look], stable: float, restarts_before: int = 0, *, on_demand: bool = True
) -> UnitVerdict:
    """``looks``: all since the restart, oldest first; ``stable``: how many seconds the unit must stay up.

    ``restarts_before``: how many of its restarts are older than the restart or reload that is judged.
    ``on_demand``: whether it may have ended by itself when a socket starts it.
    """
    last = looks[-1]
    state = last.state
    if state.load != "loaded":
        return UnitVerdict(BROKEN, f"{unit} is {state.load or 'not known to systemd'}")
    # A lower count began anew.
    restarts = state.restarts - (restarts_before if state.restarts >= restarts_before else 0)
    if restarts >= CRASHES:
        reason = end_reason(state)
        loop = f"{unit} is in a crash loop: restarted {restarts} times"
        return UnitVerdict(BROKEN, f"{loop}; {reason}" if reason else loop)
    if state.active == "failed":
        return UnitVerdict(BROKEN, f"{unit} failed: {end_reason(state)}")
    if state.sub == "auto-restart":
        return UnitVerdict(WAITING, f"{unit} crashed and will be restarted: {end_reason(state)}")
    if state.active in _STARTING:
        said = f" ({state.status_text})" if state.status_text else ""
        return UnitVerdict(WAITING, f"{unit} is still {state.active}{said}")
    if state.active == "inactive":
        return _ended(unit, state, on_demand)
    if state.active != "active":
        return UnitVerdict(WAITING, f"{unit} is {state.active or 'in no known state'}")
    if state.sub == "exited":
        return UnitVerdict(HEALTHY, "")  # a oneshot with RemainAfterExit=
    if last.unseen:
        return UnitVerdict(WAITING, f"this account cannot see what {unit} executes, and no probe checks it")
    if not state.main_pid:
        return UnitVerdict(HEALTHY, "")  # a target and the like: its members are judged, or its probes
    if last.runs_build is False:
        return UnitVerdict(WAITING, f"the main process of {unit} executes {last.program}, not this build")
    since = _unchanged_since(looks)
    if last.at - since < stable:
        return UnitVerdict(WAITING, f"{unit} has been running for {last.at - since:.1f} s of {stable:.1f} s")
    return UnitVerdict(HEALTHY, "")


def judge_bystander(unit: str, state: UnitState) -> UnitVerdict:
    """A unit that is started with the release and need not run it: it must only not have failed."""
    if state.active == "failed":
        return UnitVerdict(BROKEN, f"{unit} failed: {end_reason(state)}")
    if state.sub == "auto-restart":
        return UnitVerdict(WAITING, f"{unit} crashed and will be restarted: {end_reason(state)}")
    return UnitVerdict(HEALTHY, "")


def _ended(unit: str, state: UnitState, on_demand: bool) -> UnitVerdict:
    if state.result not in ("", "success"):
        return UnitVerdict(BROKEN, f"{unit} failed: {end_reason(state)}")
    if state.type == "oneshot":
        return UnitVerdict(HEALTHY, "")
    if on_demand and any(name.endswith(".socket") for name in state.triggered_by):
        return UnitVerdict(HEALTHY, "")  # its socket starts it with the next connection
    return UnitVerdict(BROKEN, f"{unit} stopped by itself with exit code {state.exit_status}")


def _unchanged_since(looks: Sequence[Look]) -> float:
    """When the main process and the restart counter took their present values."""
    last = looks[-1].state
    since = looks[-1].at
    for look in reversed(looks):
        state = look.state
        if (state.main_pid, state.restarts, state.active) != (last.main_pid, last.restarts, last.active):
            break
        since = look.at
    return since


def end_reason(state: UnitState) -> str:
    """How the unit's last main process ended, for people; empty if none did."""
    if state.result == "exit-code":
        known = _EXIT_CODES.get(state.exit_status)
        return known or f"its main process ended with exit code {state.exit_status}"
    if state.result == "signal":
        return f"its main process was killed by signal {state.exit_status}"
    if state.result == "timeout":
        return "it took longer than its unit allows (timeout)"
    if state.result == START_LIMIT:
        return "it crashed more often than its unit allows (start-limit-hit)"
    if state.result == "protocol":
        return "its main process ended before it reported that it was ready"
    if state.result in ("", "success"):
        return f"its main process ended with exit code {state.exit_status}" if state.exit_status else ""
    return f"systemd reports: {state.result}"
