"""The services behind a unit that has no process of its own: a target, a socket, a timer, a path. Pure.

Such a unit is active however its services are, so those are judged with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from relstore.formats.names import UnitName
from relstore.host.service import link_use
from relstore.host.service.systemd import UnitState

_MAX_UNITS = 64
_TRIGGERING = (".socket", ".timer", ".path")


class Member(NamedTuple):
    """A unit whose health counts."""

    unit: UnitName
    must_run: bool
    """Whether it must run the release; if not, it must only not have failed."""
    restarted: bool
    """Whether it is restarted when its unit is."""


def expand(
    units: Sequence[UnitName], state: Callable[[UnitName], UnitState], link: str
) -> tuple[Member, ...]:
    """The units themselves, and the services behind them."""
    members = {unit: Member(unit, True, True) for unit in units}
    pending = list(units)
    while pending and len(members) < _MAX_UNITS:
        unit = pending.pop(0)
        if not unit.endswith((".target", *_TRIGGERING)):
            continue
        seen = state(unit)
        inner = seen.triggers if unit.endswith(_TRIGGERING) else (*seen.restarted_with, *seen.pulls_in)
        for name in map(UnitName, inner):
            restarted = name in seen.restarted_with
            if name in members or not (name.endswith(".service") or (restarted and name.endswith(".target"))):
                continue
            ours = not unit.endswith(_TRIGGERING) and link_use.goes_through(state(name).places, link)
            members[name] = Member(name, ours, restarted)
            pending.append(name)
    return tuple(members.values())[:_MAX_UNITS]
