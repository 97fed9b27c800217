"""What an activation does before anything changes: verify the build, run ``before``, mind a cancel.

Whatever goes wrong here ends the job, and nothing was done.
"""

from __future__ import annotations

import contextlib

from relstore.formats.generation import Generation
from relstore.formats.names import Digest
from relstore.formats.recipe import Recipe
from relstore.host.job.build_proof import BuildProof, Instant
from relstore.host.job.directory import Job
from relstore.host.job.hooks import Hooks
from relstore.host.job.log import JobLog
from relstore.host.job.record import Record
from relstore.store import damage
from relstore.store.store import Store
from relstore.store.tree import Finding

VERIFYING = "verifying"
PREPARING = "running before"


class JobPreparation:
    """Of one activation of ``target``, with ``other`` current."""

    def __init__(
        self, store: Store, job: Job, recipe: Recipe, hooks: Hooks, log: JobLog, record: Record
    ) -> None:
        self._store = store
        self._job = job
        self._recipe = recipe
        self._hooks = hooks
        self._log = log
        self._record = record

    def run(self, target: Generation, other: Generation | None) -> str:
        """Why the release must not go live, or ``""``. Raises OSError and RelstoreError."""
        previous = other.number if other else 0
        self._record.write_step(VERIFYING, previous)
        problems = self._check(target.build)
        if problems:
            with contextlib.suppress(OSError):
                damage.mark(self._store, target.build)
            first = f"{problems[0].path} {problems[0].problem}"
            return f"the build is damaged in the store: {first} ({len(problems)} findings)"
        if self._recipe.before is not None:
            self._record.write_step(PREPARING, previous)
            self._log.begin()
            problem = self._hooks.run("before", self._recipe.before, target, other)
            if problem:
                return problem + self._log.tail()
        return self.cancelled()

    def _check(self, build: Digest) -> list[Finding]:
        """What is wrong with the build. It is not read if it was a moment ago, and still looks as then."""
        proof = BuildProof.read(self._job)
        if proof is not None and proof.build == build and proof.holds(self._store, Instant.now()):
            return []
        return self._store.builds.check(build)

    def cancelled(self) -> str:
        """That somebody asked the job not to switch, or ``""``."""
        who = self._job.cancelled_by()
        return "" if who is None else f"cancelled by {who} before the switch"
