"""What ``relstore push`` does: build, scan, upload, record, activate. Not for its command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from relstore.cli import text
from relstore.cli.activation_options import access_of, activation_of, advise
from relstore.cli.artifact_source import Source, source
from relstore.cli.course import Way, way_of
from relstore.cli.each_host import on_each, report
from relstore.cli.interruptible import run_interruptible
from relstore.cli.invocation import Invocation
from relstore.cli.local_hooks import LocalHooks
from relstore.cli.local_state import send_options
from relstore.cli.outcome import Outcome
from relstore.cli.outcome_view import show_results
from relstore.cli.progress import ConsoleReporter
from relstore.cli.rollout_view import event_file, rollout_view
from relstore.client.artifact.executables import programs
from relstore.client.artifact.git import describe
from relstore.client.artifact.scan import Scan, Selection, scan
from relstore.client.artifact.unfit import check_links
from relstore.client.config.keys.release import (
    ALLOW_OUTSIDE_LINKS,
    ALLOW_PRIVATE,
    COPY,
    EXCLUDE,
    INCLUDE_EVERYTHING,
    LINK,
)
from relstore.client.config.keys.retention import GC
from relstore.client.config.keys.service import IGNORE_PREFLIGHT
from relstore.client.config.recipe import policy
from relstore.client.connection.session import Session
from relstore.client.fleet.push import push as push_to_all
from relstore.client.local_state.scan_cache import ScanCache
from relstore.client.operations.plan import Push
from relstore.client.operations.stage import Preview, Question, check_executable, preview
from relstore.client.transfer.manifest_difference import ManifestDifferences
from relstore.client.transfer.send_options import SendOptions
from relstore.client.transfer.stream_source import StreamSource
from relstore.errors import UsageError
from relstore.formats.generation import MAX_NOTE, Description
from relstore.formats.names import AppName


class Wish(NamedTuple):
    """The options of the command that are no settings."""

    note: str
    lock_wait: int
    override_hold: bool
    cut_old: bool
    supersede: bool
    switch: bool
    dry_run: bool
    events: Path | None


def push_as_asked(invocation: Invocation, wish: Wish) -> None:
    """Raises UsageError, ArtifactError, what the one host refuses."""
    settings = invocation.settings
    invocation.need_targets()
    if len(wish.note) > MAX_NOTE:
        raise UsageError(f"the note has {len(wish.note)} characters; at most {MAX_NOTE} are allowed")
    transfer = send_options(invocation)
    scans = ScanCache(transfer.cache)
    activates = wish.switch and not wish.dry_run
    activation = (
        activation_of(invocation, wish.lock_wait, wish.override_hold, wish.cut_old, wish.supersede)
        if activates
        else None
    )
    way = way_of(invocation, activation, "push")
    events = None if wish.dry_run else wish.events
    with event_file(events, invocation) as file, source(invocation) as (artifact, app):
        if wish.dry_run:
            _dry_run(invocation, app, _scan(artifact, invocation, scans), transfer, way)
            return

        def plan() -> Push:
            scanned = _scan(artifact, invocation, scans)
            git = describe(artifact.project, os.environ, invocation.console.note)
            return Push(
                app,
                scanned,
                Description(
                    invocation.who, git.commit if git else None, git.dirty if git else False, wish.note
                ),
                settings.get(ALLOW_OUTSIDE_LINKS) or bool(settings.get(LINK)),
                activation,
                transfer,
                tuple(programs(scanned)),
                settings.get(IGNORE_PREFLIGHT) or (),
                policy(settings),
                settings.get(LINK) or (),
                settings.get(GC),
            )

        warnings = advise(invocation) if activation is not None else []
        hooks = LocalHooks("push", app, invocation) if activation is not None else None
        around = hooks.around() if hooks is not None else nullcontext()
        with around, rollout_view(invocation, file) as view:
            results = run_interruptible(
                lambda interrupts: push_to_all(
                    plan, way.targets, access_of(invocation, view.reporter, interrupts), way.told_to(view)
                )
            )
    show_results("push", app, results, invocation, view, hooks, warnings=warnings, plan=None)


def _scan(artifact: Source, invocation: Invocation, cache: ScanCache) -> Scan:
    settings, unpacked_from = invocation.settings, artifact.unpacked_from
    selection = Selection(
        settings.get(EXCLUDE),
        settings.get(ALLOW_PRIVATE),
        settings.get(INCLUDE_EVERYTHING),
        settings.get(LINK) or (),
        unpacked_from,
    )
    kept = cache if unpacked_from is None else None  # what is unpacked anew is never what was read before
    scanned = scan(artifact.path, kept, settings.get(COPY) or (), selection)
    if not settings.get(ALLOW_OUTSIDE_LINKS):
        # The host refuses these too; checking first saves the connection.
        check_links(scanned.manifest, settings.get(LINK) or ())
    invocation.console.detail(
        f"{unpacked_from or artifact.path}: {text.plural(len(scanned.sources), 'distinct file')}, "
        f"{text.size(scanned.manifest.size)}, build {scanned.build.short}"
    )
    return scanned


def _dry_run(invocation: Invocation, app: AppName, scanned: Scan, transfer: SendOptions, way: Way) -> None:
    settings = invocation.settings
    outside = settings.get(ALLOW_OUTSIDE_LINKS) or bool(settings.get(LINK))
    differences = ManifestDifferences(transfer, app, scanned)
    source = StreamSource(transfer, app, scanned)

    async def at_host(session: Session, _: ConsoleReporter) -> Preview:
        check_executable(session, scanned)
        question = Question(app, scanned, differences, allow_outside_links=outside)
        return await preview(session, question, scanned, source if transfer.origin is not None else None)

    def show(host: str, answer: Preview) -> None:
        if answer.unchanged:
            line = f"generation {answer.current} is already current, nothing would change"
        else:
            line = (
                f"would send {text.plural(answer.missing, 'object')}, {text.size(answer.bytes)}, "
                f"for the build {scanned.build.short}"
            )
            if answer.by_origin and transfer.origin is not None:
                line += (
                    f"; the host would fetch {text.size(answer.by_origin)} of it from the origin "
                    f"{transfer.origin.address.text}"
                )
        invocation.console.report(f"{app} on {host}: {line}", hang=2)

    def fields(answer: Preview) -> dict[str, Any]:
        return {
            "build": scanned.build,
            "unchanged": answer.unchanged,
            "current": answer.current or None,
            "missing_objects": answer.missing,
            "missing_bytes": answer.bytes,
            "missing_bytes_by_origin": answer.by_origin,
        }

    outcomes = on_each(invocation, at_host)
    plan = _plan(way, outcomes, invocation) if len(outcomes) > 1 else None
    report("push", outcomes, invocation, show, fields, app=app, dry_run=True, plan=plan, rollout=None)


def _plan(way: Way, outcomes: Sequence[Outcome[Preview]], invocation: Invocation) -> dict[str, Any]:
    from relstore.cli.rollout_plan import show_plan, state_of

    by_target = {outcome.target: outcome for outcome in outcomes}
    names = [host.name for host in way.hosts]
    staged = [state_of(by_target[host.target]) for host in way.hosts]
    return show_plan(way.course.strategy, names, staged, invocation.console)
