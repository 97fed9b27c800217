"""The plan of a rollout: what its hosts, waves and limits are, as the first of its hosts keep it.

docs/formats/rollout.md has the bytes. It has no command and no address: whoever goes on with a rollout
reaches the hosts that are configured there, and each host keeps by itself what is to run on it, so that a
host which lies cannot have anything run on another one. Not for what the hosts are in (``machine``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from relstore.client.config.share import Share
from relstore.client.rollout.strategy import ON_FAILURE, OnFailure, Strategy
from relstore.client.rollout.waves import Wave
from relstore.errors import FormatError
from relstore.formats import pack
from relstore.formats.names import MAX_GENERATION, AppName, Digest
from relstore.formats.rollout import MAX_NAME, MAX_PLAN_BYTES, RolloutId

_MAGIC = "relstore-plan"
_VERSION = 1
_MAX_HOSTS = 5000
_STATES = ("staged", "unchanged", "unreachable")


@dataclass(frozen=True)
class PlannedHost:
    """One host, as it was when everything was staged."""

    name: str
    state: str
    generation: int
    """The one to activate there; 0 where that is not known."""
    build: Digest | None


@dataclass(frozen=True)
class RolloutPlan:
    """All of it."""

    id: RolloutId
    app: AppName
    command: str
    hosts: tuple[PlannedHost, ...]
    """In the order in which they get their turn."""
    waves: tuple[Wave, ...]
    max_parallel: int
    max_failures: int
    max_unreachable: int
    on_failure: OnFailure
    pauses: frozenset[int]
    has_once: bool
    bake_ms: int
    deadline_s: int
    """0: none."""

    @property
    def strategy(self) -> Strategy:
        return Strategy(
            max_parallel=self.max_parallel,
            max_failures=Share(self.max_failures),
            max_unreachable=Share(self.max_unreachable),
            on_failure=self.on_failure,
            has_once=self.has_once,
            pauses=self.pauses,
        )

    def encode(self) -> bytes:
        """A stream: the head, then the hosts, then the waves. Raises FormatError where it is too large."""
        raw = pack.encode_stream(self._values())
        if len(raw) > MAX_PLAN_BYTES:
            raise FormatError(f"a rollout's plan of {len(raw):,} bytes; at most {MAX_PLAN_BYTES:,}")
        return raw

    def _values(self) -> Iterator[Any]:
        yield [
            _MAGIC,
            _VERSION,
            {
                "id": str(self.id),
                "app": str(self.app),
                "command": self.command,
                "hosts": len(self.hosts),
                "max_parallel": self.max_parallel,
                "max_failures": self.max_failures,
                "max_unreachable": self.max_unreachable,
                "on_failure": self.on_failure,
                "pauses": sorted(self.pauses)[: pack.MAX_ITEMS],
                "has_once": self.has_once,
                "bake_ms": self.bake_ms,
                "deadline_s": self.deadline_s,
            },
        ]
        wave_of = {host: number for number, wave in enumerate(self.waves) for host in wave}
        for index, host in enumerate(self.hosts):
            build = str(host.build) if host.build else None
            yield [host.name, host.state, host.generation, build, wave_of.get(index, -1)]

    @classmethod
    def parse(cls, raw: bytes) -> RolloutPlan:
        """What a later relstore added to the head is passed over. Raises FormatError."""
        try:
            head, *rows = pack.decode_stream(raw, what="rollout's plan", limit=MAX_PLAN_BYTES)
            magic, version, fields = head
        except (ValueError, TypeError):
            raise FormatError("not a rollout's plan") from None
        if magic != _MAGIC or version != _VERSION or not isinstance(fields, dict):
            raise FormatError(f"a rollout's plan of version {version!r}; this relstore knows {_VERSION}")
        if not 0 < len(rows) <= _MAX_HOSTS or fields.get("hosts") != len(rows):
            raise FormatError("a rollout's plan with another number of hosts than it says")
        hosts, waves = _hosts(rows)
        on_failure = next((way for way in ON_FAILURE if way == fields.get("on_failure")), None)
        pauses = fields.get("pauses")
        if on_failure is None or not isinstance(pauses, list):
            raise FormatError("a rollout's plan with an impossible way to fail, or impossible pauses")
        return cls(
            RolloutId.parse(_text(fields, "id")),
            AppName.parse(_text(fields, "app")),
            _text(fields, "command")[:40],
            hosts,
            waves,
            _number(fields, "max_parallel", 1),
            _number(fields, "max_failures"),
            _number(fields, "max_unreachable"),
            on_failure,
            frozenset(each for each in pauses if type(each) is int),
            fields.get("has_once") is True,
            _number(fields, "bake_ms"),
            _number(fields, "deadline_s"),
        )


def digest(raw: bytes) -> str:
    """What the hosts' records name the plan by."""
    return hashlib.sha256(raw).hexdigest()


def _hosts(rows: list[Any]) -> tuple[tuple[PlannedHost, ...], tuple[Wave, ...]]:
    hosts = []
    waves: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        if not isinstance(row, list) or [type(each) for each in row[:3]] != [str, str, int] or len(row) < 5:
            raise FormatError("a host of a rollout's plan with the wrong fields")
        name, state, generation, build, wave = row[:5]
        if not 0 < len(name) <= MAX_NAME or state not in _STATES or not 0 <= generation <= MAX_GENERATION:
            raise FormatError("an impossible host in a rollout's plan")
        if type(wave) is not int or not -1 <= wave < len(rows) or (wave >= 0) != (state == "staged"):
            raise FormatError("a host in an impossible wave of a rollout's plan")
        if build is not None and type(build) is not str:
            raise FormatError("a host of a rollout's plan with an impossible build")
        hosts.append(PlannedHost(name, state, generation, None if build is None else Digest.parse(build)))
        if wave >= 0:
            waves.setdefault(wave, []).append(index)
    if sorted(waves) != list(range(len(waves))):
        raise FormatError("a rollout's plan with a wave that has no host")
    if len({host.name for host in hosts}) != len(hosts):
        raise FormatError("a rollout's plan with two hosts of one name")
    return tuple(hosts), tuple(tuple(waves[number]) for number in range(len(waves)))


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if type(value) is not str:
        raise FormatError(f"a rollout's plan whose {name!r} is no text")
    return value


def _number(fields: dict[str, Any], name: str, least: int = 0) -> int:
    value = fields.get(name)
    if type(value) is not int or not least <= value < 2**31:
        raise FormatError(f"a rollout's plan whose {name!r} is impossible")
    return value
