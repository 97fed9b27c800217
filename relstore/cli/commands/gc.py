"""``relstore gc``: show what is to be removed, and remove it."""

from __future__ import annotations

from typing import Any

import click

from relstore import protocol
from relstore.cli import text
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import Invocation, at_once, invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.cli.table import Column
from relstore.client.config.recipe import policy
from relstore.client.connection.session import Session, rows
from relstore.errors import UsageError
from relstore.protocol import Collected, PlanLine

_COLUMNS = (
    Column("", styles={"keep": "green", "remove": "red", "removed": "red"}),
    Column("what"),
    Column("frees", rank=1),
    Column("why", wraps=True),
)


@example(
    "relstore gc --keep 5 --dry-run",
    "relstore gc --keep 3 --keep-within 30d --max-size 5G",
    "relstore gc --print-roots",
)
@click.command(cls=RelstoreCommand)
@click.option("--all-apps", is_flag=True, help="Apply the policy to every app in the store.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and remove nothing.")
@click.option("--print-roots", is_flag=True, help="Only show what would be kept, and why; remove nothing.")
@click.option(
    "--print-dead", is_flag=True, help="Only list what would be removed, a line each; remove nothing."
)
@click.pass_context
def gc(
    ctx: click.Context,
    all_apps: bool,
    dry_run: bool,
    print_roots: bool,
    print_dead: bool,
) -> None:
    """Free what nothing needs. Without a policy (flags, or keys of relstore.toml) no generation is removed.

    These generations are always kept: the current one, the one to roll back to, and any that is pinned,
    waiting to be activated, being uploaded or activated, or executed by a process.
    """
    invocation = invocation_of(ctx, at_once)
    if print_roots and print_dead:
        raise UsageError("--print-roots and --print-dead exclude each other")
    dry_run = dry_run or print_roots or print_dead
    instead = policy(invocation.flags)
    otherwise = policy(invocation.config.values)

    async def at_host(session: Session, _: ConsoleReporter) -> tuple[Collected, list[PlanLine]]:
        one_app = not all_apps and (invocation.app or instead or otherwise)
        app = await the_app(session, invocation) if one_app else None
        request = protocol.Collect(app, instead, otherwise, invocation.who, dry_run)
        collected, body = await session.ask(request, Collected)
        return collected, rows(body, PlanLine)

    def show(host: str, answer: tuple[Collected, list[PlanLine]]) -> None:
        if print_roots:
            _list(invocation, [verdict for verdict in answer[1] if verdict.keep], why=True)
        elif print_dead:
            _list(invocation, [verdict for verdict in answer[1] if not verdict.keep], why=False)
        else:
            _show(invocation, host, *answer, dry_run)

    report("gc", on_each(invocation, at_host), invocation, show, _fields, dry_run=dry_run)


def _fields(answer: tuple[Collected, list[PlanLine]]) -> dict[str, Any]:
    collected, verdicts = answer
    return {
        "removed_objects": collected.objects,
        "removed_bytes": collected.bytes,
        "kept_generations": collected.kept_generations,
        "warnings": list(collected.warnings),
        "verdicts": [verdict._asdict() for verdict in verdicts],
    }


def _show(
    invocation: Invocation, host: str, collected: Collected, verdicts: list[PlanLine], dry_run: bool
) -> None:
    screen = invocation.console
    gone = "remove" if dry_run else "removed"
    shown = [
        verdict for verdict in verdicts if verdict.kind == "generation" or not verdict.keep or screen.verbose
    ]
    if shown and not screen.quiet:
        screen.table(
            _COLUMNS,
            [
                [
                    "keep" if verdict.keep else gone,
                    _what(verdict),
                    text.size(verdict.bytes) if verdict.kind != "generation" and not verdict.keep else "-",
                    verdict.reason,
                ]
                for verdict in shown
            ],
        )
    for warning in collected.warnings:
        screen.note(warning)
    removed = [verdict for verdict in verdicts if not verdict.keep]
    generations = sum(1 for verdict in removed if verdict.kind == "generation")
    builds = sum(1 for verdict in removed if verdict.kind == "build")
    leftovers = len(removed) - generations - builds
    freed = f"{'would free' if dry_run else 'freed'} {text.size(collected.bytes)} ({collected.bytes:,} bytes)"
    screen.say(
        f"{host}: {freed}: "
        f"{text.plural(generations, 'generation')}, {text.plural(builds, 'build')}, "
        f"{text.plural(collected.objects, 'object')}"
        + (f", {text.plural(leftovers, 'leftover')}" if leftovers else "")
        + f"; {text.plural(collected.kept_generations, 'generation')} kept",
        hang=2,
    )


def _list(invocation: Invocation, verdicts: list[PlanLine], *, why: bool) -> None:
    """Whole names, for other programs: kind, name (for a generation APP/NUMBER), and the reason."""
    for verdict in verdicts:
        name = f"{verdict.app}/{verdict.name}" if verdict.kind == "generation" else verdict.name
        invocation.console.report("\t".join([verdict.kind, name, *([verdict.reason] if why else [])]))


def _what(verdict: PlanLine) -> str:
    if verdict.kind in ("generation", "build"):
        return f"{verdict.kind} {verdict.name[:12]}" + (f" of {verdict.app}" if verdict.app else "")
    return f"{verdict.kind} {verdict.name}"
