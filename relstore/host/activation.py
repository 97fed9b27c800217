"""The activation itself: switch, restart, outcome; and back again when it does not go well.

Everything that happens is in the journal before it counts: the intent, with the exact generation to
return to, before the link moves; the outcome before anybody is told. It runs inside the job's
process, under the app's lock. Not for being started or watched (``detach``, ``watch``).
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from relstore.host import commands
from relstore.host.jobs import Job, JobRequest, JobState
from relstore.store import journal
from relstore.store.app import App
from relstore.store.journal import Event
from relstore.store.names import Digest
from relstore.store.record import Generation
from relstore.store.store import Store

VERIFYING = "verifying"
SWITCHING = "switching"
RESTARTING = "restarting"
RETURNING = "returning"
FINISHED = "done"

_TAIL_BYTES = 1500


class Ending(NamedTuple):
    """How an activation ended."""

    outcome: str
    previous: int
    reason: str


class Activation:
    """One activation of ``generation``; ``run`` is its whole course, ``settle`` its second half."""

    def __init__(self, store: Store, app: App, job: Job, request: JobRequest, log: int) -> None:
        self._store = store
        self._app = app
        self._job = job
        self._request = request
        self._log = log
        self._generations = {found.number: found for found in app.generations()}
        self._target = self._generations[request.generation]

    def run(self, remark: str = "") -> Ending:
        """From the request to a recorded outcome; ``remark`` goes into the record of the intent."""
        previous = self._app.current() or 0
        self._step(VERIFYING, previous)
        problems = self._store.builds.check(self._target.build)
        if problems:
            first = f"{problems[0].path} {problems[0].problem}"
            reason = f"the build is damaged in the store: {first} ({len(problems)} findings)"
            return self._end(journal.FAILED, previous, reason)
        self._step(SWITCHING, previous)
        self._record(journal.SWITCHING, previous, remark)
        self._app.ensure_link(self._target)
        self._app.switch(self._target.number)
        return self.settle(previous)

    def settle(self, previous: int) -> Ending:
        """The link is switched: restart, and record *active*; or go back and record why."""
        if self._request.restart is not None:
            self._step(RESTARTING, previous)
        begin = os.fstat(self._log).st_size
        problem = self._restart(self._target, self._generations.get(previous))
        if not problem:
            return self._end(journal.ACTIVE, previous, "")
        reason = problem + self._tail(begin)
        self._say(f"relstore: {problem}; going back to {_called(previous)}")
        self._step(RETURNING, previous, reason)
        self._app.switch(previous or None)
        return self.settle_return(previous, reason)

    def settle_return(self, previous: int, reason: str) -> Ending:
        """The link is back on ``previous`` (0: on nothing): restart that, and record why."""
        if previous:
            second = self._restart(self._generations[previous], self._target)
            if second:
                return self._end(
                    journal.STUCK, previous, f"{reason}\nand the restart of generation {previous}: {second}"
                )
        return self._end(journal.ROLLED_BACK, previous, reason)

    def _restart(self, generation: Generation, other: Generation | None) -> str:
        """Run the restart command, if there is one, for ``generation``; what went wrong, or ``""``."""
        command = self._request.restart
        if command is None:
            return ""
        self._say(f"relstore: restarting for generation {generation.number}")
        root = self._store.root.path
        return commands.run(
            command,
            variables={
                "RELSTORE_APP": self._app.name,
                "RELSTORE_GENERATION": str(generation.number),
                "RELSTORE_BUILD": generation.build,
                "RELSTORE_PATH": _tree(root, generation.build),
                "RELSTORE_PREVIOUS_PATH": _tree(root, other.build) if other else "",
                "RELSTORE_CURRENT": self._app.directory.path + "/current",
            },
            directory=root,
            log=self._log,
            seconds=self._request.restart_timeout,
        )

    def _step(self, name: str, previous: int, reason: str = "") -> None:
        self._job.write_state(JobState(name, previous, "", self._app.current() or 0, reason))

    def _end(self, outcome: str, previous: int, reason: str) -> Ending:
        self._record(outcome, previous, reason)
        return Ending(outcome, previous, reason)

    def _record(self, event: str, previous: int, reason: str) -> None:
        record_event(self._app, self._job, self._request, Ending(event, previous, reason))

    def _say(self, line: str) -> None:
        os.write(self._log, line.encode("utf-8", "replace") + b"\n")

    def _tail(self, begin: int) -> str:
        """The last lines of the log from ``begin`` on; the command's own words say most about a failure."""
        start = max(begin, os.fstat(self._log).st_size - _TAIL_BYTES)
        text = os.pread(self._log, _TAIL_BYTES, start).decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if not line.startswith("relstore: ")]
        return "".join(f"\n{line}" for line in lines[-10:])


def record_event(app: App, job: Job, request: JobRequest, ending: Ending) -> None:
    """Append to the app's journal what the job did."""
    journal.append(
        app.directory,
        Event(
            int(time.time()),
            ending.outcome,
            request.generation,
            ending.previous,
            job.id,
            request.who,
            ending.reason,
        ),
    )


def _called(previous: int) -> str:
    return f"generation {previous}" if previous else "no generation, since there was none before"


def _tree(root: str, build: Digest) -> str:
    return f"{root}/builds/{build}/tree"
