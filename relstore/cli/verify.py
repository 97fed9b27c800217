"""``relstore verify``: check the whole store against what its formats promise."""

from __future__ import annotations

from typing import Any

import click

from relstore import protocol
from relstore.cli import text
from relstore.cli.command import Command, example
from relstore.cli.options import settings
from relstore.cli.progress import ConsoleReporter
from relstore.cli.work import Outcome, on_each, report
from relstore.client.session import Session
from relstore.errors import DamagedError, FormatError
from relstore.protocol import Verified
from relstore.store import pack

Findings = list[tuple[str, str]]


@example("relstore verify --to deploy@web1:/srv/web")
@click.command(cls=Command)
@click.pass_context
def verify(ctx: click.Context) -> None:
    """Check every digest, record, journal, link and mode in the store. Changes nothing.

    Ends with exit code 1 when anything is wrong, and names each thing.
    """
    here = settings(ctx)

    async def ask(session: Session, reporter: ConsoleReporter) -> tuple[Verified, Findings]:
        async for event, body in session.follow_with_body(protocol.Verify(), Verified):
            if isinstance(event, protocol.Step):
                reporter.detail(session.label, f"{event.name} {event.done} of {event.total}")
            else:
                return event, _findings(body)
        raise RuntimeError("a check without an end")

    def show(host: str, result: tuple[Verified, Findings]) -> None:
        found, findings = result
        here.console.say(
            f"{host}: {text.plural(found.generations, 'generation')}, "
            f"{text.plural(found.builds, 'build')}, {text.plural(found.objects, 'object')}, "
            f"{text.size(found.bytes)}: {text.plural(len(findings), 'problem')}"
        )
        for path, problem in findings:
            here.console.report(f"{path}: {problem}")

    report("verify", [_judged(one) for one in on_each(here, ask)], here, show, _fields)


def _judged(one: Outcome[tuple[Verified, Findings]]) -> Outcome[tuple[Verified, Findings]]:
    """A report of problems is a failure too."""
    if one.value is None or not one.value[1]:
        return one
    problems = DamagedError(
        f"{text.plural(len(one.value[1]), 'problem')} in the store",
        state="Nothing was changed.",
        hint="Delete the generations of a damaged build, run `relstore gc`, and push it again.",
    )
    return Outcome(one.target, one.value, problems.on(one.target.label))


def _fields(result: tuple[Verified, Findings]) -> dict[str, Any]:
    found, findings = result
    problems = [{"path": path, "problem": problem} for path, problem in findings]
    return {**found._asdict(), "findings": problems}


def _findings(body: bytes) -> Findings:
    found = []
    for value in pack.decode_stream(body, what="list of findings", limit=protocol.MAX_BODY_BYTES):
        if not isinstance(value, list) or [type(item) for item in value] != [str, str]:
            raise FormatError("a list of findings that is not [path, problem]")
        found.append((value[0], value[1]))
    return found
