"""The rollouts that an app of this host is or was in: a directory each, and a lock that a live session holds.

The record with the highest epoch counts. All changes happen under one lock, so that of two clients that want
the same epoch one comes first. Not for what a rollout is to do (the client knows that), nor for refusing an
activation (``host.job.fence``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

from relstore.errors import (
    BusyError,
    DamagedError,
    FormatError,
    NewerFormatError,
    NotFoundError,
    StoreError,
    TakenOverError,
)
from relstore.formats.rollout import MAX_BYTES, MAX_PLAN_BYTES, PAUSED, RolloutRecord, described, is_rollout
from relstore.store import durable, locks
from relstore.store.app import ROLLOUTS
from relstore.store.directory import PRIVATE_MODE, Dir

KEPT = 10
"""How many rollouts of an app a host remembers."""
RECORD = "record"
PLAN = "plan"
PART = "part"
HELD = "held"
LOCK = "lock"
_INSTANT_S = 0.3
_MAX_FILE = 512 * 1024


class Known(NamedTuple):
    """One of them, as it lies there."""

    id: str
    record: RolloutRecord | None
    """None where it cannot be read."""
    problem: str
    """Why it cannot be read."""
    is_held: bool
    """Whether a session that lives acts for it."""
    is_newer: bool = False
    """Whether only a later relstore can read it."""


class Claim(NamedTuple):
    """Who acts for a rollout."""

    id: str
    epoch: int
    claim: str

    @classmethod
    def of(cls, record: RolloutRecord) -> Claim:
        return cls(record.id, record.epoch, record.claim)


class Rollouts:
    """``rollouts/`` of an app. What is not there yet has none."""

    def __init__(self, app: Dir) -> None:
        self._app = app

    def all(self) -> list[Known]:
        """The newest first; those that cannot be read come last."""
        directory = self._app.sub_or_none(ROLLOUTS)
        if directory is None:
            return []
        with directory:
            found = [_known(directory, name) for name in directory.names() if is_rollout(name)]
        return sorted(found, key=_place, reverse=True)

    def newest(self) -> Known | None:
        """The one with the highest epoch; None where there is none that can be read."""
        return next((known for known in self.all() if known.record is not None), None)

    def damaged(self) -> list[Known]:
        """Those that nobody can read; the next rollout removes them."""
        return [known for known in self.all() if known.record is None and not known.is_newer]

    def foreign_names(self) -> list[str]:
        """What is not named as anything that relstore keeps there."""
        directory = self._app.sub_or_none(ROLLOUTS)
        if directory is None:
            return []
        with directory:
            return [name for name in directory.names() if name != LOCK and not is_rollout(name)]

    def take(
        self, record: RolloutRecord, *, begins: bool, supersede: bool, plan: bytes, part: bytes | None
    ) -> int:
        """Act for the rollout from now on, with the epoch and the claim of ``record``; a descriptor, as long
        as which is open the rollout counts as running.

        ``begins``: whether it is new here. ``supersede``: also from somebody who acts for it, or for another
        one, and from one that waits for a person. Asked again with the same claim, it changes nothing.

        Raises BusyError, TakenOverError, NotFoundError, OSError.
        """
        with self._changing() as directory:
            found = sorted(
                (_known(directory, name) for name in directory.names() if is_rollout(name)), key=_place
            )
            newest = found[-1] if found and found[-1].record is not None else None
            own = next((each.record for each in found if each.id == record.id), None)
            if own is not None and Claim.of(own) == Claim.of(record):
                _check_epoch(newest, record)
                with directory.sub(record.id) as one:
                    return _hold(one, anew=False)
            if own is None and not begins:
                raise NotFoundError(
                    f"this host knows nothing of rollout {record.id}",
                    hint="`relstore rollout list` has them.",
                )
            if newest is not None and newest.record is not None:
                if not supersede:
                    _check_free(newest, record.id)
                if newest.record.epoch >= record.epoch:
                    raise taken_over(newest.record)
            made = directory.make_or_open(record.id, PRIVATE_MODE)
            with made:
                if part is not None:
                    durable.replace_file(made, PART, part, 0o600)
                if plan:
                    durable.replace_file(made, PLAN, plan, 0o600)
                durable.replace_file(made, RECORD, record.encode(), 0o600)
                held = _hold(made, anew=True)
            _prune(directory, found, record.id)
            return held

    def write(self, claim: Claim, change: dict[str, object]) -> RolloutRecord:
        """The record with what changed; only by who has it. Raises TakenOverError, NotFoundError, OSError."""
        with self._changing() as directory:
            newest = self.newest()
            if newest is not None and newest.record is not None and Claim.of(newest.record) != claim:
                raise taken_over(newest.record)
            return _change(directory, claim.id, change)

    def ask_to_pause(self, ident: str, who: str) -> RolloutRecord:
        """Raises NotFoundError, OSError."""
        with self._changing() as directory:
            return _change(directory, ident, {"pause": who})

    def supersede(self, ident: str, change: dict[str, object]) -> None:
        """Take a rollout over for something that is no rollout."""
        with self._changing() as directory:
            _change(directory, ident, change)

    def read(self, ident: str, name: str) -> bytes | None:
        """A file of a rollout; None where there is none. Raises OSError, StoreError."""
        with contextlib.suppress(FileNotFoundError), self._app.below((ROLLOUTS, ident)) as one:
            return one.read_or_none(name, MAX_PLAN_BYTES if name == PLAN else _MAX_FILE)
        return None

    def put(self, ident: str, name: str, data: bytes) -> None:
        """Durable when this returns. Raises OSError, StoreError."""
        with self._app.below((ROLLOUTS, ident)) as one:
            durable.replace_file(one, name, data, 0o600)

    @contextlib.contextmanager
    def open(self, ident: str) -> Iterator[Dir]:
        """The directory of a rollout. Raises OSError."""
        with self._app.below((ROLLOUTS, ident)) as one:
            yield one

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Dir]:
        with (
            self._app.make_or_open(ROLLOUTS, PRIVATE_MODE) as directory,
            locks.held(directory, LOCK, exclusive=True),
        ):
            yield directory


def taken_over(record: RolloutRecord) -> TakenOverError:
    """What whoever has a lower epoch is told."""
    return TakenOverError(
        f"taken over by {record.who}: rollout {record.id}, which is {described(record)}",
        state="Nothing was switched by this command since then.",
        hint="`relstore rollout status` shows how far it is.",
    )


def busy(known: Known) -> BusyError:
    """What is said to somebody who wants the host while a rollout runs or waits there."""
    record = known.record
    if record is None:
        return BusyError(f"rollout {known.id} is under way here", state="Nothing was switched.", hint=_WAIT)
    what = "runs" if known.is_held else "waits for a person"
    return BusyError(
        f"rollout {record.id} of {record.who} {what}: it is {described(record)}",
        state="Nothing was switched.",
        hint=_WAIT,
    )


_WAIT = (
    "`relstore rollout status` shows it; `relstore rollout promote`, `abort` or `revert` ends it. "
    "--supersede takes over from it."
)


def is_in_the_way(known: Known | None) -> bool:
    """Whether a rollout runs or waits for a person; one that was left by its client does neither."""
    if known is None:
        return False
    if known.record is None:
        return known.is_held
    return not known.record.is_ended and (known.is_held or known.record.state == PAUSED)


def _place(known: Known) -> tuple[int, int, str]:
    return (0, 0, known.id) if known.record is None else (*known.record.rank, known.id)


def _known(directory: Dir, name: str) -> Known:
    problem = ""
    record = None
    is_held = False
    try:
        with directory.sub(name) as one:
            is_held = _is_held(one)
            found = RolloutRecord.parse(one.read(RECORD, MAX_BYTES))
        if found.id == name:
            record = found
        else:
            problem = f"is of rollout {found.id}"
    except NewerFormatError as error:
        return Known(name, None, error.what, is_held, is_newer=True)
    except (FormatError, StoreError) as error:
        problem = error.what
    except OSError as error:
        problem = error.strerror or "cannot be read"
    return Known(name, record, problem, is_held)


def _is_held(one: Dir) -> bool:
    try:
        fd = one.open_file(HELD)
    except (OSError, StoreError):
        return False
    try:
        return not locks.lock_within(fd, exclusive=True, seconds=0)
    finally:
        os.close(fd)


def _hold(one: Dir, *, anew: bool) -> int:
    """Sessions of one claim share the lock; who takes over has a new one, whoever still holds the old."""
    if anew:
        durable.remove_name(one, HELD)
    fd = locks.open_lock(one, HELD)
    if locks.lock_within(fd, exclusive=False, seconds=_INSTANT_S):
        return fd
    who = locks.holder(fd)
    os.close(fd)
    raise BusyError(f"{one.path}/{HELD} is locked by {who}", state="Nothing was switched.")


def _check_epoch(newest: Known | None, record: RolloutRecord) -> None:
    if newest is not None and newest.record is not None and Claim.of(newest.record) != Claim.of(record):
        raise taken_over(newest.record)


def _check_free(newest: Known, own: str) -> None:
    if newest.id == own:
        if newest.is_held:
            raise busy(newest)
    elif is_in_the_way(newest):
        raise busy(newest)


def _change(directory: Dir, ident: str, change: dict[str, object]) -> RolloutRecord:
    try:
        with directory.sub(ident) as one:
            record = RolloutRecord.parse(one.read(RECORD, MAX_BYTES))._replace(**change)  # type: ignore[arg-type]
            durable.replace_file(one, RECORD, record.encode(), 0o600)
            return record
    except FileNotFoundError:
        raise NotFoundError(f"this host knows nothing of rollout {ident} any more") from None
    except FormatError as error:
        raise DamagedError(f"the record of rollout {ident} cannot be read: {error.what}") from None


def _prune(directory: Dir, found: list[Known], own: str) -> None:
    """Forget what nobody can read, and the oldest. What cannot be removed stays."""
    others = [known for known in found if known.id != own]
    damaged = [known for known in others if known.record is None and not known.is_newer]
    rest = [known for known in others if known not in damaged]
    for known in [*damaged, *rest[: max(len(rest) - KEPT + 1, 0)]]:
        with contextlib.suppress(OSError):
            directory.remove_tree(known.id)
