"""The activation itself: switch, restart, health, confirm, outcome; and back when it does not go well.

Everything that happens is in the journal before it counts: the intent, with the exact generation to
return to, before the link moves; the outcome before anybody is told. It runs inside the job's process,
under the app's lock. Not for being started or watched (``start``, ``watch``).
"""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

from relstore.formats import journal as journal_format
from relstore.formats.generation import Generation
from relstore.formats.journal import Event, EventKind, Outcome
from relstore.formats.names import Digest
from relstore.formats.recipe import Command
from relstore.host.job.directory import CONFIRMED, EXPIRED, Job, JobRequest, JobState
from relstore.host.job.log import JobLog
from relstore.host.machine.privilege import Privilege
from relstore.host.service import commands
from relstore.host.service.health import HealthCheck, Subject
from relstore.host.service.services import Services
from relstore.store import damage, journal
from relstore.store.app import CURRENT, App
from relstore.store.store import Store

VERIFYING = "verifying"
PREPARING = "running before"
SWITCHING = "switching"
RESTARTING = "restarting"
CHECKING = "checking"
CONFIRMING = "confirming"
FINISHING = "running after"
RETURNING = "returning"

_CONFIRM_POLL_S = 0.05


class Ending(NamedTuple):
    """How an activation ended; ``busy`` and ``held``: before it began, which the journal does not hold."""

    outcome: Literal[Outcome, "busy", "held"]
    previous: int
    reason: str


