"""Jobs: one directory for each activation, with what was asked, how far it is, and its log.

The session makes the directory and starts the process; the job alone writes the state; whoever
wants to know reads the files. A job's process holds a lock in its directory for as long as it
lives, so a job that died is told from one that works. What the job *did* is in the app's journal.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Optional, TypeVar

from relstore.errors import DamagedError, NotFoundError, StoreError
from relstore.formats.cut_over import Slot
from relstore.formats.names import JobId, is_job, random_suffix
from relstore.host.job import values
from relstore.host.job.rights import regained
from relstore.host.job.values import QUEUED, STARTED, JobRequest, JobState
from relstore.host.machine.clock import Moment
from relstore.store import app as apps
from relstore.store import durable, locks
from relstore.store.app import App
from relstore.store.directory import TEMPORARY, Dir

REQUEST = "request"
STATE = "state"
LOG = "log"
LOCK = "lock"
METHOD = "method"
CANCEL = "cancel"
ANSWER = "answer"
VERDICT = "verdict"
SWITCHED = "switched"
SPARE = "spare"
SLOTS = "slots"
_SPARE_BYTES = 16 * 1024
_ANSWER_BYTES = 1024
LOOKED_AT = 200
"""So many of the newest jobs are opened to show what runs; none waits behind so many others."""
CONFIRMED = "confirmed"
EXPIRED = "expired"

T = TypeVar("T")


class Job:
    """One job's directory, open."""

    def __init__(self, ident: JobId, directory: Dir) -> None:
        self.id = ident
        self.directory = directory

    def close(self) -> None:
        self.directory.close()

    @regained
    def request(self) -> JobRequest:
        """Raises DamagedError, NewerStoreError."""
        return self._read(REQUEST, JobRequest)

    @regained
    def state(self) -> JobState:
        """Raises DamagedError, NewerStoreError."""
        if self.directory.lstat(STATE) is None:
            return JobState(QUEUED, 0, "", 0, "")
        return self._read(STATE, JobState)

    @regained
    def write_state(self, state: JobState) -> None:
        """Durable when this returns."""
        durable.replace_file(self.directory, STATE, state.encode())

    @regained
    def set_aside(self, switching: Moment) -> None:
        """Before the switch: room for the last state, which may have to be written to a full disk, and the
        moment that tells processes of the release from those before it, which counts in this boot only."""
        durable.put_file(self.directory, SWITCHED, f"{switching}\n".encode())
        with contextlib.suppress(FileExistsError):  # a file system may not know how to allocate; write then
            fd = self.directory.create_file(SPARE)
            try:
                with contextlib.suppress(OSError):
                    durable.allocate(fd, _SPARE_BYTES)
            finally:
                os.close(fd)

    def switched(self) -> Moment | None:
        """A moment shortly before the switch; None where none is known."""
        try:
            return Moment.parse(self.directory.read(SWITCHED, 200).decode("ascii", "replace"))
        except (OSError, StoreError):
            return None

    @regained
    def write_slots(self, new: Slot, old: Optional[Slot]) -> None:
        """Before anything of it starts: the slot that the release gets, and the one that has the traffic."""
        durable.replace_file(self.directory, SLOTS, f"{new} {old or '-'}\n".encode())

    def slots(self) -> Optional[tuple[Slot, Optional[Slot]]]:
        """What ``write_slots`` wrote; None where it did not come to that. Raises DamagedError."""
        raw = self.directory.read_or_none(SLOTS, 200)
        if raw is None:
            return None
        pairs: dict[bytes, tuple[Slot, Optional[Slot]]] = {
            b"a -\n": ("a", None), b"a b\n": ("a", "b"), b"b a\n": ("b", "a"),
        }  # fmt: skip
        if raw not in pairs:
            raise DamagedError(f"the slots of job {self.id} are not what relstore writes")
        return pairs[raw]

    @regained
    def finish(self, state: JobState) -> str:
        """Write the last state, into what was set aside for it where that does not go otherwise; ``""``, or
        why it did not. Raises OSError."""
        problem = ""
        try:
            self.write_state(state)
        except OSError as error:
            if self.directory.lstat(SPARE) is None:
                raise  # nothing was set aside, as for a job of an older relstore
            problem = str(error)
            self._write_spare(state.encode())
        with contextlib.suppress(OSError):
            self.directory.unlink(SPARE)
        return problem

    def _write_spare(self, data: bytes) -> None:
        fd = self.directory.open_to_write(SPARE)
        try:
            durable.write_all(fd, data)
            os.ftruncate(fd, len(data))
            os.fchmod(fd, 0o644)
            os.fsync(fd)
        finally:
            os.close(fd)
        self.directory.rename(SPARE, self.directory, STATE)
        durable.sync_directory(self.directory)

    @regained
    def method(self) -> str:
        """How its process is kept alive, in its own words; ``""`` before it began."""
        return (self.directory.read_or_none(METHOD, 200) or b"").decode("utf-8", "replace")

    def tell(self, answer: str) -> None:
        """What the job waits for, for who watches; ``""`` for nothing. It is not durable, and may be lost."""
        with contextlib.suppress(OSError, StoreError):
            if not answer:
                self.directory.unlink(ANSWER)
                return
            fd = self.directory.open_to_write(ANSWER, os.O_CREAT)
            try:
                data = answer.encode("utf-8", "replace")[:_ANSWER_BYTES]
                os.pwrite(fd, data, 0)
                os.ftruncate(fd, len(data))
            finally:
                os.close(fd)

    def answer(self) -> str:
        """What ``tell`` was told last."""
        try:
            told = self.directory.read_or_none(ANSWER, _ANSWER_BYTES) or b""
        except (OSError, StoreError):
            return ""
        return told.decode("utf-8", "replace")

    def begin(self, method: str) -> None:
        """The job's first word: it runs."""
        durable.put_file(self.directory, METHOD, method.encode())
        self.write_state(JobState(STARTED, 0, "", 0, ""))

    @regained
    def cancel(self, who: str) -> None:
        """Ask the job not to switch; it looks just before it would."""
        durable.replace_file(self.directory, CANCEL, who.encode())

    @regained
    def cancelled_by(self) -> str | None:
        """Who asked for that, or None."""
        canceller = self.directory.read_or_none(CANCEL, values.MAX_BYTES)
        return None if canceller is None else canceller.decode("utf-8", "replace")

    @regained
    def decide(self, verdict: str) -> str:
        """Say whether it was confirmed: CONFIRMED, or EXPIRED. Only the first word counts; it is returned.

        The deployer's session and the job's own clock may speak at the same time, and link(2) lets one win.
        """
        with contextlib.suppress(FileExistsError):
            durable.create_file(self.directory, VERDICT, verdict.encode())
        return self.verdict() or verdict

    @regained
    def verdict(self) -> str:
        """What was decided, or ``""``."""
        return (self.directory.read_or_none(VERDICT, 200) or b"").decode("utf-8", "replace")

    @regained
    def is_alive(self) -> bool:
        """Whether the job's process lives, by the lock that it holds."""
        try:
            fd = self.directory.open_file(LOCK)  # only to look, so that a read-only file system will do
        except FileNotFoundError:
            return False
        try:
            return not locks.try_lock(fd, exclusive=False)
        finally:
            os.close(fd)

    @regained
    def log_from(self, offset: int, limit: int) -> bytes:
        """Up to ``limit`` bytes of the log from ``offset`` on."""
        try:
            fd = self.directory.open_file(LOG)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(fd, limit, offset)
        finally:
            os.close(fd)

    def cut_log(self, keep: int) -> int:
        """Leave only the last ``keep`` bytes of the log; how many went. They take the place of the first
        ones, so that no room is needed. Raises OSError."""
        try:
            fd = self.directory.open_to_write(LOG)
        except FileNotFoundError:
            return 0
        try:
            size = os.fstat(fd).st_size
            if size <= keep:
                return 0
            os.pwrite(fd, os.pread(fd, keep, size - keep), 0)
            os.ftruncate(fd, keep)
            return size - keep
        finally:
            os.close(fd)

    def _read(self, name: str, kind: type[T]) -> T:
        try:
            raw = self.directory.read(name, values.MAX_BYTES)
        except FileNotFoundError:
            raise DamagedError(f"job {self.id} has no {name}") from None
        return values.decode(raw, f"{name} of job {self.id}", kind)


