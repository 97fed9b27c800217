"""What ``relstore push`` does: build, scan, upload, record, activate. Not for its command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from relstore.cli import text
from relstore.cli.activation_options import access_of, activation_of, advise
from relstore.cli.build_command import run_build
from relstore.cli.course import way_of
from relstore.cli.each_host import Outcome, on_each, report
from relstore.cli.interruptible import run_interruptible
from relstore.cli.invocation import Invocation
from relstore.cli.local_state import send_options
from relstore.cli.outcome_view import show_results
from relstore.cli.progress import ConsoleReporter
from relstore.cli.rollout_plan import show_plan, state_of
from relstore.cli.rollout_view import rollout_view
from relstore.client.artifact.app_name import suggest
from relstore.client.artifact.executables import programs
from relstore.client.artifact.git import describe
from relstore.client.artifact.scan import Scan, scan
from relstore.client.artifact.unfit import below_top, check_links, check_top
from relstore.client.config.keys.release import ALLOW_OUTSIDE_LINKS, ARTIFACT, COPY, INCLUDE_EVERYTHING
from relstore.client.config.keys.retention import GC
from relstore.client.config.keys.service import IGNORE_PREFLIGHT
from relstore.client.config.recipe import policy
from relstore.client.connection.session import Session
from relstore.client.fleet.course import SILENT
from relstore.client.fleet.push import push as push_to_all
from relstore.client.local_state.scan_cache import ScanCache
from relstore.client.operations.plan import Push
from relstore.client.operations.stage import Preview, Question, check_executable, preview
from relstore.errors import UsageError
from relstore.formats.generation import MAX_NOTE, Description
from relstore.formats.names import AppName


class Wish(NamedTuple):
    """The options of the command that are no settings."""

    note: str
    lock_wait: int
    override_hold: bool
    cut_old: bool
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
        activation_of(invocation, wish.lock_wait, wish.override_hold, wish.cut_old) if activates else None
    )
    path = settings.get(ARTIFACT)
    if path is None:
        raise UsageError(
            "nothing to push", hint="Name it: relstore push PATH, or set `artifact` in relstore.toml."
        )
    run_build(invocation)
    app = invocation.app or _app_named_after(path, invocation)
    if wish.dry_run:
        _dry_run(invocation, app, _scan(path, invocation, scans))
        return

    def plan() -> Push:
        scanned = _scan(path, invocation, scans)
        real = Path(os.path.realpath(path))
        directory = real if real.is_dir() else real.parent
        git = describe(directory, os.environ, invocation.console.note)
        return Push(
            app,
            scanned,
            Description(invocation.who, git.commit if git else None, git.dirty if git else False, wish.note),
            settings.get(ALLOW_OUTSIDE_LINKS),
            activation,
            transfer,
            tuple(programs(scanned)),
            settings.get(IGNORE_PREFLIGHT) or (),
            policy(settings),
            settings.get(GC),
        )

    warnings = advise(activation, invocation) if activation is not None else []
    with rollout_view(invocation, wish.events) as view:
        way = way_of(invocation, activation, view)
        results = run_interruptible(
            lambda interrupts: push_to_all(
                plan, way.targets, access_of(invocation, view.reporter, interrupts), way.course
            )
        )
    show_results("push", app, results, invocation, view, warnings=warnings, plan=None)


def _scan(path: Path, invocation: Invocation, cache: ScanCache) -> Scan:
    everything = invocation.settings.get(INCLUDE_EVERYTHING)
    if not everything:
        check_top(path)
    scanned = scan(path, cache, invocation.settings.get(COPY) or ())
    doubt = "" if everything else below_top(scanned)
    if doubt:
        invocation.console.note(doubt)
    if not invocation.settings.get(ALLOW_OUTSIDE_LINKS):
        # The host refuses these too; checking first saves the connection.
        check_links(scanned.manifest)
    invocation.console.detail(
        f"{path}: {text.plural(len(scanned.sources), 'distinct file')}, "
        f"{text.size(scanned.manifest.size)}, build {scanned.build.short}"
    )
    return scanned


def _app_named_after(path: Path, invocation: Invocation) -> AppName:
    real = Path(os.path.realpath(path))
    app, from_above = suggest(real)
    if app is None:
        raise UsageError(f"{real.name!r} does not make a name for the app", hint="Give --app NAME.")
    if from_above:
        invocation.console.note(
            f"the app is named {app} after the project's directory, since {real.name!r} names no app; "
            "--app, or `app` in relstore.toml, gives it another name"
        )
    return app


def _dry_run(invocation: Invocation, app: AppName, scanned: Scan) -> None:
    outside = invocation.settings.get(ALLOW_OUTSIDE_LINKS)

    async def at_host(session: Session, _: ConsoleReporter) -> Preview:
        check_executable(session, scanned)
        question = Question(app, scanned, allow_outside_links=outside)
        return await preview(session, question, scanned)

    def show(host: str, answer: Preview) -> None:
        if answer.unchanged:
            line = f"generation {answer.current} is already current, nothing would change"
        else:
            line = (
                f"would send {text.plural(answer.missing, 'object')}, {text.size(answer.bytes)}, "
                f"for the build {scanned.build.short}"
            )
        invocation.console.report(f"{app} on {host}: {line}", hang=2)

    def fields(answer: Preview) -> dict[str, Any]:
        return {
            "build": scanned.build,
            "unchanged": answer.unchanged,
            "current": answer.current or None,
            "missing_objects": answer.missing,
            "missing_bytes": answer.bytes,
        }

    outcomes = on_each(invocation, at_host)
    plan = _plan(invocation, outcomes) if len(outcomes) > 1 else None
    report("push", outcomes, invocation, show, fields, app=app, dry_run=True, plan=plan, rollout=None)


def _plan(invocation: Invocation, outcomes: Sequence[Outcome[Preview]]) -> dict[str, Any]:
    way = way_of(invocation, None, SILENT)
    by_target = {outcome.target: outcome for outcome in outcomes}
    names = [host.name for host in way.hosts]
    staged = [state_of(by_target[host.target]) for host in way.hosts]
    return show_plan(way.course.strategy, names, staged, invocation.console)
