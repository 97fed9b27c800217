"""Letting a person choose a generation from a list, at the terminal.

``choices`` decides what there is to choose from, and is pure. Not for what is done with the choice.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relstore.cli import generation_view, text
from relstore.cli.checkout import checkout_of
from relstore.cli.each_host import finish, on_each, the_app
from relstore.cli.invocation import Invocation
from relstore.cli.progress import ConsoleReporter
from relstore.cli.table import Column
from relstore.client.config.keys.hosts import MAX_UNREACHABLE
from relstore.client.connection.session import Session
from relstore.client.fleet.result import is_unreachable
from relstore.errors import DetachedError, NotFoundError, UsageError
from relstore.formats.generation import CURRENT, DELETED, FAILED, GOOD, NEVER_ACTIVE
from relstore.formats.names import Digest
from relstore.protocol import RowOut

_SHOWN = 20
_LEAST_DIGITS = 6
"""Of a build id that is typed, as everywhere."""
_COLUMNS = (
    Column("gen"),
    Column("released", rank=1),
    Column("build", rank=3),
    Column("commit", rank=2),
    Column("state", styles={CURRENT: "bold green", FAILED: "red", NEVER_ACTIVE: "yellow"}),
    Column("content", wraps=True),
)
_PROMPT = "Number or build (Ctrl-C changes nothing): "


@dataclass(frozen=True)
class PickableBuild:
    """A build that all hosts have, with its newest generation at each."""

    rows: tuple[RowOut, ...]

    @property
    def build(self) -> Digest:
        return self.rows[0].build

    @property
    def numbers(self) -> str:
        """``42``; ``42, 40`` where the hosts number it differently."""
        return ", ".join(map(str, dict.fromkeys(row.number for row in self.rows)))

    @property
    def is_current(self) -> bool:
        return all(row.state == CURRENT for row in self.rows)

    @property
    def spec(self) -> str:
        """What names it at every host."""
        return str(self.rows[0].number) if len(self.rows) == 1 else self.build

    def is_meant_by(self, answer: str) -> bool:
        is_build = len(answer) >= _LEAST_DIGITS and self.build.startswith(answer)
        return answer == self.numbers or is_build


def choices(hosts: Sequence[Sequence[RowOut]], *, back: bool) -> list[PickableBuild]:
    """What there is to choose from, oldest first, and what is current.

    At one host these are its generations, at several the builds that all of them have. ``back``: only what a
    rollback may lead to.
    """
    if len(hosts) == 1:
        found = [PickableBuild((row,)) for row in hosts[0] if row.state != DELETED]
    else:
        newest = [{row.build: row for row in rows if row.state != DELETED} for rows in hosts]
        found = [
            PickableBuild(tuple(rows[build] for rows in newest))
            for build in newest[0]
            if all(build in rows for rows in newest)
        ]
        found.sort(key=lambda choice: choice.rows[0].number)
    current = [next((row.number for row in rows if row.state == CURRENT), 0) for rows in hosts]
    if not back:
        return found
    return [choice for choice in found if choice.is_current or _is_good_before(choice, current)]


def _is_good_before(choice: PickableBuild, current: Sequence[int]) -> bool:
    return all(
        row.state == GOOD and (not now or row.number < now)
        for row, now in zip(choice.rows, current, strict=True)
    )


def pick(invocation: Invocation, *, back: bool) -> str:
    """What the person chose, in words that all hosts understand. ``back``: see ``choices``.

    Raises UsageError where there is no terminal, NotFoundError, DetachedError, what the one host refuses.
    """
    _check_terminal(invocation)
    hosts = _listed(invocation)
    found = choices(hosts, back=back)
    if all(choice.is_current for choice in found):
        which = "good generation before the current one" if back else "other generation"
        raise NotFoundError(f"there is no {which} to choose", state="Nothing was changed.")
    _show(found, invocation)
    return _answer(found, invocation).spec


def _check_terminal(invocation: Invocation) -> None:
    instead = "Name a generation; `relstore list-generations` shows what there is."
    if invocation.console.json:
        raise UsageError("--pick asks at the terminal, where --json prints one document", hint=instead)
    if not (invocation.console.terminal and sys.stdin.isatty()):
        raise UsageError("--pick asks at the terminal, and there is none", hint=instead)


def _listed(invocation: Invocation) -> list[Sequence[RowOut]]:
    """The generations of each host. Ends the program where hosts did not answer that must."""

    async def at_host(session: Session, _: ConsoleReporter) -> Sequence[RowOut]:
        app = await the_app(session, invocation)
        (found,) = await generation_view.fetch_rows(session, invocation, [app])
        return found.rows

    outcomes = on_each(invocation, at_host)
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    tolerated = invocation.settings.get(MAX_UNREACHABLE).of(len(outcomes))
    if not all(map(is_unreachable, errors)) or len(errors) > tolerated:
        finish([outcome.error for outcome in outcomes], invocation)
    return [outcome.value for outcome in outcomes if outcome.value is not None]


def _show(found: Sequence[PickableBuild], invocation: Invocation) -> None:
    screen = invocation.console
    shown = found[-_SHOWN:]
    subjects = checkout_of(invocation).subjects(choice.rows[0].commit for choice in shown)
    rows = []
    for choice in shown:
        row = choice.rows[0]
        states = ", ".join(dict.fromkeys(each.state for each in choice.rows))
        content = _content(row, subjects)
        commit = generation_view.commit(row)
        rows.append([choice.numbers, screen.when(row.created), row.build.short, commit, states, content])
    if len(found) > len(shown):
        screen.report(f"{text.plural(len(found) - len(shown), 'older one')} can be chosen, too", hang=0)
    screen.table(_COLUMNS, rows)


def _content(row: RowOut, subjects: Mapping[str, str]) -> str:
    subject = subjects.get(row.commit or "")
    note = row.note.partition("\n")[0]
    return f"{subject} ({note})" if subject and note else subject or note


def _answer(found: Sequence[PickableBuild], invocation: Invocation) -> PickableBuild:
    while True:
        typed = _typed()
        meant = [choice for choice in found if choice.is_meant_by(typed)]
        if len({choice.build for choice in meant}) == 1:
            if not meant[-1].is_current:
                return meant[-1]
            invocation.console.report(f"{meant[-1].numbers} is current already", hang=2)
        elif typed:
            problem = "means several of them" if meant else "is not in the list"
            invocation.console.report(f"{typed[:40]!r} {problem}", hang=2)


def _typed() -> str:
    """A line from the terminal. Raises DetachedError at Ctrl-C, and at its end."""
    try:
        sys.stdout.write(_PROMPT)
        sys.stdout.flush()
        line = sys.stdin.buffer.readline()
    except KeyboardInterrupt:
        line = b""
    if not line:
        sys.stdout.write("\n")
        raise DetachedError("nothing was chosen", state="Everything is as it was.")
    return line.decode("utf-8", "replace").strip()
