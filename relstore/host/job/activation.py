"""The activation itself: switch, restart, health, confirm, outcome; and back when it does not go well.

What counts is in the journal before it happens: the intent, with the exact generation to return to, before
the link moves; the outcome before anybody is told. Up to the switch any error ends the job, and nothing was
done. After it none does: the link and the service come first, and what relstore has to write about them is
written as well as the disk allows. It runs inside the job's process, under the app's lock. Not for being
started or watched (``start``, ``watch``).
"""

from __future__ import annotations

import time

from relstore.errors import RelstoreError
from relstore.formats import journal as journal_format
from relstore.formats.generation import Generation
from relstore.formats.journal import Outcome
from relstore.host.job import confirmation
from relstore.host.job.directory import Job
from relstore.host.job.hooks import Hooks
from relstore.host.job.log import JobLog
from relstore.host.job.preparation import JobPreparation
from relstore.host.job.record import Ending, Record, explained
from relstore.host.job.values import JobRequest
from relstore.host.machine.clock import Moment
from relstore.host.machine.privilege import Privilege
from relstore.host.service.health import HealthCheck, Subject
from relstore.host.service.services import ServiceFailure, Services
from relstore.host.service.unit_output import UnitOutput
from relstore.store import reserve
from relstore.store.app import CURRENT, App
from relstore.store.root import explain
from relstore.store.store import Store