def create(app: App, request: JobRequest, micros: int = 0) -> tuple[Job, int]:
    """A new job's directory and the descriptor of its held lock, which its process inherits.

    Raises FormatError.
    ``micros``: of the second in which the request was made, so that two in one second keep their order. They
    keep it too when the clock was set back since the last one: the new id is then the next after that.
    """
    encoded = values.encode(request)
    with app.area(apps.JOBS) as jobs:
        ident = JobId.new(request.created, micros)
        known = names(app)
        if known and known[-1].moment >= ident.moment:
            ident = known[-1].next()
        # It gets its name when it is whole and its lock is held, so that nobody finds half a job.
        temporary = TEMPORARY + random_suffix()
        directory = jobs.make(temporary)
        lock = locks.open_lock(directory, LOCK)
        locks.try_lock(lock, exclusive=True)
        os.close(directory.create_file(LOG, 0o644))
        durable.replace_file(directory, REQUEST, encoded)
        jobs.rename(temporary, jobs, ident)
        durable.sync_directory(jobs)
        directory.path = f"{jobs.path}/{ident}"
    return Job(ident, directory), lock


def names(app: App) -> list[JobId]:
    """The ids of all jobs, oldest first. What has no job's name is passed over."""
    with app.area(apps.JOBS) as jobs:
        return sorted(
            JobId(entry.name)
            for entry in jobs.entries()
            if is_job(entry.name) and entry.is_dir(follow_symlinks=False)
        )


def open_job(app: App, ident: Optional[JobId]) -> Job:
    """A job, or the newest when ``ident`` is None. Raises NotFoundError."""
    if ident is None:
        known = names(app)
        if not known:
            raise NotFoundError(f"{app.name} has no jobs yet", hint="A push or a switch makes one.")
        ident = known[-1]
    with app.area(apps.JOBS) as jobs:
        try:
            # A release that runs as this account may have taken the rights on it away.
            return Job(ident, jobs.sub_of_owner(ident))
        except FileNotFoundError:
            hint = "`relstore log` lists the jobs."
            raise NotFoundError(f"{app.name} has no job {ident}", hint=hint) from None


def alive(app: App, among: Optional[int] = None) -> Iterator[JobId]:
    """The jobs whose processes live, the newest first: one works, and others may wait for their turn.

    ``among``: only so many of the newest jobs are looked at.
    """
    for ident in reversed(names(app)[-among if among else 0 :]):
        job = open_job(app, ident)
        try:
            lives = job.is_alive()
        finally:
            job.close()
        if lives:
            yield ident


def running(app: App) -> Optional[JobId]:
    """The newest job whose process lives, or None, as far as one looks to tell somebody."""
    return next(alive(app, LOOKED_AT), None)
