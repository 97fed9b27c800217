"""What a person sees of a rollout while it goes on: its phases, its waves, its failures; and ``--events``.

In a pipe that is a line each, and one every half minute in which nothing else happens. Not for the hosts' own
steps (``progress``), nor for how it ended (``outcome_view``).
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from relstore.cli import rollout_lines, text
from relstore.cli.invocation import Invocation
from relstore.cli.progress import ConsoleReporter
from relstore.cli.rollout_events import EventFile
from relstore.client.config.keys import rollout as keys
from relstore.client.fleet.course import Observer
from relstore.client.fleet.result import HostResult
from relstore.client.rollout import states
from relstore.client.rollout.machine import Rollout
from relstore.client.rollout.states import Action, Event
from relstore.client.target import Target

HEARTBEAT_S = 30.0


class RolloutView(Observer):
    """Told by the rollout; ``reporter`` is told by its hosts."""

    def __init__(self, reporter: ConsoleReporter, invocation: Invocation, events: EventFile) -> None:
        self.reporter = reporter
        self.rollout_id = ""
        """Empty as long as there is no rollout: with a single host, or nothing to activate."""
        self.rollout: Rollout | None = None
        self._invocation = invocation
        self._events = events
        self._names: list[str] = []
        self._targets: Sequence[Target] = ()
        self._said = time.monotonic()
        settings = invocation.settings
        self._watches = bool(
            settings.get(keys.BAKE) or settings.get(keys.CHECK_HTTP) or settings.get(keys.CHECK_COMMAND)
        )

    def begin(self, rollout_id: str, rollout: Rollout, targets: Sequence[Target]) -> None:
        self.rollout_id, self.rollout, self._targets = rollout_id, rollout, targets
        names = {host.target: host.name for host in self._invocation.hosts}
        self._names = [names.get(target, str(target)) for target in targets]
        self._events.write("begun", rollout=rollout_id, hosts=self._names)

    def moved(
        self, event: Event, rollout: Rollout, actions: Sequence[Action], results: Sequence[HostResult]
    ) -> None:
        before, self.rollout = self.rollout, rollout
        if before is None:
            return
        self.reporter.where(f"{rollout_lines.where(rollout)}: {rollout_lines.counted(rollout)}")
        for host, state in enumerate(rollout.hosts):
            unwell = host in rollout.unwell - before.unwell
            lost = host in rollout.lost - before.lost
            if state != before.hosts[host] or unwell or lost:
                self._host(host, "not healthy" if unwell else "lost" if lost else state, results[host])
                if unwell or lost or rollout_lines.is_bad(state):
                    self._failed(host, "not healthy" if unwell else state, results[host])
        if (rollout.phase, rollout.wave) != (before.phase, before.wave):
            self._phase(rollout)

    def _host(self, host: int, state: str, result: HostResult) -> None:
        self._events.write(
            "host",
            rollout=self.rollout_id,
            host=self._names[host],
            target=str(self._targets[host]),
            state=state,
            generation=result.generation or None,
            previous=result.previous or None,
            reason=result.error.what if result.error else "",
        )

    def _failed(self, host: int, state: str, result: HostResult) -> None:
        why = result.error.what.partition("\n")[0] if result.error else ""
        self._say(f"{self._names[host]}: {state}{f': {why}' if why else ''}", is_failure=True)

    def _phase(self, rollout: Rollout) -> None:
        wave = [self._names[host] for host in rollout.waves[rollout.wave]] if rollout.waves else []
        self._events.write(
            "phase",
            rollout=self.rollout_id,
            phase=rollout.phase,
            wave=rollout.wave + 1 if rollout.waves else None,
            hosts=wave,
            why=rollout.why,
            counts=dict(rollout.counts),
        )
        if self._is_worth_a_line(rollout):
            self._say(rollout_lines.begun(rollout, self._names))

    def _is_worth_a_line(self, rollout: Rollout) -> bool:
        """The table says how a good one ended, and the hosts' own lines how they were staged."""
        if rollout.phase == states.BAKING:
            return self._watches
        return rollout.phase not in (states.STAGING, states.DONE)

    def _say(self, line: str, *, is_failure: bool = False) -> None:
        self._said = time.monotonic()
        self.reporter.rollout_line(line, stays=is_failure)

    def keep_failed(self, names: Sequence[str]) -> None:
        """Remember what ``--hosts failed`` means from now on. Hosts of other runs stay in it."""
        remembered, place = self._invocation.failed_hosts, self._invocation.place
        others = [name for name in remembered.get(place) if name not in self._names]
        remembered.keep(place, [*others, *names])

    def beat(self) -> None:
        """A sign of life, where nothing else was said for a while."""
        rollout = self.rollout
        if rollout is None or rollout.is_ended or time.monotonic() - self._said < HEARTBEAT_S:
            return
        self._say(f"still in {rollout_lines.where(rollout)}: {rollout_lines.counted(rollout)}")


def event_file(path: Path | None, invocation: Invocation) -> closing[EventFile]:
    """The one of ``--events``, open for the block, before anything is done. Raises UsageError."""
    return closing(EventFile(path, invocation.console.note))


@contextmanager
def rollout_view(invocation: Invocation, events: EventFile) -> Iterator[RolloutView]:
    """For one command."""
    ended = threading.Event()
    with ConsoleReporter(invocation.console, invocation.labels) as reporter:
        view = RolloutView(reporter, invocation, events)
        beats = threading.Thread(target=_beat, args=(view, ended), name="heartbeat", daemon=True)
        if not sys.stderr.isatty():
            beats.start()
        try:
            yield view
        finally:
            ended.set()
            if beats.ident is not None:
                beats.join()


def _beat(view: RolloutView, ended: threading.Event) -> None:
    while not ended.wait(1.0):
        view.beat()


def sum_of(view: RolloutView) -> dict[str, object] | None:
    """The rollout in a JSON document; None where there was none."""
    if not view.rollout_id or view.rollout is None:
        return None
    return {
        "id": view.rollout_id,
        "ended": view.rollout.phase,
        "waves": len(view.rollout.waves),
        "wave": view.rollout.wave + 1 if view.rollout.waves else None,
        "why": text.one_line(view.rollout.why),
    }
