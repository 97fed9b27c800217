"""``relstore gc``: plan, show, sweep."""

from __future__ import annotations

from typing import Any

import click

from relstore import protocol
from relstore.cli import text
from relstore.cli.command import Command, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.options import Duration, Settings, Size, settings
from relstore.cli.progress import ConsoleReporter
from relstore.client.config.load import retention_in, retention_of
from relstore.client.connection import session as sessions
from relstore.client.connection.session import Session
from relstore.errors import UsageError
from relstore.protocol import Collected, PlanLine

_STYLES = {"keep": "green", "remove": "red", "removed": "red"}


@example(
    "relstore gc --keep 5 --dry-run",
    "relstore gc --keep 3 --keep-within 30d --max-size 5G",
    "relstore gc --print-roots",
)
@click.command(cls=Command)
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep the last N good generations.")
@click.option(
    "--keep-within", type=Duration(), metavar="TIME", help="Keep what was released within TIME (30d)."
)
@click.option(
    "--max-size", type=Size(), metavar="SIZE", help="Keep at most so much of an app (5G): the oldest go."
)
@click.option("--all-apps", is_flag=True, help="Apply the policy to every app of the store.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and remove nothing.")
@click.option("--print-roots", is_flag=True, help="Only say what would be kept, and why; remove nothing.")
@click.option("--print-dead", is_flag=True, help="Only list what would go, a line each; remove nothing.")
@click.pass_context
def gc(
    ctx: click.Context,
    keep: int | None,
    keep_within: int | None,
    max_size: int | None,
    all_apps: bool,
    dry_run: bool,
    print_roots: bool,
    print_dead: bool,
) -> None:
    """Free what nothing needs. Without a policy (here or in relstore.toml) no generation goes.

    Never removed: what is current, pinned, the one to roll back to, waiting to be activated, being
    uploaded, under way, or executed by any process.
    """
    here = settings(ctx)
    if print_roots and print_dead:
        raise UsageError("--print-roots and --print-dead exclude each other")
    dry_run = dry_run or print_roots or print_dead
    instead = retention_in(keep, keep_within, max_size)
    otherwise = retention_of(here.config)

    async def ask(session: Session, _: ConsoleReporter) -> tuple[Collected, list[PlanLine]]:
        one_app = not all_apps and (here.app or instead or otherwise)
        app = await the_app(session, here) if one_app else None
        request = protocol.Collect(app, instead, otherwise, here.who, dry_run)
        found, body = await session.ask(request, Collected)
        return found, sessions.rows(body, PlanLine)

    def show(host: str, found: tuple[Collected, list[PlanLine]]) -> None:
        if print_roots:
            _list(here, [verdict for verdict in found[1] if verdict.keep], why=True)
        elif print_dead:
            _list(here, [verdict for verdict in found[1] if not verdict.keep], why=False)
        else:
            _show(here, host, *found, dry_run)

    report("gc", on_each(here, ask), here, show, _fields, dry_run=dry_run)


def _fields(found: tuple[Collected, list[PlanLine]]) -> dict[str, Any]:
    collected, verdicts = found
    return {
        "removed_objects": collected.objects,
        "removed_bytes": collected.bytes,
        "kept_generations": collected.kept_generations,
        "warnings": list(collected.warnings),
        "verdicts": [verdict._asdict() for verdict in verdicts],
    }


def _show(here: Settings, host: str, found: Collected, verdicts: list[PlanLine], dry_run: bool) -> None:
    screen = here.console
    gone = "remove" if dry_run else "removed"
    shown = [
        verdict for verdict in verdicts if verdict.kind == "generation" or not verdict.keep or screen.verbose
    ]
    if shown and not screen.quiet:
        screen.table(
            ["", "what", "frees", "why"],
            [
                [
                    "keep" if verdict.keep else gone,
                    _what(verdict),
                    text.size(verdict.bytes) if verdict.kind != "generation" and not verdict.keep else "-",
                    verdict.reason,
                ]
                for verdict in shown
            ],
            _STYLES,
        )
    for warning in found.warnings:
        screen.note(warning)
    removed = [verdict for verdict in verdicts if not verdict.keep]
    generations = sum(1 for verdict in removed if verdict.kind == "generation")
    builds = sum(1 for verdict in removed if verdict.kind == "build")
    remains = len(removed) - generations - builds
    screen.say(
        f"{host}: {'would free' if dry_run else 'freed'} {text.size(found.bytes)} ({found.bytes:,} bytes): "
        f"{text.plural(generations, 'generation')}, {text.plural(builds, 'build')}, "
        f"{text.plural(found.objects, 'object')}"
        + (f", {text.plural(remains, 'left-over')}" if remains else "")
        + f"; {text.plural(found.kept_generations, 'generation')} kept"
    )


def _list(here: Settings, verdicts: list[PlanLine], *, why: bool) -> None:
    """Whole names, for other programs: kind, name (for a generation APP/NUMBER), and the reason."""
    for verdict in verdicts:
        name = f"{verdict.app}/{verdict.name}" if verdict.kind == "generation" else verdict.name
        here.console.report("\t".join([verdict.kind, name, *([verdict.reason] if why else [])]))


def _what(verdict: PlanLine) -> str:
    if verdict.kind in ("generation", "build"):
        return f"{verdict.kind} {verdict.name[:12]}" + (f" of {verdict.app}" if verdict.app else "")
    return f"{verdict.kind} {verdict.name}"
