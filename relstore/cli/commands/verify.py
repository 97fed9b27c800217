"""``relstore verify``: check the whole store, and repair it."""

from __future__ import annotations

from typing import Any

import click

from relstore.cli import text
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report
from relstore.cli.invocation import at_once, invocation_of
from relstore.cli.local_state import send_options
from relstore.cli.outcome import Outcome
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.client.operations.verify import Report
from relstore.client.operations.verify import verify as verify_store
from relstore.errors import DamagedError
from relstore.protocol import FindingOut

_REPAIRED = "repaired"
_SET_ASIDE = "set aside"


@example("relstore verify --to deploy@web1:/srv/web", "relstore verify --repair")
@click.command(cls=RelstoreCommand)
@click.option("--repair", is_flag=True, help="Repair what can be repaired.")
@click.pass_context
def verify(ctx: click.Context, repair: bool) -> None:
    """Check every digest, record, journal, link and mode in the store.

    With --repair, damaged files are restored from another copy in the store, from this machine's cache, or
    from the artifact that was pushed last from here; what is no object of the store is only set aside. Ends
    with exit code 1 when problems remain, and names each of them.
    """
    invocation = invocation_of(ctx, at_once)
    how = send_options(invocation) if repair else None

    async def at_host(session: Session, reporter: ConsoleReporter) -> Report:
        return await verify_store(session, how, reporter)

    def show(host: str, result: Report) -> None:
        checked = result.verified
        done = [_done(finding) for finding in result.findings]
        invocation.console.say(
            f"{host}: {text.plural(checked.generations, 'generation')}, "
            f"{text.plural(checked.builds, 'build')}, {text.plural(checked.objects, 'object')}, "
            f"{text.size(checked.bytes)}: {text.plural(len(result.problems), 'problem')}"
            + "".join(f", {done.count(word)} {word}" for word in (_REPAIRED, _SET_ASIDE) if word in done),
            hang=2,
        )
        for finding, word in zip(result.findings, done, strict=True):
            remark = "left alone" if finding.foreign else word
            invocation.console.report(
                f"{finding.path}: {finding.problem}{f' ({remark})' if remark else ''}", hang=2
            )

    outcomes = [_judged(outcome, repair=repair) for outcome in on_each(invocation, at_host)]
    report("verify", outcomes, invocation, show, _fields)


def _done(finding: FindingOut) -> str:
    """What was done about it. A file in `objects/` that is no object has nothing that could be restored."""
    if finding.is_set_aside:
        return _SET_ASIDE
    return _REPAIRED if finding.repaired else ""


def _judged(outcome: Outcome[Report], *, repair: bool) -> Outcome[Report]:
    """A report with remaining problems is a failure too."""
    if outcome.value is None or not outcome.value.left:
        return outcome
    push = "`relstore push` of the same build sends what is damaged, `relstore gc` frees what nothing needs."
    hint = push if repair else "`relstore verify --repair` repairs what it can."
    problems = DamagedError(
        f"{text.plural(len(outcome.value.left), 'problem')} in the store",
        state="Everything else was repaired or set aside." if repair else "Nothing was changed.",
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
        "findings": [
            {
                "path": finding.path,
                "problem": finding.problem,
                "repaired": finding.repaired and not finding.is_set_aside,
                "set_aside": finding.is_set_aside,
                "foreign": finding.foreign,
            }
            for finding in result.findings
        ],
    }
