"""Asking a host whether it is ready for a push, and what its answer means. The host decides what is wrong.

What only this machine can see is added here: whether it got in, and how far the two clocks are apart. Not for
a release (``preflight``), nor for showing anything (``cli.commands.check``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.client.operations.origin_check import origin_problem
from relstore.client.origin.origin import Origin
from relstore.errors import ConnectError, HelperError, HostKeyError
from relstore.formats import finding
from relstore.formats.finding import ASPECTS, Aspect, Barrier, Guess
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from relstore.protocol import CheckHost, HostChecked, Problem

MAX_APART_S = 10
"""So far may two clocks be apart: more than what a host with a time service ever shows."""

CheckState = Literal["good", "finding", "ignored", "not-asked"]


@dataclass(frozen=True)
class CheckLine:
    """One aspect of a host: that it is good, or one thing that is wrong with it."""

    aspect: Aspect
    state: CheckState
    what: str = ""
    """What was seen; of a finding without its kind."""
    kind: str = ""
    """Of a finding."""
    hint: str = ""
    """What to do about it."""


@dataclass(frozen=True)
class HostReport:
    """All that ``relstore check`` found out about one host."""

    lines: tuple[CheckLine, ...]
    obstacle: ConnectError | None = None
    """Why the host could not be asked."""

    @property
    def findings(self) -> tuple[CheckLine, ...]:
        return tuple(line for line in self.lines if line.state == "finding")


async def check_host(
    session: Session,
    app: AppName | None,
    recipe: Recipe,
    password: str,
    ignored: Sequence[Guess],
    origin: Origin | None = None,
) -> HostReport:
    """Ask the host. Changes nothing there."""
    if password:
        await session.ask(protocol.Become(password), protocol.Done)
    began = time.time()
    answer, _ = await session.ask(CheckHost(app, recipe), HostChecked)
    problems = [*answer.problems, *clock_problems(began, time.time(), answer)]
    seen: dict[Aspect, str] = {
        "login": f"as {session.hello.account}",
        "python": session.hello.python,
        "clock": "the same as here",
        **{observation.aspect: observation.what for observation in answer.observations},
    }
    if origin is not None:
        seen["origin"] = f"the host can fetch from {origin.options.address.text}"
        problem = await origin_problem(session, origin)
        problems += [problem] if problem is not None else []
    return HostReport(tuple(_lines(seen, problems, ignored)))


def not_reached(error: ConnectError) -> HostReport:
    """The report of a host that could not be asked."""
    kind: Barrier = "host-unreachable"
    reached: list[CheckLine] = []
    if isinstance(error, HostKeyError):
        kind = "host-key"
    elif isinstance(error, HelperError):
        kind = "helper-not-started"
        reached = [CheckLine("login", "good")]
    about = finding.aspect_of(kind)
    left = ASPECTS[ASPECTS.index(about) + 1 :]
    return HostReport(
        (
            *reached,
            CheckLine(about, "finding", error.what, kind, error.hint),
            *(CheckLine(aspect, "not-asked") for aspect in left),
        ),
        error,
    )


def clock_problems(began: float, ended: float, answer: HostChecked) -> Iterator[Problem]:
    """Whether the host's clock differs from ours, which read ``began`` and ``ended`` around the question.

    By half of the time on the way it may seem to, and no more (RFC 5905, the offset and delay of NTP).
    """
    received, sent = answer.received / 1e6, answer.sent / 1e6
    apart = ((received - began) + (sent - ended)) / 2
    doubt = max(0.0, (ended - began) - (sent - received)) / 2
    if abs(apart) - doubt <= MAX_APART_S:
        return
    yield Problem.of(
        "clock-differs",
        f"the clock is {_amount(abs(apart))} {'ahead of' if apart > 0 else 'behind'} this machine's",
        "`timedatectl` tells, on both, which one is wrong; once, as root there: timedatectl set-ntp true",
    )


def _amount(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _lines(
    seen: dict[Aspect, str], problems: Sequence[Problem], ignored: Sequence[Guess]
) -> Iterator[CheckLine]:
    for aspect in ASPECTS:
        here = [problem for problem in problems if finding.aspect_of(problem.kind) == aspect]
        for problem in here:
            state: CheckState = "ignored" if problem.kind in ignored else "finding"
            what = problem.what.removesuffix(f" [{problem.kind}]")
            yield CheckLine(aspect, state, what, problem.kind, problem.hint)
        if not here and aspect in seen:
            yield CheckLine(aspect, "good", seen[aspect])
