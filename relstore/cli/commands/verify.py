"""``relstore verify``: check the whole store, and repair it."""

from __future__ import annotations

from typing import Any

import click

from relstore.cli import text
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import Outcome, on_each, report
from relstore.cli.invocation import invocation_of
from relstore.cli.local_state import send_options
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.client.operations.verify import Report
from relstore.client.operations.verify import verify as verify_store
from relstore.errors import DamagedError


@example("relstore verify --to deploy@web1:/srv/web", "relstore verify --repair")
@click.command(cls=RelstoreCommand)
@click.option("--repair", is_flag=True, help="Repair what can be repaired.")
@click.pass_context
def verify(ctx: click.Context, repair: bool) -> None:
    """Check every digest, record, journal, link and mode in the store.

    With --repair, damaged files are set aside and restored from another copy in the store or from this
    machine's cache. Ends with exit code 1 when problems remain, and names each of them.
    """
    invocation = invocation_of(ctx)
    how = send_options(invocation) if repair else None

    async def at_host(session: Session, reporter: ConsoleReporter) -> Report:
        return await verify_store(session, how, reporter)

    def show(host: str, result: Report) -> None:
        checked = result.verified
        repaired = len(result.problems) - len(result.left)
        invocation.console.say(
            f"{host}: {text.plural(checked.generations, 'generation')}, "
            f"{text.plural(checked.builds, 'build')}, {text.plural(checked.objects, 'object')}, "
            f"{text.size(checked.bytes)}: {text.plural(len(result.problems), 'problem')}"
            + (f", {repaired} repaired" if repaired else "")
        )
        for finding in result.findings:
            remark = " (left alone)" if finding.foreign else " (repaired)" if finding.mended else ""
            invocation.console.report(f"{finding.path}: {finding.problem}{remark}")

    outcomes = [_judged(outcome, repair=repair) for outcome in on_each(invocation, at_host)]
    report("verify", outcomes, invocation, show, _fields)


def _judged(outcome: Outcome[Report], *, repair: bool) -> Outcome[Report]:
    """A report with remaining problems is a failure too."""
    if outcome.value is None or not outcome.value.left:
        return outcome
    push = "`relstore push` of the same build sends what is damaged, `relstore gc` frees what nothing needs."
    hint = push if repair else "`relstore verify --repair` repairs what it can."
    problems = DamagedError(
        f"{text.plural(len(outcome.value.left), 'problem')} in the store",
        state="Everything else was repaired." if repair else "Nothing was changed.",
        hint=hint,
    )
    return Outcome(outcome.target, outcome.value, problems.on(outcome.target.label))


def _fields(result: Report) -> dict[str, Any]:
    checked = result.verified
    return {
        "generations": checked.generations,
        "builds": checked.builds,
        "objects": checked.objects,
        "bytes": checked.bytes,
        "findings": [finding._asdict() for finding in result.findings],
    }
