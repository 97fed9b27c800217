"""What a host keeps of a rollout that it is in: whose it is, how far it is, and what it means here.

docs/formats/rollout.md has the bytes. Pure. Not for keeping it (``store.rollouts``), nor for the plan, which
is the client's (``client.rollout.plan``).
"""

from __future__ import annotations

import re
import time
from typing import Any, Final, NamedTuple, Optional, Protocol

from relstore.errors import FormatError, UsageError
from relstore.formats import pack
from relstore.formats.generation import MAX_TIME, MAX_WHO
from relstore.formats.journal import MAX_REASON
from relstore.formats.names import MAX_GENERATION, as_text, random_suffix

MAX_BYTES = 64 * 1024
MAX_PLAN_BYTES = 768 * 1024
MAX_EPOCH = 2**31 - 1
KEEPERS = 3
"""So many of the first hosts keep the plan."""
MAX_NAME = 300
"""Characters of what a person calls a host."""

ONCE: Final = "once"
PAUSED: Final = "paused"
REVERTING: Final = "reverting"
ABORTED: Final = "aborted"
TAKEN_OVER: Final = "taken-over"
"""Somebody activated something else here in spite of it."""
ENDED = ("done", "stopped", "reverted", ABORTED, TAKEN_OVER)
"""The states in which nothing is left to do; there is in any other, also in one of a later relstore."""

_MAGIC = "relstore-rollout"
_VERSION = 1
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}\Z")
_STATE = re.compile(r"[a-z][a-z-]{0,19}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_CLAIM = re.compile(r"[0-9a-f]{8,64}\Z")


class RolloutId(str):
    """The name of a rollout: its UTC start and a random part."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> RolloutId:
        """Raises UsageError unless ``text`` looks like ``20261123T120000Z-0123abcd``."""
        if not is_rollout(text):
            raise UsageError(
                f"{text[:80]!r} is not the id of a rollout", hint="`relstore rollout list` has them."
            )
        return cls(text)

    @classmethod
    def new(cls) -> RolloutId:
        return cls(f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{random_suffix()}")


def is_rollout(text: str) -> bool:
    """Whether ``text`` looks like the id of a rollout."""
    return _ID.match(text) is not None


class _Progress(Protocol):
    """What a host's record and a row about it have in common."""

    @property
    def state(self) -> str: ...
    @property
    def wave(self) -> int: ...
    @property
    def waves(self) -> int: ...


def described(rollout: _Progress) -> str:
    """How far it is: ``in wave 2 of 3``."""
    if not rollout.waves:
        return rollout.state
    place = f"wave {rollout.wave + 1} of {rollout.waves}"
    words = {"wave": f"in {place}", "baking": f"watching {place}", PAUSED: f"paused after {place}"}
    return words.get(rollout.state, rollout.state)


class RolloutRecord(NamedTuple):
    """One host's record. On disk it is a map, so that a later relstore can add to it."""

    id: str
    epoch: int
    """Who takes the rollout over, or begins another one, raises it; who has a lower one is refused."""
    claim: str
    """Tells whoever has this epoch from another one who wanted the same."""
    who: str
    """Who has this epoch."""
    since: int
    """When they took it, in seconds since 1970, by the host's clock."""
    plan: str
    """The SHA-256 of the plan, in hexadecimal."""
    keepers: tuple[str, ...]
    """What a person calls the hosts that keep the plan."""
    command: str
    """``push``, ``switch-generation``, …"""
    began: int
    """When the rollout began, in seconds since 1970, by the host's clock."""
    generation: int
    """The one that is to become current here; 0 where none is."""
    previous: int
    """The one that was current here before; 0 for none."""
    state: str = "planned"
    wave: int = 0
    """Counted from 0."""
    waves: int = 0
    """How many there are."""
    serial: int = 0
    """Of the last note with this epoch: the higher one knows more."""
    why: str = ""
    """Why it does not go on, or ended as it did."""
    pause: str = ""
    """Who asked it to pause after the wave, or empty."""
    cut_old: bool = False
    """Whether its activations wait for no connection of the slot that they need."""
    rejects: Optional[str] = None
    """Why its activations mark what they leave as bad; None where they do not."""

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED

    @property
    def rank(self) -> tuple[int, int]:
        """Of two records of one rollout, the higher one is the newer."""
        return self.epoch, self.serial

    def encode(self) -> bytes:
        """Texts that are too long are cut. Raises FormatError for what could not be read again."""
        written = self._replace(
            who=as_text(self.who)[:MAX_WHO],
            why=as_text(self.why)[:MAX_REASON],
            pause=as_text(self.pause)[:MAX_WHO],
            rejects=None if self.rejects is None else as_text(self.rejects)[:MAX_REASON],
            keepers=tuple(as_text(name)[:MAX_NAME] for name in self.keepers),
        )
        raw = pack.encode_fields(_MAGIC, _VERSION, [{**written._asdict(), "keepers": list(written.keepers)}])
        self.parse(raw)
        return raw

    @classmethod
    def parse(cls, raw: bytes) -> RolloutRecord:
        """What a later relstore added is passed over. Raises FormatError."""
        (fields,) = pack.decode_fields(
            raw, what="rollout's record", magic=_MAGIC, version=_VERSION, count=1, limit=MAX_BYTES
        )
        if not isinstance(fields, dict):
            raise FormatError("a rollout's record that is no map")
        record = cls(**{name: _value(fields, name) for name in cls._fields})
        _check(record)
        return record


_TEXTS = ("id", "claim", "who", "plan", "command", "state", "why", "pause")
_NUMBERS = ("epoch", "since", "began", "generation", "previous", "wave", "waves", "serial")


def _value(fields: dict[str, Any], name: str) -> Any:
    value = fields.get(name)
    if name in _TEXTS:
        known = type(value) is str
    elif name in _NUMBERS:
        known = type(value) is int
    elif name == "keepers":
        known = type(value) is list and all(type(item) is str for item in value)
        value = tuple(value) if known and value is not None else value
    elif name == "cut_old":
        known = type(value) is bool
    else:
        known = name in fields and (value is None or type(value) is str)
    if not known:
        raise FormatError(f"a rollout's record whose {name!r} is {type(value).__name__}")
    return value


def _check(record: RolloutRecord) -> None:
    if not (is_rollout(record.id) and _CLAIM.match(record.claim) and _STATE.match(record.state)):
        raise FormatError("a rollout's record with an impossible id, claim or state")
    if not (_DIGEST.match(record.plan) and re.match(r"[a-z-]{1,40}\Z", record.command)):
        raise FormatError("a rollout's record with an impossible plan or command")
    if len(record.keepers) > KEEPERS or any(len(name) > MAX_NAME for name in record.keepers):
        raise FormatError("a rollout's record with impossible keepers")
    numbers = (
        (record.epoch, 1, MAX_EPOCH),
        (record.since, 0, MAX_TIME),
        (record.began, 0, MAX_TIME),
        (record.generation, 0, MAX_GENERATION),
        (record.previous, 0, MAX_GENERATION),
        (record.wave, 0, MAX_EPOCH),
        (record.waves, 0, MAX_EPOCH),
        (record.serial, 0, MAX_EPOCH),
    )
    if any(not least <= number <= most for number, least, most in numbers):
        raise FormatError("a rollout's record with an impossible number")
    if (
        max(len(record.who), len(record.pause)) > MAX_WHO
        or max(len(record.why), len(record.rejects or "")) > MAX_REASON
    ):
        raise FormatError("a rollout's record with a text that is too long")
