"""``relstore push``: build, scan, upload, record, activate."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from relstore.cli import outcome_view as results
from relstore.cli import text
from relstore.cli.activation_options import activation_options, plan_of, run
from relstore.cli.command import Command, example
from relstore.cli.each_host import on_each, report
from relstore.cli.local_state import transfer_of
from relstore.cli.options import Settings, settings
from relstore.cli.progress import ConsoleReporter
from relstore.client.artifact import git as gitinfo
from relstore.client.artifact.executables import programs
from relstore.client.artifact.scan import Scan, scan
from relstore.client.config.keys import shell_command
from relstore.client.config.load import retention_of
from relstore.client.connection.session import Session
from relstore.client.fleet import push as fleet
from relstore.client.local_state.scan_cache import ScanCache
from relstore.client.operations import stage as release
from relstore.client.operations.access import Access
from relstore.client.operations.plan import Push
from relstore.client.operations.stage import Preview, Question
from relstore.errors import ArtifactError, UsageError
from relstore.formats.generation import MAX_NOTE, Description
from relstore.formats.names import AppName


@example(
    "relstore push ./target/release/web --to deploy@web1:/srv/web",
    "relstore push -m 'new checkout'          # artifact and target from relstore.toml",
    "relstore push ./site --dry-run",
)
@click.command(cls=Command)
@click.argument("artifact", required=False, metavar="[ARTIFACT]")
@click.option("-m", "--note", default="", metavar="TEXT", help="A note for the record of the generation.")
@click.option("--build", metavar="COMMAND", help="Run this first (sh -c); stop when it fails.")
@activation_options
@click.option("--switch/--no-switch", default=True, help="Activate the release, or only store it.")
@click.option(
    "--allow-outside-links/--no-allow-outside-links",
    default=None,
    help="Accept symlinks that lead out of the build.",
)
@click.option(
    "--compression",
    metavar="CODEC[:LEVEL]",
    help="auto, none, zstd, xz or zlib; zstd:9.  [default: auto, by the speed of the link]",
)
@click.option(
    "--delta/--no-delta",
    default=None,
    help="Send differences to what the host has.  [default: where that is faster]",
)
@click.option(
    "--gc/--no-gc", "collect", default=None, help="Free what is not to be kept, after a push that went well."
)
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and change nothing.")
@click.pass_context
def push(
    ctx: click.Context,
    /,
    artifact: str | None,
    note: str,
    build: str | None,
    switch: bool,
    allow_outside_links: bool | None,
    compression: str | None,
    delta: bool | None,
    collect: bool | None,
    dry_run: bool,
    **how: Any,
) -> None:
    """Store ARTIFACT (a file or a directory) on the host and make it live.

    What the host has already is not sent again. Pushing what is current changes nothing.
    """
    here = settings(ctx)
    here.need_targets()
    if len(note) > MAX_NOTE:
        raise UsageError(f"the note has {len(note)} characters; at most {MAX_NOTE}")
    transfer = transfer_of(here, compression, delta)
    scans = ScanCache(transfer.cache)
    activation = plan_of(here, how) if switch and not dry_run else None
    path = _artifact(artifact, here)
    _build(shell_command(build) if build else here.config.build, here)
    app = here.app or AppName.from_artifact(path.resolve().name)
    if app is None:
        raise UsageError(f"{path.name!r} does not make a name for the app", hint="Give --app NAME.")
    outside = _may_leave(allow_outside_links, here)
    if dry_run:
        _dry_run(here, app, _scan(path, here, outside, scans), outside)
        return

    def plan() -> Push:
        scanned = _scan(path, here, outside, scans)
        git = gitinfo.describe(path.resolve() if path.is_dir() else path.resolve().parent)
        description = Description(here.who, git.commit if git else None, git.dirty if git else False, note)
        needs = tuple(programs(scanned))
        return Push(
            app,
            scanned,
            description,
            outside,
            activation,
            transfer,
            needs,
            retention_of(here.config),
            bool(here.config.collect if collect is None else collect),
        )

    with ConsoleReporter(here.console, several=len(here.targets) > 1) as reporter:
        ended = run(lambda keys: fleet.push(plan, here.targets, Access(here.account, reporter, keys)))
    results.show("push", app, ended, here)


def _scan(path: Path, here: Settings, outside: bool, cache: ScanCache) -> Scan:
    scanned = scan(path, cache)
    _check_links(scanned, allowed=outside)
    here.console.detail(
        f"{path}: {text.plural(len(scanned.sources), 'distinct file')}, "
        f"{text.size(scanned.manifest.size)}, build {scanned.build.short}"
    )
    return scanned


def _artifact(given: str | None, here: Settings) -> Path:
    path = Path(given) if given else here.config.artifact
    if path is None:
        raise UsageError(
            "nothing to push", hint="Name it: relstore push PATH, or set `artifact` in relstore.toml."
        )
    return path


def _may_leave(flag: bool | None, here: Settings) -> bool:
    return bool(here.config.allow_outside_links if flag is None else flag)


def _build(command: tuple[str, ...] | None, here: Settings) -> None:
    """Run the build command where relstore.toml is, its output to our own standard error."""
    if command is None:
        return
    directory = here.config.path.parent if here.config.path else Path.cwd()
    try:
        code = subprocess.run(command, cwd=directory, stdout=sys.stderr, check=False).returncode
    except OSError as error:
        raise ArtifactError(f"the build command {command[0]!r} cannot be run: {error.strerror}") from None
    if code:
        raise ArtifactError(
            f"the build command ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}",
            state="Nothing was pushed.",
            hint="Its output is above.",
        )


def _check_links(scanned: Scan, *, allowed: bool) -> None:
    """The host refuses these too; here it costs no connection."""
    outside = [] if allowed else scanned.manifest.outside_links()
    if outside:
        raise ArtifactError(
            f"the symlink {outside[0].path!r} -> {outside[0].target!r} leads out of the build",
            state="Nothing was pushed.",
            hint="Make it point inside, or allow it with --allow-outside-links.",
        )


def _dry_run(here: Settings, app: AppName, scanned: Scan, outside: bool) -> None:
    async def ask(session: Session, _: ConsoleReporter) -> Preview:
        release.check_executable(session, scanned)
        question = Question(app, scanned, allow_outside_links=outside)
        return await release.preview(session, question, scanned)

    def show(host: str, preview: Preview) -> None:
        if preview.unchanged:
            line = f"generation {preview.current} is current already, nothing would change"
        else:
            line = (
                f"would send {text.plural(preview.missing, 'object')}, {text.size(preview.bytes)}, "
                f"for the build {scanned.build.short}"
            )
        here.console.report(f"{app} on {host}: {line}")

    def fields(preview: Preview) -> dict[str, Any]:
        return {
            "build": scanned.build,
            "unchanged": preview.unchanged,
            "current": preview.current or None,
            "missing_objects": preview.missing,
            "missing_bytes": preview.bytes,
        }

    report("push", on_each(here, ask), here, show, fields, app=app, dry_run=True)
