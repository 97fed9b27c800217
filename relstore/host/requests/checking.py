"""Checking a whole store and, when asked to, repairing it.

Builds are checked in parallel, in the order of their names. The progress is saved now and then, so that an
interrupted check continues from there. Not for what is checked (``store.verify``) nor for how a build is
repaired (``store.repair``).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from relstore.errors import RelstoreError
from relstore.formats import pack
from relstore.formats.manifest import Manifest
from relstore.formats.names import AppName, Digest, as_text
from relstore.protocol import DamagedBuild, FindingOut, Step, Verified
from relstore.store import damage, durable, journal, journal_repair, publish, refill, repair
from relstore.store.directory import TEMPORARY
from relstore.store.parallel import map_in_threads
from relstore.store.store import Store
from relstore.store.tree import Finding
from relstore.store.upload import Upload
from relstore.store.verify import Checker

MAX_DAMAGED = 1000
PROGRESS = "verify"
GOES_ON_S = 24 * 3600
"""A check that was interrupted longer ago starts again."""
_NOTE_EVERY_S = 5.0
_MAX_BYTES = 256
_MAX_THREADS = 8
_MAGIC = "relstore-verify"
_VERSION = 1


class CheckResult(NamedTuple):
    """What a check found, and what was done about it."""

    verified: Verified
    findings: list[FindingOut]


class _Progress(NamedTuple):
    """The progress of a check: when it began, the last build that was checked, and how many were."""

    began: int
    build: Digest
    checked: int


def verify(store: Store, step: Callable[[Step], None], *, fix: bool) -> CheckResult:
    """Check everything; ``step`` is told how far it is. Raises OSError, StoreError."""
    so_far = _read_progress(store)
    checker = Checker(store, so_far.checked)
    findings: list[FindingOut] = []
    damaged: list[Digest] = []
    for build, of_build in _builds(store, checker, so_far, step):
        wrong = any(not finding.foreign for finding in of_build)
        left = _repair(store, build, of_build) if wrong and fix else of_build
        if any(not finding.foreign for finding in left):
            damage.mark(store, build)
            damaged.append(build)
        findings += _compared(of_build, left)
    if fix:
        findings += _repair_journals(store)
    findings += _found(checker.apps, lambda _: _fix_links(store), fix)
    findings += _found(checker.objects, lambda wrong: _clear_shelf(store, wrong), fix)
    durable.remove_name(store.root, PROGRESS)
    whose = _generations(store, damaged)
    return CheckResult(
        Verified(*checker.counts(), tuple(whose[build] for build in damaged[:MAX_DAMAGED])), findings
    )


def _builds(
    store: Store, checker: Checker, so_far: _Progress, step: Callable[[Step], None]
) -> Iterator[tuple[Digest, list[Finding]]]:
    """Each build with what was found in it. Those that were checked before an interruption come only if they
    are marked as damaged."""
    ids = store.builds.ids()
    last = so_far.build
    left = [build for build in ids if build > last or damage.is_marked(store, build)]
    noted = time.monotonic()
    threads = min(os.cpu_count() or 1, _MAX_THREADS)
    with contextlib.closing(map_in_threads(checker.build, left, threads)) as checked:
        for number, (build, wrong) in enumerate(zip(left, checked)):
            step(Step("builds", len(ids) - len(left) + number, len(ids)))
            if all(finding.foreign for finding in wrong):
                damage.unmark(store, build)
            yield build, wrong
            if time.monotonic() > noted + _NOTE_EVERY_S and build > last:
                _write_progress(store, _Progress(so_far.began, build, checker.counts().builds))
                noted = time.monotonic()


def _found(
    check: Callable[[], Iterable[Finding]], put_right: Callable[[Sequence[Finding]], None], fix: bool
) -> list[FindingOut]:
    """What is wrong, and whether it was repaired."""
    everything = list(check())
    wrong = [finding for finding in everything if not finding.foreign]
    if not wrong or not fix:
        return _compared(everything, everything)
    put_right(wrong)
    return _compared(everything, list(check()))


def _compared(before: Sequence[Finding], left: Sequence[Finding]) -> list[FindingOut]:
    """What was wrong and whether it is repaired; then what shows only now: files of a missing directory."""
    still_wrong = {finding.path for finding in left if not finding.foreign}
    known = {finding.path for finding in before}
    return [
        *(
            FindingOut(
                finding.path,
                finding.problem,
                not finding.foreign and finding.path not in still_wrong,
                finding.foreign,
            )
            for finding in before
        ),
        *(
            FindingOut(finding.path, finding.problem, False)
            for finding in left
            if not finding.foreign and finding.path not in known
        ),
    ]


def _repair(store: Store, build: Digest, wrong: list[Finding]) -> list[Finding]:
    """Repair of the build what the store has the contents for; what is still wrong."""
    try:
        raw = store.builds.manifest_bytes(build)
        upload = Upload.begin(store, build, raw, Manifest.parse(raw))
    except RelstoreError:
        return wrong  # only a client that has its manifest can repair it
    done = False
    try:
        survey = publish.survey(upload)
        restored = repair.restore(upload, survey._replace(damaged=refill.refill(upload, survey.damaged)))
        done = not restored.left
    finally:
        upload.close(done=done)
    if restored.refused is None:
        return restored.left
    problem = f"{restored.refused.what}. {restored.refused.hint}"
    return [*restored.left, Finding(f"builds/{build}", as_text(problem))]


def _repair_journals(store: Store) -> list[FindingOut]:
    """Make the journals readable that are not; what was wrong with each, and what was lost.

    One that cannot be repaired is left to the check of the apps to report.
    """
    findings = []
    for name in store.app_names():
        with store.app(name) as app:
            try:
                app.events()
            except RelstoreError as error:
                repaired = journal_repair.repair(store, app.directory)
                if repaired is not None:
                    what = f"{error.what}: {repaired.words()}"
                    findings.append(FindingOut(f"apps/{name}/{journal.NAME}", what, True))
    return findings


def _fix_links(store: Store) -> None:
    """Point the links of generations to the builds of their records."""
    for name in store.app_names():
        with store.shared(), store.app(name) as app:
            try:
                chain, needed = app.generations(), {*app.linked(), app.current()}
            except RelstoreError:
                continue  # only a person can repair that
            for generation in chain:
                if generation.number in needed and store.builds.has(generation.build):
                    app.ensure_link(generation)


def _clear_shelf(store: Store, wrong: Sequence[Finding]) -> None:
    """Move away what is no object. No build uses it: those were repaired before."""
    for finding in wrong:
        _, shard, name = finding.path.split("/")
        if not name.startswith(TEMPORARY):  # that may be under way; else the collector takes it
            damage.move_away(store, store.objects.shard(shard), name)


def _generations(store: Store, damaged: Sequence[Digest]) -> dict[Digest, DamagedBuild]:
    """For each build a generation that needs it, the newest of an app."""
    generations = {build: DamagedBuild(build, None, 0) for build in damaged}
    for name in store.app_names() if generations else ():
        with store.app(name) as app:
            try:
                linked, chain = set(app.linked()), app.generations()
            except RelstoreError:
                continue
        for generation in chain:
            if generation.build in generations and generation.number in linked:
                generations[generation.build] = DamagedBuild(
                    generation.build, AppName(name), generation.number
                )
    return generations


def _read_progress(store: Store) -> _Progress:
    """Of the check that was interrupted lately; otherwise that of a new one."""
    now = int(time.time())
    new = _Progress(now, Digest(""), 0)
    try:
        raw = store.root.read_or_none(PROGRESS, _MAX_BYTES)
        if raw is None:
            return new
        began, build, checked = pack.decode_fields(
            raw, what="state of a check", magic=_MAGIC, version=_VERSION, count=3, limit=_MAX_BYTES
        )
        so_far = _Progress(began, Digest.parse(build), checked)
    except RelstoreError:
        return new  # nothing depends on it
    if type(began) is not int or type(checked) is not int or not 0 <= now - began < GOES_ON_S:
        return new
    return so_far


def _write_progress(store: Store, so_far: _Progress) -> None:
    durable.replace_file(store.root, PROGRESS, pack.encode_fields(_MAGIC, _VERSION, so_far))
