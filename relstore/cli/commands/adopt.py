"""``relstore adopt``: take over what another tool deployed, without a restart, and give it back."""

from __future__ import annotations

from typing import Any

import click

from relstore import protocol
from relstore.cli import text
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.cli.table import Column
from relstore.client.connection.session import Session
from relstore.client.operations import adopt as operations
from relstore.client.operations.adopt import AdoptionReport
from relstore.errors import UsageError
from relstore.formats.adoption import LAYOUTS
from relstore.formats.generation import short_commit
from relstore.formats.names import AppName
from relstore.protocol import AdoptedOut, GivenBack

_LAST = 5
_MAX_LAST = 1000
_AUTO = "auto"
_LIVE, _GOOD, _LEFT = "live", "good", "left"
_COLUMNS = (
    Column("gen"),
    Column("release"),
    Column("deployed", rank=3),
    Column("commit", rank=2),
    Column("who", rank=4),
    Column("size", rank=5),
    Column("", styles={_LIVE: "bold green", _GOOD: "green", _LEFT: "yellow"}),
    Column("why", wraps=True),
)


@example(
    "relstore adopt --from /srv/web --dry-run",
    "relstore adopt --from /srv/web --to deploy@web1:/srv/web-store --app web",
    "relstore adopt --undo",
)
@click.command(cls=RelstoreCommand)
@click.option("--from", "path", metavar="PATH", help="Where the old releases are, on the host.")
@click.option(
    "--layout",
    type=click.Choice([_AUTO, *LAYOUTS]),
    default=_AUTO,
    show_default=True,
    help="Which tool put them there; `auto` tells by what is there.",
)
@click.option("--link", metavar="PATH", help="The symlink that the service uses, if it is an unusual one.")
@click.option("--good", metavar="NAME", multiple=True, help="An old release that served well. Repeatable.")
@click.option(
    "--last",
    type=click.IntRange(0, _MAX_LAST),
    default=_LAST,
    show_default=True,
    help="How many releases to take, beside the live one and the good ones.",
)
@click.option("--exclude", metavar="PATH", multiple=True, help="Leave this out of each release. Repeatable.")
@click.option("--dry-run", is_flag=True, help="Show what would be adopted, and change nothing.")
@click.option("--undo", is_flag=True, help="Have the path lead to the old release again.")
@click.pass_context
def adopt(
    ctx: click.Context,
    path: str | None,
    layout: str,
    link: str | None,
    good: tuple[str, ...],
    last: int,
    exclude: tuple[str, ...],
    dry_run: bool,
    undo: bool,
) -> None:
    """Take over releases that Capistrano, Ansistrano, Deployer or a script deployed, without a restart.

    The live release and the last good ones become generations. Then the path that the service uses leads into
    the store, by one rename. The old files stay as they are, so that --undo can go back to them.
    """
    invocation = invocation_of(ctx)
    if undo:
        if path is not None:
            raise UsageError("--undo needs no --from", hint="The host knows which path was taken over.")
        _undo(invocation, dry_run=dry_run)
        return
    if path is None:
        raise UsageError(
            "it is not said what to adopt", hint="Name the directory of the old releases: --from /srv/web"
        )
    source = path

    async def at_host(session: Session, reporter: ConsoleReporter) -> tuple[AppName, AdoptionReport]:
        app = invocation.app or await the_app(session, invocation)
        request = protocol.Adopt(
            app,
            source,
            next((known for known in LAYOUTS if known == layout), None),
            link,
            good,
            exclude,
            last,
            invocation.who,
            dry_run,
        )
        return app, await operations.adopt(session, request, reporter)

    def show(host: str, answer: tuple[AppName, AdoptionReport]) -> None:
        _show(invocation, host, answer[1], dry_run=dry_run)

    report("adopt", on_each(invocation, at_host), invocation, show, _fields, headings=True, dry_run=dry_run)


def _undo(invocation: Invocation, *, dry_run: bool) -> None:
    async def at_host(session: Session, _: ConsoleReporter) -> tuple[AppName, GivenBack]:
        app = await the_app(session, invocation)
        given, _body = await session.ask(protocol.GiveBack(app, dry_run), GivenBack)
        return app, given

    def show(host: str, answer: tuple[AppName, GivenBack]) -> None:
        given = answer[1]
        is_directory = given.live == given.target
        leads = "is the old directory again" if is_directory else f"leads to {given.target} again"
        if dry_run:
            leads = "would be the old directory" if is_directory else f"would lead to {given.target}"
        invocation.console.say(f"{given.live} on {host} {leads}: what was generation {given.generation}.")

    def fields(answer: tuple[AppName, GivenBack]) -> dict[str, Any]:
        given = answer[1]
        return {
            "app": answer[0],
            "live": given.live,
            "leads_to": given.target,
            "generation": given.generation,
        }

    report("adopt", on_each(invocation, at_host), invocation, show, fields, dry_run=dry_run, undo=True)


def _show(invocation: Invocation, host: str, adoption: AdoptionReport, *, dry_run: bool) -> None:
    screen, adopted = invocation.console, adoption.adopted
    if not adoption.releases:
        screen.say(f"{adopted.live} on {host} leads into the store already.")
        return
    screen.table(_COLUMNS, [_cells(invocation, row) for row in adoption.releases])
    if dry_run:
        screen.say(f"Nothing was changed. {adopted.live} would lead into the store.")
        return
    screen.say(
        f"{adopted.live} on {host} leads to generation {adopted.generation} in the store. "
        "What runs was not restarted; the next push or `relstore restart` runs it from the store."
    )
    screen.note(
        f"When the next release runs well, the old files may go, there: rm -r {adopted.left_over}",
    )


def _cells(invocation: Invocation, row: AdoptedOut) -> list[str]:
    word = _LIVE if row.is_live else _LEFT if row.problem else _GOOD if row.is_good else ""
    return [
        str(row.generation) if row.generation else "-",
        row.name,
        invocation.console.when(row.created),
        short_commit(row.commit, dirty=False),
        row.who or "-",
        text.size(row.size) if row.build else "-",
        word,
        row.problem,
    ]


def _fields(answer: tuple[AppName, AdoptionReport]) -> dict[str, Any]:
    app, (adopted, releases) = answer
    return {
        "app": app,
        "layout": adopted.layout,
        "live": adopted.live,
        "leads_to": adopted.target or None,
        "generation": adopted.generation or None,
        "left_over": adopted.left_over or None,
        "releases": [
            {
                "name": row.name,
                "created": text.iso(row.created),
                "commit": row.commit,
                "who": row.who,
                "live": row.is_live,
                "good": row.is_good,
                "generation": row.generation or None,
                "build": row.build,
                "size_bytes": row.size if row.build else None,
                "problem": row.problem,
            }
            for row in releases
        ],
    }
