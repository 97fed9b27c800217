"""``relstore status``: what is current, what a rollback leads to and what is wrong, at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import at_once, invocation_of

if TYPE_CHECKING:
    from relstore.cli.progress import ConsoleReporter
    from relstore.client.connection.session import Session
    from relstore.formats.names import AppName
    from relstore.protocol import StatusOut


@example("relstore status --to deploy@web1:/srv/web")
@click.command(cls=RelstoreCommand)
@click.pass_context
def status(ctx: click.Context) -> None:
    """Show what is current, since when and by whom, and whether anything is wrong."""
    invocation = invocation_of(ctx, at_once)
    from relstore import protocol  # once ssh was started
    from relstore.cli import status_view
    from relstore.cli.checkout import checkout_of

    async def at_host(session: Session, _: ConsoleReporter) -> tuple[AppName, str, StatusOut]:
        app = await the_app(session, invocation)
        state, _body = await session.ask(protocol.Status(app), protocol.StatusOut)
        return app, session.hello.root, state

    outcomes = on_each(invocation, at_host)
    subjects = checkout_of(invocation).subjects(
        _commit(outcome.value[2]) for outcome in outcomes if outcome.value is not None
    )

    def show(host: str, answer: tuple[AppName, str, StatusOut]) -> None:
        subject = subjects.get(_commit(answer[2]))
        for line in status_view.lines(answer[0], host, *answer[1:], subject, invocation.console):
            invocation.console.report(line, hang=status_view.HANG)

    def fields(answer: tuple[AppName, str, StatusOut]) -> dict[str, Any]:
        subject = subjects.get(_commit(answer[2]))
        own = status_view.fields(answer[2])
        return {"app": answer[0], "root": answer[1], **own, "commit_subject": subject}

    report("status", outcomes, invocation, show, fields)


def _commit(state: StatusOut) -> str:
    """That of the current generation, or empty."""
    return (state.current.commit if state.current else None) or ""
