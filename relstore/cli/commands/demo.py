"""``relstore demo``: show relstore at work on this machine alone, and leave nothing behind."""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
import time
from pathlib import Path

import click

from relstore.cli.command import RelstoreCommand, example
from relstore.cli.console import console_of
from relstore.errors import RelstoreError

_DROPPED = ("RELSTORE_", "SSH_")
"""Prefixes of the person's own variables, which must not change the demo."""


@example("relstore demo", "relstore demo --cut-over")
@click.command(cls=RelstoreCommand)
@click.option(
    "--cut-over",
    is_flag=True,
    help="With two slots, as units of your account's own systemd: no release fails a request.",
)
@click.pass_context
def demo(ctx: click.Context, cut_over: bool) -> None:
    """Deploy a small web service three times to an SSH server of the demo's own, the third time with a
    broken release, while a client calls it all the time; then switch back and forth, and collect.
    """
    # asyncssh takes longer to import than the other commands take to run.
    from relstore.client.demo import cut_over as cut_over_story
    from relstore.client.demo import story

    screen = console_of(ctx)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    directory = Path(tempfile.mkdtemp(prefix="relstore-demo-"))
    began = time.monotonic()
    try:
        figures = (cut_over_story if cut_over else story).run(
            directory, environment, getpass.getuser(), screen.say
        )
    finally:
        _remove(directory)
    seconds = time.monotonic() - began
    answered = ", ".join(f"{count:,} by release {name}" for name, count in sorted(figures.versions.items()))
    screen.say(
        f"\n{figures.requests:,} requests during the demo, {len(figures.failures)} failed ({answered}).\n"
        f"Removed everything again after {seconds:.1f} s."
    )
    screen.document(
        "demo",
        requests=figures.requests,
        failed=len(figures.failures),
        versions=dict(figures.versions),
        seconds=round(seconds, 1),
        as_told=figures.as_told,
    )
    if not figures.as_told:
        raise RelstoreError(
            f"the demo did not end as expected: exit codes {figures.codes}, expected {figures.expected}; "
            f"{'; '.join(figures.failures[:3]) or 'no request failed'}",
            hint="This is a fault of relstore's: please report it with the output above.",
        )


def _remove(directory: Path) -> None:
    """With the builds in it, whose directories nobody but root may change as they are."""
    for path, _, _ in os.walk(directory):
        os.chmod(path, 0o700)  # before the walk goes on into it
    shutil.rmtree(directory)
