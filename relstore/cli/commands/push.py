"""``relstore push``: build, scan, upload, record, activate.

Only the command line is here, so that ssh can be started before the rest (``cli.pushing``) is imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relstore.cli.activation_options import activation_options
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.invocation import at_once, invocation_of
from relstore.client.config.keys.release import ARTIFACT, BUILD, STANDARD_INPUT, UNPACK

if TYPE_CHECKING:
    from relstore.client.config.values import Values


@example(
    "relstore push ./target/release/web --to deploy@web1:/srv/web",
    "relstore push -m 'new checkout'          # artifact and target from relstore.toml",
    "relstore push ./site --dry-run",
    "relstore push --waves 10%,50%,100% --bake 30s     # several hosts, a canary first",
    "relstore push --hosts failed                      # where the last one failed",
    "relstore push site.tar.gz --unpack       # what CI made",
    "tar -c -C dist . | relstore push - --app web",
)
@click.command(cls=RelstoreCommand)
@click.option("-m", "--note", default="", metavar="TEXT", help="A note for the record of the generation.")
@activation_options
@click.option("--switch/--no-switch", default=True, help="Activate the release, or only store it.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and change nothing.")
@click.pass_context
def push(
    ctx: click.Context,
    /,
    note: str,
    lock_wait: int,
    override_hold: bool,
    cut_old: bool,
    supersede: bool,
    events: Path | None,
    switch: bool,
    dry_run: bool,
) -> None:
    """Store ARTIFACT (a file, a directory, or `-`: a tar on standard input) on the host and make it live.

    Content that the host has already is not sent again. Pushing the current build changes nothing.
    """
    invocation = invocation_of(ctx, _begins_with_hosts)
    from relstore.cli.pushing import Wish, push_as_asked

    push_as_asked(
        invocation, Wish(note, lock_wait, override_hold, cut_old, supersede, switch, dry_run, events)
    )


def _begins_with_hosts(settings: Values) -> bool:
    """A build may take long and may fail."""
    return (
        settings.get(ARTIFACT) not in (None, STANDARD_INPUT)
        and settings.get(BUILD) is None
        and not settings.get(UNPACK)
        and at_once(settings)
    )
