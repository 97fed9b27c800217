"""An activation with two slots: the release starts beside the one that serves, and then the traffic moves.

The old one runs until the new one has proved itself, so going back is one rename, and a release that fails
its check is never reached by a request. ``current`` is the commit: a job that died before it is undone, one
that died after it is finished. What no longer has the traffic is stopped afterwards (``drain``). It runs in
the job's process, under the app's lock. Not for apps that one unit runs (``activation``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from relstore.errors import DamagedError, RelstoreError, StoreError
from relstore.formats import journal as journal_format
from relstore.formats.cut_over import ALL, TRIAL, CutOver, Place, Slot, other
from relstore.formats.journal import Event, Outcome
from relstore.host.job import activation as steps
from relstore.host.job import closing, confirmation, drain, traffic, ways
from relstore.host.job.command_traffic import Asking
from relstore.host.job.directory import Job
from relstore.host.job.hooks import Hooks
from relstore.host.job.log import JobLog
from relstore.host.job.preparation import JobPreparation
from relstore.host.job.record import RECORDING, Ending, Record, explained
from relstore.host.job.shift import TrafficShift
from relstore.host.job.slot_service import SlotService
from relstore.host.job.values import JobRequest, JobState
from relstore.host.machine.clock import Moment
from relstore.host.machine.privilege import Privilege
from relstore.host.service.services import ServiceFailure
from relstore.store import reserve
from relstore.store.app import CURRENT, App
from relstore.store.slots import Slots
from relstore.store.store import Store

STARTING = "starting"


class SlotActivation:
    """One activation of ``request.generation``; ``run`` is all of it, ``resume`` the rest of a dead job's."""

    def __init__(
        self,
        store: Store,
        app: App,
        job: Job,
        request: JobRequest,
        log: int,
        password: str,
        cut_over: CutOver,
    ) -> None:
        self._store = store
        self._app = app
        self._job = job
        self._request = request
        self._recipe = request.recipe
        self._cut_over = cut_over
        self._log = JobLog(log)
        self._slots = Slots(app.directory, store.durability)
        in_slots: list[int] = []
        with contextlib.suppress(StoreError):
            in_slots = self._slots.all_generations()
        self._generations = app.generations_of({*app.in_play(), *in_slots, request.generation})
        self._target = self._generations[request.generation]
        self._hooks = Hooks(
            store.root.path,
            app.name,
            f"{app.directory.path}/{CURRENT}",
            self._log,
            request.recipe.environment,
        )
        self._privilege = Privilege(self._recipe.units.become, password)
        self._record = Record(store, app, job, request, self._log)
        self._preparation = JobPreparation(store, job, self._recipe, self._hooks, self._log, self._record)
        asking = Asking(self._hooks, self._generations, self._target)
        self._traffic = ways.traffic(self._slots, cut_over, self._log, asking)

    def run(self, remark: str = "") -> Ending:
        """From the request to a recorded outcome.

        Raises OSError and RelstoreError before anything started, UnrecordedError after it.
        """
        previous = self._app.current() or 0
        old = self._slots.live(self._cut_over)
        proved = old is None or self._app.was_active(self._target.number)
        stages = self._cut_over.stages(proved=proved)
        problem = self._preparation.run(self._target, self._generations.get(previous))
        problem = problem or self._traffic.prepare(gradual=len(stages) > 1)
        if problem:
            return self._record.write(Ending(journal_format.FAILED, previous, problem))
        new = other(old) if old else "a"
        service = self._service(new)
        # Behind a shared socket, one that does not serve has been asked to end, and cannot be taken back.
        warm = (
            not self._is_shared
            and self._slots.generations().get(new) == self._target.number
            and service.is_running()
        )
        self._record.write_step(steps.SWITCHING, previous)
        problem = "" if warm else self._free(new)
        if problem:
            return self._record.write(Ending(journal_format.FAILED, previous, problem))
        self._job.write_slots(new, old)
        self._job.set_aside(Moment.now())
        reserve.fill(self._store.root)
        self._record.write(Ending(journal_format.SWITCHING, previous, remark))
        self._log.begin()
        place: Place = TRIAL if self._is_shared else new
        alone = self._service(place)
        failure = self._start(alone, place, previous, warm=warm)
        if failure is not None:
            return self._withdraw(alone, place, previous, failure, warm=warm)
        failure = self._move(service, new, previous, stages, alone)
        is_unhealthy = failure is not None and failure.of_release
        if failure is None:
            failure = self._confirm(previous) or self._commit(old)
        if failure is not None:
            return self._return(service, new, old, previous, failure, is_unhealthy=is_unhealthy)
        remarks = filter(None, (self._wind_up(), self._after(previous)))
        return self._record.end(Ending(journal_format.ACTIVE, previous, "\n".join(remarks)))

    def resume(self, event: Event, state: JobState) -> Ending:
        """Finish or undo what the dead job began. ``current`` decides. Raises UnrecordedError."""
        noted = self._job.slots()
        if noted is None:
            raise DamagedError(f"job {self._job.id} has no slots")
        new, old = noted
        previous = event.previous
        if state.step == RECORDING:
            recorded = next((kind for kind in journal_format.OUTCOMES if kind == state.outcome), None)
            return self._record.end(Ending(recorded or journal_format.INTERRUPTED, previous, state.reason))
        moved = self._slots.live(self._cut_over) == new
        shifting = self._slots.shift(self._cut_over) is not None
        if self._record.current() == event.generation and (event.generation != previous or moved):
            remark = ""
            if not moved or shifting:
                remark = reserve.with_reserve(self._store.root, lambda: self._traffic.give(new, ALL))
            return self._record.end(Ending(journal_format.ACTIVE, previous, remark))
        service = self._service(new)
        reason = state.reason or "the job died before the release was committed"
        blamed = state.step == steps.RETURNING and state.outcome != journal_format.INTERRUPTED
        failure = ServiceFailure(reason, of_release=blamed)
        if moved or shifting or (self._is_shared and new in self._slots.generations()):
            self._wait_for(old)
            return self._return(service, new, old, previous, failure)
        place: Place = TRIAL if self._is_shared else new
        warm = not self._is_shared and drain.has_connections(self._cut_over, new)
        return self._withdraw(self._service(place), place, previous, failure, warm=warm)

    def _wait_for(self, old: Slot | None) -> None:
        """Until the old slot answers, or as long as a release may take: after a boot it has only just begun,
        and the traffic goes there next."""
        generation = self._generations.get(self._slots.generations().get(old, 0)) if old else None
        if old is None or generation is None:
            return
        try:
            variables = self._hooks.variables(generation, None)
            problem = self._service(old).check(generation.build, variables, at_once=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, a bug too, the traffic must go back
            problem = explained(error, "in the old slot")
        if problem:
            self._log.say(f"slot {old}: {problem}")

    # -- forward ---------------------------------------------------------------------------------

    @property
    def _is_shared(self) -> bool:
        """Whether both slots accept from one socket, so that a release has to prove itself at another one."""
        return self._cut_over.trial is not None

    def _service(self, slot: Place) -> SlotService:
        path = self._slots.path(slot)
        return SlotService(
            self._recipe, slot, path, self._privilege, self._store.root.path, self._log, self._job.tell
        )

    def _free(self, slot: Slot) -> str:
        """Stop what drains in the slot, when its connections are gone or its time is up. Returns why not, if
        the job is cancelled before that."""
        number = self._slots.generations().get(slot)
        if number is None:
            return ""
        freeing = drain.Freeing(self._cut_over, slot, number, self._service(slot), self._log)
        if not closing.is_asked_at_once(self._job):
            freeing.wait(lambda: bool(self._preparation.cancelled()))
        problem = self._preparation.cancelled()
        if not problem:
            if self._slots.standby() == slot:
                self._slots.set_standby(None)
            closed = freeing.end(at_once=closing.is_asked_at_once(self._job))
            self._slots.remove(slot)
            closing.note(self._job, closed, self._log)
        return problem

    def _start(self, service: SlotService, new: Place, previous: int, *, warm: bool) -> ServiceFailure | None:
        """Start the release in the new slot or on trial, and check it alone: no request reaches it yet."""
        try:
            variables = self._hooks.variables(self._target, self._generations.get(previous))
            if not warm:
                self._record.try_step(STARTING, previous)
                where = "on trial" if new == TRIAL else f"in slot {new}"
                self._log.say(f"starting generation {self._target.number} {where}")
                self._app.ensure_link(self._target)
                self._slots.set(new, self._target.number)
                failure = service.start(variables)
                if failure is not None:
                    return failure
            self._record.try_step(steps.CHECKING, previous)
            problem = service.check(self._target.build, variables, at_once=warm)
            if new == TRIAL and not problem:
                # With the traffic, nobody could tell which slot answers a probe.
                problem = service.watch(self._target.build, variables, self._cut_over.watch / 1000)
            if new == TRIAL and not problem:
                service.stop_at_once()
                self._slots.remove(new)
        except Exception as error:  # noqa: BLE001 - whatever it is, a bug too, the slot must be stopped
            return ServiceFailure(explained(error, "in the new slot"), of_release=False)
        return ServiceFailure(problem) if problem else None

    def _move(
        self, service: SlotService, new: Slot, previous: int, stages: Sequence[int], alone: SlotService
    ) -> ServiceFailure | None:
        try:
            variables = self._hooks.variables(self._target, self._generations.get(previous))
            shift = TrafficShift(
                self._record, self._traffic, self._slots, self._log, self._target, previous, variables
            )
            if not self._is_shared:
                return shift.move(service, new, stages, self._cut_over.watch / 1000)
            # It was watched on trial. Nobody sees when it begins to accept, and until then only the old one
            # answers. So the old one goes on for twice the time that the trial took.
            seconds = max(self._recipe.health.stable / 1000, 2 * alone.took)
            return shift.join(service, new) or shift.move(service, new, stages, seconds)
        except Exception as error:  # noqa: BLE001 - whatever it is, a bug too, the traffic must go back
            return ServiceFailure(explained(error, "moving the traffic"), of_release=False)

    def _confirm(self, previous: int) -> ServiceFailure | None:
        if self._request.confirm_hash is None:
            return None
        try:
            self._record.try_step(steps.CONFIRMING, previous)
            problem = confirmation.wait(self._job, self._recipe.confirm)
        except Exception as error:  # noqa: BLE001 - whatever it is, a bug too, the traffic must go back
            return ServiceFailure(explained(error, "waiting for the confirmation"), of_release=False)
        return ServiceFailure(problem) if problem else None

    def _commit(self, old: Slot | None) -> ServiceFailure | None:
        try:
            self._slots.set_standby(old if self._cut_over.standby else None)
            self._app.switch(self._target.number)
        except (OSError, RelstoreError) as error:
            if self._record.current() != self._target.number:
                return ServiceFailure(explained(error, "switching the link"), of_release=False)
            self._log.say(explained(error, "syncing the link"))
        return None

    def _after(self, previous: int) -> str:
        if self._recipe.after is None:
            return ""
        self._record.try_step(steps.FINISHING, previous)
        return self._hooks.run("after", self._recipe.after, self._target, self._generations.get(previous))

    # -- back ------------------------------------------------------------------------------------

    def _return(
        self,
        service: SlotService,
        new: Slot,
        old: Slot | None,
        previous: int,
        failure: ServiceFailure,
        *,
        is_unhealthy: bool = False,
    ) -> Ending:
        """Move the traffic back first. The new slot stops when its last connections are gone (``drain``).

        ``is_unhealthy``: it is asked to end at once. Otherwise it would go on to answer on connections that
        are kept open, as those of browsers are, for as long as it drains.
        """
        try:
            reserve.with_reserve(self._store.root, lambda: self._traffic.give_back(old))
        except (OSError, RelstoreError) as error:
            problem = explained(error, "moving the traffic back")
            self._log.say(problem)
            ending = Ending(journal_format.ROLLED_BACK, previous, f"{failure.reason}\n{problem}")
            raise self._record.unrecorded(problem, ending, steps.RETURNING) from None
        problem = self._wind_up()
        if problem and self._may_reach(new):
            self._log.say(f"{failure.reason}; going back: {problem}")
            return self._end(service, previous, failure, f"\nand going back: {problem}", journal_format.STUCK)
        self._log.say(f"{failure.reason}; the traffic is back")
        if is_unhealthy or self._is_shared:  # no link keeps requests from one that shares the socket
            with contextlib.suppress(OSError, RelstoreError):  # it drains like any other then
                drain.end_now(self._cut_over, new, service, self._log)
        remark = f"\n{problem}" if problem else ""
        return self._end(service, previous, failure, remark, self._outcome(failure, previous))

    def _wind_up(self) -> str:
        """Have the front send nothing to ``next``; what went wrong, or ``""``."""
        try:
            return self._traffic.wind_up()
        except Exception as error:  # noqa: BLE001 - the outcome is to be recorded whatever it is
            return explained(error, "winding up the shift of the traffic")

    def _may_reach(self, slot: Slot) -> bool:
        try:
            return slot in traffic.reached(self._slots, self._cut_over)
        except (OSError, RelstoreError):
            return True

    def _withdraw(
        self, service: SlotService, new: Place, previous: int, failure: ServiceFailure, *, warm: bool
    ) -> Ending:
        """Stop the trial, or the new slot, to which the traffic has not moved. One that was taken back while
        it drained (``warm``) may have connections of its own, and goes on to drain."""
        remark = "the traffic did not move to it" if warm else "no request reached it"
        self._log.say(f"{failure.reason}; {remark}")
        outcome = self._outcome(failure, previous)
        self._record.try_step(steps.RETURNING, previous, failure.reason, outcome)
        with contextlib.suppress(OSError, RelstoreError):  # what stays of it is stopped later
            if not warm or new == TRIAL or not drain.has_connections(self._cut_over, new):
                service.stop_at_once()
                self._slots.remove(new)
        return self._end(service, previous, failure, f"\n{remark}", outcome)

    def _end(
        self, service: SlotService, previous: int, failure: ServiceFailure, remark: str, outcome: Outcome
    ) -> Ending:
        reason = failure.reason + self._log.tail() + service.quoted() + remark
        if self._recipe.on_failure is not None:
            other = self._generations.get(previous)
            problem = self._hooks.run("on-failure", self._recipe.on_failure, self._target, other)
            reason += f"\n{problem}" if problem else ""
        return self._record.end(Ending(outcome, previous, reason))

    def _outcome(self, failure: ServiceFailure, previous: int) -> Outcome:
        # After a restart, what serves is the same release, and is healthy.
        blamed = failure.of_release and previous != self._target.number
        return journal_format.ROLLED_BACK if blamed else journal_format.INTERRUPTED