SWITCHING = "switching"
RESTARTING = "restarting"
CHECKING = "checking"
CONFIRMING = "confirming"
FINISHING = "running after"
RETURNING = "returning"


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
        self._generations = app.generations_of({*app.in_play(), request.generation})
        self._target = self._generations[request.generation]
        root = store.root.path
        self._link = f"{app.directory.path}/{CURRENT}"
        self._hooks = Hooks(root, app.name, self._link, self._log, self._recipe.environment)
        privilege = Privilege(self._recipe.units.become, password)
        self._services = Services(self._recipe, privilege, directory=root, output=self._log)
        units = self._recipe.units
        self._output = UnitOutput(self._services.systemd, units.names, user=units.user)
        self._checker = HealthCheck(
            self._recipe, self._services, directory=root, output=self._log, tell=job.tell
        )
        self._record = Record(store, app, job, request, self._log)
        self._preparation = JobPreparation(store, job, self._recipe, self._hooks, self._log, self._record)

    def run(self, remark: str = "") -> Ending:
        """From the request to a recorded outcome; ``remark`` goes into the record of the intent.

        Raises OSError and RelstoreError before the switch, UnrecordedError after it.
        """
        previous = self._app.current() or 0
        problem = self._preparation.run(self._target, self._generations.get(previous))
        if problem:
            return self._record.write(Ending(journal_format.FAILED, previous, problem))
        self._record.write_step(SWITCHING, previous)
        switching = Moment.now()
        self._set_aside(previous, switching)
        self._record.write(Ending(journal_format.SWITCHING, previous, remark))
        problem = self._switch(previous)
        if problem:
            return self._record.end(Ending(journal_format.FAILED, previous, problem))
        return self.settle(previous, switching.seconds)

    def settle(self, previous: int, switched: float, *, restarted: bool = False) -> Ending:
        """The link was switched after ``switched`` (seconds of the monotonic clock): restart unless that is
        done, check, and record *active*; or go back and record why. Raises UnrecordedError."""
        self._log.begin()
        self._output.begin()
        failure = self._go_live(previous, switched, restarted)
        if failure is None:
            return self._record.end(Ending(journal_format.ACTIVE, previous, self._after(previous)))
        failed = time.time()
        if previous == self._target.number:  # it was only restarted; there is nothing to go back to
            self._log.say(failure.reason)
            reason = failure.reason + self._log.tail() + self._output.quoted(failed)
            return self._record.end(Ending(journal_format.STUCK, previous, reason))
        doubt = self._link_back(previous, failure.reason)
        reason = failure.reason + self._log.tail()
        self._log.say(f"{failure.reason}; going back to {_called(previous)}")
        outcome: Outcome = journal_format.ROLLED_BACK if failure.of_release else journal_format.INTERRUPTED
        self._record.try_step(RETURNING, previous, reason, outcome)
        problem = self._restore(previous, switched)
        reason += self._output.quoted(failed)
        return self._end_return(outcome, previous, reason, problem, doubt)

    def settle_return(self, outcome: Outcome, previous: int, reason: str, switched: float) -> Ending:
        """The link is back on the previous one (0: on nothing): bring that to life, and record that it ended
        so, or worse. Raises UnrecordedError."""
        problem = self._restore(previous, switched)
        return self._end_return(outcome, previous, reason, problem, "")

    # -- before the switch -----------------------------------------------------------------------

    def _set_aside(self, previous: int, switching: Moment) -> None:
        """All that the way back needs, as long as there is room for it."""
        self._job.set_aside(switching)
        self._app.prepare_return(previous or None)
        reserve.fill(self._store.root)

    def _switch(self, previous: int) -> str:
        """Move the link; why that failed, and then it is where it was."""
        try:
            self._app.ensure_link(self._target)
            self._app.switch(self._target.number)
        except (OSError, RelstoreError) as error:
            problem = explained(error, "switching the link")
            if self._record.current() == self._target.number != previous:
                doubt = self._link_back(previous, problem)
                if doubt:
                    raise self._record.unrecorded(
                        doubt, Ending(journal_format.FAILED, previous, problem), RETURNING
                    ) from None
            return problem
        return ""

    # -- forward ---------------------------------------------------------------------------------

    def _go_live(self, previous: int, switched: float, restarted: bool) -> ServiceFailure | None:
        """Restart, check, and wait for the confirmation; what is in the way of *active*."""
        try:
            if restarted:
                self._services.count_restarts()
            else:
                failure = self._restart(previous, switched)
                if failure is not None:
                    return failure
            problem = ""
            if not self._checker.is_empty:
                self._record.try_step(CHECKING, previous)
                problem = self._check(self._target, self._generations.get(previous), switched)
            if not problem and self._request.confirm_hash is not None:
                self._record.try_step(CONFIRMING, previous)
                problem = confirmation.wait(self._job, self._recipe.confirm)
        except Exception as error:  # noqa: BLE001 - whatever it is, a bug too, the way back must be taken
            return ServiceFailure(explained(error, "after the switch"), of_release=False)
        return ServiceFailure(problem) if problem else None

    def _restart(self, previous: int, switched: float) -> ServiceFailure | None:
        if self._services.is_empty:
            return None
        self._record.try_step(RESTARTING, previous)
        self._log.say(f"restarting for generation {self._target.number}")
        variables = self._hooks.variables(self._target, self._generations.get(previous))
        return self._services.start_new(variables, first=not previous, switched=switched)

    def _check(self, generation: Generation, other: Generation | None, switched: float) -> str:
        variables = self._hooks.variables(generation, other)
        return self._checker.check(Subject(generation.build, self._link, switched, variables), restarted=True)

    def _after(self, previous: int) -> str:
        """Run the hook; what went wrong is remarked, and the release stays."""
        if self._recipe.after is None:
            return ""
        self._record.try_step(FINISHING, previous)
        return self._hooks.run("after", self._recipe.after, self._target, self._generations.get(previous))

    # -- back ------------------------------------------------------------------------------------

    def _link_back(self, previous: int, reason: str) -> str:
        """Move the link back. ``""``, or why it may not last; raises UnrecordedError when it did not move."""
        try:
            reserve.with_reserve(self._store.root, lambda: self._move_back(previous))
        except (OSError, RelstoreError) as error:
            problem = explained(error, "moving the link back")
            if self._record.current() == previous:
                return problem
            reason = f"{reason}\n{problem}"
            self._log.say(reason)
            ending = Ending(journal_format.ROLLED_BACK, previous, reason)
            raise self._record.unrecorded(problem, ending, RETURNING) from None
        return ""

    def _move_back(self, previous: int) -> None:
        try:
            self._app.switch_back(previous or None)
        except OSError as error:
            if self._record.current() != previous:
                raise
            # The link has moved, so a sync failed. Nobody may try that again and believe it (``durable``).
            raise explain(error, "syncing it") from None

    def _restore(self, previous: int, switched: float) -> str:
        """Bring to life what the link is back on; what went wrong."""
        try:
            if not previous:
                self._services.stop(switched)
                return ""
            return self._bring_back(previous, switched)
        except Exception as error:  # noqa: BLE001 - the outcome is to be recorded whatever it is
            return explained(error, "on the way back")

    def _bring_back(self, previous: int, switched: float) -> str:
        generation = self._generations[previous]
        returned = time.monotonic()
        if not self._services.is_empty:
            self._log.say(f"restarting for generation {previous}")
            variables = self._hooks.variables(generation, self._target)
            problem = self._services.start_previous(variables, switched)
            if problem:
                return problem
        return self._check(generation, self._target, returned)

    def _end_return(self, outcome: Outcome, previous: int, reason: str, problem: str, doubt: str) -> Ending:
        if problem:
            outcome = journal_format.STUCK
            reason = f"{reason}\nand going back to generation {previous}: {problem}"
        if self._recipe.on_failure is not None:
            problem = self._hooks.run(
                "on-failure", self._recipe.on_failure, self._target, self._generations.get(previous)
            )
            reason += f"\n{problem}" if problem else ""
        if doubt:  # an outcome in the journal would say that the link is safely back
            raise self._record.unrecorded(doubt, Ending(outcome, previous, reason), RETURNING)
        return self._record.end(Ending(outcome, previous, reason))


def _called(previous: int) -> str:
    return f"generation {previous}" if previous else "no generation, since there was none before"