class Activation:
    """One activation of ``generation``; ``run`` is its whole course, ``settle`` its second half."""

    def __init__(
        self, store: Store, app: App, job: Job, request: JobRequest, log: int, password: str = ""
    ) -> None:
        self._store = store
        self._app = app
        self._job = job
        self._request = request
        self._recipe = request.recipe
        self._log = JobLog(log)
        self._generations = {found.number: found for found in app.generations()}
        self._target = self._generations[request.generation]
        root = store.root.path
        privilege = Privilege(self._recipe.units.become, password)
        self._services = Services(self._recipe, privilege, directory=root, log=log)
        self._checker = HealthCheck(self._recipe, self._services, directory=root, log=log)

    def run(self, remark: str = "") -> Ending:
        """From the request to a recorded outcome; ``remark`` goes into the record of the intent."""
        previous = self._app.current() or 0
        self._step(VERIFYING, previous)
        problems = self._store.builds.check(self._target.build)
        if problems:
            damage.mark(self._store, self._target.build)
            first = f"{problems[0].path} {problems[0].problem}"
            reason = f"the build is damaged in the store: {first} ({len(problems)} findings)"
            return self._end(journal_format.FAILED, previous, reason)
        if self._recipe.before is not None:
            self._step(PREPARING, previous)
            begin = self._log.size()
            problem = self._hook("before", self._recipe.before, previous)
            if problem:
                return self._end(journal_format.FAILED, previous, problem + self._log.tail(begin))
        who = self._job.cancelled_by()
        if who is not None:
            return self._end(journal_format.FAILED, previous, f"cancelled by {who} before the switch")
        self._step(SWITCHING, previous)
        self._record(journal_format.SWITCHING, previous, remark)
        self._app.ensure_link(self._target)
        self._app.switch(self._target.number)
        return self.settle(previous, time.time())

    def settle(self, previous: int, switched: float, *, restarted: bool = False) -> Ending:
        """The link was switched at ``switched``: restart unless that is done, check, and record *active*;
        or go back and record why."""
        begun, begin = time.time(), self._log.size()
        problem = "" if restarted else self._restart(previous)
        if not problem and not self._checker.is_empty:
            self._step(CHECKING, previous)
            problem = self._check(self._target, self._generations.get(previous), switched)
        if not problem and self._request.confirm_hash is not None:
            problem = self._confirm(previous)
        if not problem:
            return self._end(journal_format.ACTIVE, previous, self._after(previous))
        reason = problem + self._log.tail(begin) + self._unit_lines(begun)
        if previous == self._target.number:  # it was restarted; there is nothing to go back to
            self._log.say(problem)
            return self._end(journal_format.STUCK, previous, reason)
        self._log.say(f"{problem}; going back to {_called(previous)}")
        self._step(RETURNING, previous, reason)
        self._app.switch(previous or None)
        return self.settle_return(previous, reason)

    def settle_return(self, previous: int, reason: str) -> Ending:
        """The link is back on ``previous`` (0: on nothing): bring that to life, and record why."""
        outcome: Outcome = journal_format.ROLLED_BACK
        if previous:
            problem = self._bring_back(previous)
            if problem:
                outcome = journal_format.STUCK
                reason = f"{reason}\nand going back to generation {previous}: {problem}"
        else:
            self._services.stop()
        if self._recipe.on_failure is not None:
            problem = self._hook("on-failure", self._recipe.on_failure, previous)
            reason += f"\n{problem}" if problem else ""
        return self._end(outcome, previous, reason)

    def _restart(self, previous: int) -> str:
        if self._services.is_empty:
            return ""
        self._step(RESTARTING, previous)
        self._log.say(f"restarting for generation {self._target.number}")
        variables = self._variables(self._target, self._generations.get(previous))
        return self._services.start_new(variables, first=not previous)

    def _bring_back(self, previous: int) -> str:
        former = self._generations[previous]
        switched = time.time()
        if not self._services.is_empty:
            self._log.say(f"restarting for generation {previous}")
            problem = self._services.start_previous(self._variables(former, self._target))
            if problem:
                return problem
        return self._check(former, self._target, switched)

    def _check(self, generation: Generation, other: Generation | None, switched: float) -> str:
        variables = self._variables(generation, other)
        return self._checker.check(
            Subject(generation.build, self._link(), switched, variables), restarted=True
        )

    def _confirm(self, previous: int) -> str:
        """Wait for the deployer to come back with the token; ``""`` when that came in time."""
        self._step(CONFIRMING, previous)
        deadline = time.monotonic() + self._recipe.confirm
        while True:
            verdict = self._job.verdict()
            if not verdict and time.monotonic() >= deadline:
                verdict = self._job.decide(EXPIRED)
            if verdict == CONFIRMED:
                return ""
            if verdict:
                return f"nobody came back to confirm it within {self._recipe.confirm} s"
            time.sleep(_CONFIRM_POLL_S)

    def _after(self, previous: int) -> str:
        """Run the hook; what went wrong is remarked, and the release stays."""
        if self._recipe.after is None:
            return ""
        self._step(FINISHING, previous)
        return self._hook("after", self._recipe.after, previous)

    def _hook(self, name: str, command: Command, previous: int) -> str:
        self._log.say(f"running the {name} command")
        problem = commands.run(
            command.words,
            variables=self._variables(self._target, self._generations.get(previous)),
            directory=_tree(self._store.root.path, self._target.build),
            log=self._log.fd,
            seconds=command.timeout,
        )
        return f"the {name} command failed: {problem}" if problem else ""

    def _variables(self, generation: Generation, other: Generation | None) -> dict[str, str]:
        root = self._store.root.path
        return {
            "RELSTORE_APP": self._app.name,
            "RELSTORE_GENERATION": str(generation.number),
            "RELSTORE_BUILD": generation.build,
            "RELSTORE_PATH": _tree(root, generation.build),
            "RELSTORE_PREVIOUS_PATH": _tree(root, other.build) if other else "",
            "RELSTORE_CURRENT": self._link(),
        }

    def _unit_lines(self, since: float) -> str:
        """What the units said since then, as lines to add to a reason."""
        found = ""
        for unit in self._recipe.units.names:
            lines = self._services.systemd.journal(unit, since)
            if lines:
                found += f"\nthe last lines of {unit}:" + "".join(f"\n  {line}" for line in lines)
        return found

    def _link(self) -> str:
        return f"{self._app.directory.path}/{CURRENT}"

    def _step(self, name: str, previous: int, reason: str = "") -> None:
        self._job.write_state(JobState(name, previous, "", self._app.current() or 0, reason))

    def _end(self, outcome: Outcome, previous: int, reason: str) -> Ending:
        self._record(outcome, previous, reason)
        return Ending(outcome, previous, reason)

    def _record(self, kind: EventKind, previous: int, reason: str) -> None:
        record_event(self._app, self._job, self._request, kind, previous, reason)


def record_event(
    app: App, job: Job, request: JobRequest, kind: EventKind, previous: int, reason: str
) -> None:
    """Append to the app's journal what the job did."""
    now = int(time.time())
    event = Event(now, kind, request.generation, previous, job.id, request.who, reason)
    journal.append(app.directory, event)


def _called(previous: int) -> str:
    return f"generation {previous}" if previous else "no generation, since there was none before"


def _tree(root: str, build: Digest) -> str:
    return f"{root}/builds/{build}/tree"
