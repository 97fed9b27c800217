"""Hosts for which ssh_config says the same: ``ssh -G`` is asked about two of them, and not about all.

To ask takes a process for each host, which is more than the rest of a login costs. Hosts are alike when the
same ``Host`` lines are for them. Of two such hosts, what ssh answers may differ where it names the host, and
where it has the port that was asked for; then the answer for a third is known. Where anything else differs,
or ssh decides by more than names (Match, CanonicalizeHostname), every host is asked about. Not for asking
(``ssh_answer``).
"""

from __future__ import annotations

import asyncio
import fnmatch
import itertools
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from relstore.client.connection.transport.address import SSHTarget
from relstore.client.connection.transport.ssh.config_lines import HOST, MATCH, ConfigLine

_MOST_SAMPLES = 4
"""When so many answers do not show how the next one will be, no more is expected of them."""
_PASSES = frozenset(("final", "canonical"))


class Answer(NamedTuple):
    """What ssh answered about a host, as a small ssh_config."""

    text: str
    goes_by_names: bool
    """Whether nothing but names and patterns decides."""


class KnownAnswer(NamedTuple):
    """An answer, and the host that it is about."""

    host: str
    port: int | None
    lines: tuple[str, ...]

    @property
    def hostname(self) -> str:
        return next((line for line in self.lines if line.startswith("hostname ")), "")


class Conditions(NamedTuple):
    """What stands in all Host lines, and whether the files are gone through twice."""

    names: frozenset[str]
    """In lower case."""
    patterns: tuple[str, ...]
    goes_twice: bool
    """The second time, what HostName says is compared with the patterns."""

    @classmethod
    def of(cls, lines: Sequence[ConfigLine]) -> Conditions | None:
        """None where more than these patterns decides, or not everything could be read."""
        said: dict[str, None] = {}
        goes_twice = False
        for line in lines:
            if line.kind == HOST:
                said.update((word.lstrip("!"), None) for word in line.words)
                continue
            words = {word.lower() for word in line.words}
            if line.kind != MATCH or not words <= {"all", *_PASSES}:
                return None
            goes_twice = goes_twice or not words.isdisjoint(_PASSES)
        patterns = [word for word in said if "*" in word or "?" in word]
        return cls(frozenset(word.lower() for word in said), tuple(patterns), goes_twice)

    def met_by(self, host: str) -> Hashable:
        """Equal only for hosts in lower case that the same lines are for, with or without capitals."""
        return (
            host if host in self.names else "",
            tuple(_matches(pattern, host) for pattern in self.patterns),
            tuple(_matches(pattern.lower(), host) for pattern in self.patterns),
        )


@dataclass
class _Alike:
    """Hosts that are alike, and the answers about the first of them. One is asked about at a time."""

    samples: list[KnownAnswer] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class SharedAnswers:
    """What ssh answers, in one run. ``conditions``: None where every host is asked about."""

    def __init__(self, conditions: Conditions | None) -> None:
        self._conditions = conditions
        self._alike: dict[Hashable, _Alike] = {}

    async def about(self, target: SSHTarget, ask: Callable[[], Awaitable[Answer]]) -> str:
        """From ``ask``, where it does not follow from earlier answers. Raises what ``ask`` raises."""
        if self._conditions is None or target.host != target.host.lower():
            return (await ask()).text
        key = (self._conditions.met_by(target.host), target.user, target.port is None)
        alike = self._alike.setdefault(key, _Alike())
        async with alike.turn:
            if (known := self._known(alike, target)) is not None:
                return known
            if len(alike.samples) < _MOST_SAMPLES:
                answer = await ask()
                if answer.goes_by_names:
                    alike.samples.append(
                        KnownAnswer(target.host, target.port, tuple(answer.text.split("\n")))
                    )
                return answer.text
        return (await ask()).text

    def _known(self, alike: _Alike, target: SSHTarget) -> str | None:
        goes_twice = self._conditions is not None and self._conditions.goes_twice
        for one, other in itertools.combinations(alike.samples, 2):
            answer = derived(one, other, target, goes_twice=goes_twice)
            if answer is not None:
                return answer
        return None


def derived(one: KnownAnswer, other: KnownAnswer, target: SSHTarget, *, goes_twice: bool) -> str | None:
    """The answer about ``target``, if two answers about hosts that are alike show it. Pure."""
    same_host, same_port = one.host == other.host, one.port == other.port
    if (same_host and target.host != one.host) or (same_port and target.port != one.port):
        return None
    if len(one.lines) != len(other.lines):
        return None
    is_own = (one.hostname, other.hostname) == (named(one.host), named(other.host))
    if goes_twice and one.hostname != other.hostname and not is_own:
        return None
    lines = []
    for line, beside in zip(one.lines, other.lines, strict=True):
        if line.startswith("port ") and beside.startswith("port ") and target.port is not None:
            lines.append(f"port {target.port}")
        elif line == beside:
            lines.append(line)
        elif not same_host and line.replace(one.host, other.host) == beside:
            lines.append(line.replace(one.host, target.host))
        else:
            return None
    return "\n".join(lines)


def named(host: str) -> str:
    """The line of an answer that gives a host its own name."""
    return f'hostname "{host}"'


def common_part(text: str, target: SSHTarget) -> str:
    """An answer without what only repeats what was asked; hosts that are alike mostly have this in common."""
    own = (named(target.host), f"port {target.port}")
    return "\n".join(line for line in text.split("\n") if line not in own)


def _matches(pattern: str, host: str) -> bool:
    return fnmatch.fnmatchcase(host, pattern.replace("[", "[[]"))
