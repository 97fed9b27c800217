"""``relstore cache``: show and clear what this machine keeps of what it pushed."""

from __future__ import annotations

import click

from relstore.cli import text
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.invocation import invocation_of
from relstore.cli.local_state import local_cache


@example("relstore cache", "relstore cache --clear --dry-run", "relstore cache --clear")
@click.command(cls=RelstoreCommand)
@click.option("--clear", is_flag=True, help="Remove everything from the cache.")
@click.option("--dry-run", is_flag=True, help="With --clear: only show what would be removed.")
@click.pass_context
def cache(ctx: click.Context, clear: bool, dry_run: bool) -> None:
    """Show the cache: what was pushed from this machine, kept so that the next release can be sent as a
    difference. It holds 2 GiB at most; what was used least recently is removed first."""
    screen = invocation_of(ctx).console
    kept = local_cache()
    files = kept.kept()
    size = sum(file.size for file in files)
    screen.document(
        "cache",
        path=str(kept.directory),
        limit_bytes=kept.limit,
        objects=len(files),
        bytes=size,
        cleared=clear and not dry_run,
    )
    what = f"{text.plural(len(files), 'object')}, {text.size(size)}"
    if clear and dry_run:
        screen.report(f"{kept.directory}: would free {what}", hang=2)
    elif clear:
        kept.clear()
        screen.say(f"{kept.directory}: freed {what}", hang=2)
    else:
        screen.report(f"{kept.directory}: {what} of at most {text.size(kept.limit)}", hang=2)
