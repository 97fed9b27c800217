"""What the hosts say of their rollouts, put together: which is the newest, how far it is, and its plan.

Every host is believed about itself alone. Not for acting for one (``take_up``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from relstore import protocol
from relstore.client.connection.session import Session, rows
from relstore.client.rollout import states
from relstore.client.rollout.plan import RolloutPlan, digest
from relstore.errors import FormatError, NotFoundError, RelstoreError
from relstore.formats.names import AppName
from relstore.formats.rollout import ENDED, PAUSED
from relstore.protocol import RolloutRow

Standing = Literal["running", "waiting", "interrupted", "ended", "taken over"]
RUNNING: Final = "running"
"""Somebody acts for it now."""
WAITING: Final = "waiting"
"""For a person."""
INTERRUPTED: Final = "interrupted"
"""Nobody acts for it, and it has not ended."""
HAS_ENDED: Final = "ended"
REPLACED: Final = "taken over"
"""Another one was begun on hosts of it."""


@dataclass(frozen=True)
class HostRollouts:
    """What one host knows."""

    name: str
    app: AppName
    rows: tuple[RolloutRow, ...]
    """The newest first."""
    damaged: tuple[str, ...]
    current: int
    """The current generation; 0 for none."""


@dataclass(frozen=True)
class SeenRollout:
    """One rollout, as all of its hosts together know it."""

    newest: RolloutRow
    """Of the host that knows the most."""
    at: Mapping[str, RolloutRow]
    """By the names of the hosts."""
    standing: Standing

    @property
    def id(self) -> str:
        return self.newest.id


async def ask(session: Session, name: str, app: AppName) -> HostRollouts:
    """Raises what the host refuses."""
    answer, body = await session.ask(protocol.ListRollouts(app), protocol.RolloutsOut)
    known = rows(body, RolloutRow)
    return HostRollouts(name, app, tuple(known), answer.damaged, await current(session, app))


async def current(session: Session, app: AppName) -> int:
    """The current generation; 0 for none. Raises what the host refuses."""
    try:
        resolved, _ = await session.ask(protocol.Resolve(app, None), protocol.Resolved)
    except NotFoundError:
        return 0
    return resolved.row.number


def all_seen(hosts: Sequence[HostRollouts]) -> list[SeenRollout]:
    """Every rollout that some host knows, the newest first."""
    at: dict[str, dict[str, RolloutRow]] = {}
    for host in hosts:
        for row in host.rows:
            at.setdefault(row.id, {})[host.name] = row
    heads = {host.name: host.rows[0].id for host in hosts if host.rows}
    seen = []
    for by_host in at.values():
        newest = max(by_host.values(), key=lambda row: (row.epoch, row.serial))
        is_replaced = any(heads[name] != newest.id for name in by_host)
        seen.append(SeenRollout(newest, by_host, _standing(newest, by_host, is_replaced=is_replaced)))
    return sorted(seen, key=lambda each: (each.newest.epoch, each.newest.began, each.id), reverse=True)


def _standing(newest: RolloutRow, at: Mapping[str, RolloutRow], *, is_replaced: bool) -> Standing:
    if newest.state in ENDED:
        return HAS_ENDED
    if is_replaced:
        return REPLACED
    if any(row.is_held for row in at.values() if row.epoch == newest.epoch):
        return RUNNING
    return WAITING if newest.state in (PAUSED, states.ASKING) else INTERRUPTED


def chosen(seen: Sequence[SeenRollout], ident: str | None) -> SeenRollout:
    """The one that is meant: ``ident``, or the newest. Raises NotFoundError, RelstoreError."""
    found = next((each for each in seen if ident in (None, each.id)), None)
    if found is None:
        which = f"rollout {ident}" if ident else "any rollout"
        raise NotFoundError(
            f"these hosts know nothing of {which}", hint="`relstore rollout list` shows those they know."
        )
    digests = {row.plan for row in found.at.values()}
    if len(digests) > 1:
        raise RelstoreError(
            f"the hosts do not agree about the plan of rollout {found.id}",
            state="Nothing was changed.",
            hint="One of them has another record: `relstore rollout list` of each alone shows it. Push again "
            "to begin a new rollout.",
        )
    return found


async def plan_at(session: Session, app: AppName, seen: SeenRollout) -> RolloutPlan | None:
    """The plan that this host keeps; None where it has none, or another one. Raises ConnectError."""
    try:
        answer, _ = await session.ask(protocol.FetchPlan(app, seen.id), protocol.PlanOut)
        if digest(answer.plan) != seen.newest.plan:
            return None
        plan = RolloutPlan.parse(answer.plan)
    except (FormatError, NotFoundError):
        return None
    return plan if plan.id == seen.id and plan.app == app else None
