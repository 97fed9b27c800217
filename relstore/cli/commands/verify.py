"""``relstore verify``: check the whole store against what its formats promise, and repair it."""

from __future__ import annotations

from typing import Any

import click

from relstore.cli import text
from relstore.cli.command import Command, example
from relstore.cli.each_host import Outcome, on_each, report
from relstore.cli.local_state import transfer_of
from relstore.cli.options import settings
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.client.operations import verify as verifying
from relstore.client.operations.verify import Report
from relstore.errors import DamagedError


@example("relstore verify --to deploy@web1:/srv/web", "relstore verify --repair")
@click.command(cls=Command)
@click.option("--repair", is_flag=True, help="Put right what can be put right.")
@click.pass_context
def verify(ctx: click.Context, repair: bool) -> None:
    """Check every digest, record, journal, link and mode in the store.

    With --repair, what is wrong is set aside and restored: from another copy in the store, or from this
    machine's cache. Ends with exit code 1 when anything is still wrong, and names each thing.
    """
    here = settings(ctx)
    how = transfer_of(here) if repair else None
    local = {target.label for target in here.targets if target.host is None}

    async def ask(session: Session, reporter: ConsoleReporter) -> Report:
        return await verifying.verify(session, how, reporter, local=session.label in local)

    def show(host: str, found: Report) -> None:
        checked = found.verified
        mended = len(found.problems) - len(found.left)
        here.console.say(
            f"{host}: {text.plural(checked.generations, 'generation')}, "
            f"{text.plural(checked.builds, 'build')}, {text.plural(checked.objects, 'object')}, "
            f"{text.size(checked.bytes)}: {text.plural(len(found.problems), 'problem')}"
            + (f", {mended} repaired" if mended else "")
        )
        for finding in found.findings:
            remark = " (left alone)" if finding.foreign else " (repaired)" if finding.mended else ""
            here.console.report(f"{finding.path}: {finding.problem}{remark}")

    outcomes = [_judged(one, repair=repair) for one in on_each(here, ask)]
    report("verify", outcomes, here, show, _fields)


def _judged(one: Outcome[Report], *, repair: bool) -> Outcome[Report]:
    """A report of problems is a failure too."""
    if one.value is None or not one.value.left:
        return one
    push = "`relstore push` of the same build sends what is damaged, `relstore gc` frees what nothing needs."
    hint = push if repair else "`relstore verify --repair` puts right what it can."
    problems = DamagedError(
        f"{text.plural(len(one.value.left), 'problem')} in the store",
        state="What could be repaired is." if repair else "Nothing was changed.",
        hint=hint,
    )
    return Outcome(one.target, one.value, problems.on(one.target.label))


def _fields(found: Report) -> dict[str, Any]:
    checked = found.verified
    return {
        "generations": checked.generations,
        "builds": checked.builds,
        "objects": checked.objects,
        "bytes": checked.bytes,
        "findings": [finding._asdict() for finding in found.findings],
    }
