"""The checked types of names: apps, pins, digests, generations, jobs.

Whatever comes from a person, a host or a file becomes one of these before it goes further inward.
Not for paths inside a build; those are in ``paths``.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable

from relstore.errors import FormatError, UsageError

NAME_RULE = "lower-case letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 64"
MAX_GENERATION = 2**31 - 1

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_GENERATION = re.compile(r"[1-9][0-9]{0,9}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_JOB = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}\Z")


def is_name(text: str) -> bool:
    """Whether ``text`` follows NAME_RULE: it can be the name of an app or a pin."""
    return _NAME.match(text) is not None


class AppName(str):
    """A named line of releases: ``web``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> AppName:
        """Raises UsageError unless ``text`` follows NAME_RULE."""
        if not is_name(text):
            raise UsageError(f"{text!r} cannot be the name of an app", hint=f"A name is {NAME_RULE}.")
        return cls(text)

    @classmethod
    def from_artifact(cls, name: str) -> AppName | None:
        """The app's name that a file name suggests (``Site.d`` gives ``site.d``), or None."""
        text = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:64]
        return cls(text) if is_name(text) else None


class PinName(str):
    """The name of a pin."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> PinName:
        """Raises UsageError unless ``text`` follows NAME_RULE."""
        if not is_name(text):
            raise UsageError(f"{text!r} cannot be the name of a pin", hint=f"A name is {NAME_RULE}.")
        return cls(text)


class Digest(str):
    """A BLAKE3-256 digest as 64 lower-case hexadecimal digits: the name of an object or a build."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Raises FormatError unless ``text`` is 64 lower-case hexadecimal digits."""
        if not is_digest(text):
            raise FormatError(f"{text[:80]!r} is not a digest")
        return cls(text)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Digest:
        """``raw``: 32 bytes."""
        if len(raw) != 32:
            raise FormatError(f"a digest of {len(raw)} bytes, not 32")
        return cls(raw.hex())

    @property
    def raw(self) -> bytes:
        """The 32 bytes."""
        return bytes.fromhex(str(self))  # PyPy wants exactly a str

    @property
    def short(self) -> str:
        """The first 12 digits, for people."""
        return self[:12]


def is_digest(text: str) -> bool:
    """Whether ``text`` is 64 lower-case hexadecimal digits."""
    return _DIGEST.match(text) is not None


def is_job(text: str) -> bool:
    """Whether ``text`` looks like the id of a job."""
    return _JOB.match(text) is not None


class JobId(str):
    """The name of one activation: its UTC start to the microsecond and a random part, so that names sort.

    ``20261123T120000Z-0123abcd``: of the last eight digits five are the microseconds, three are random.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> JobId:
        """Raises UsageError unless ``text`` looks like ``20261123T120000Z-0123abcd``."""
        if not is_job(text):
            raise UsageError(f"{text[:80]!r} is not the id of a job", hint="`relstore log` lists the jobs.")
        return cls(text)

    @classmethod
    def new(cls, seconds: int, micros: int) -> JobId:
        """For a start at ``seconds`` since 1970 and ``micros`` (0 to 999,999)."""
        start = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))
        return cls.parse(f"{start}-{micros:05x}{random_suffix()[:3]}")

    @property
    def moment(self) -> str:
        """All but the random part: what jobs are sorted by."""
        return self[:-3]

    def next(self) -> JobId:
        """One that sorts after it: a microsecond later, without a carry into the second."""
        start, _, rest = self.partition("-")
        micros = min(int(rest[:5], 16) + 1, 0xFFFFF)
        return JobId.parse(f"{start}-{micros:05x}{random_suffix()[:3]}")


def is_generation(text: str) -> bool:
    """Whether ``text`` is the number of a generation, 1 to MAX_GENERATION."""
    return _GENERATION.match(text) is not None and int(text) <= MAX_GENERATION


def parse_generation(text: str) -> int:
    """A generation's number, 1 to MAX_GENERATION. Raises FormatError."""
    if not is_generation(text):
        raise FormatError(f"{text[:80]!r} is not the number of a generation")
    return int(text)


def as_text(name: str) -> str:
    """``name`` for people and messages: bytes that are not UTF-8 become escapes (``caf\\xe9``)."""
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def random_suffix() -> str:
    """Eight random hexadecimal digits: for temporary names that nobody can guess and plant."""
    return os.urandom(4).hex()


MAX_UNIT_NAME = 255
"""Bytes (systemd.unit(5))."""

SUFFIXES = (".service", ".socket", ".timer", ".target", ".path")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\@-]*\Z")
_BACKEND = re.compile(r"[A-Za-z0-9:_.-]{1,200}\Z")


class UnitName(str):
    """The name of a systemd unit: ``web.service``, ``web@1.service``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> UnitName:
        """A name without a suffix gets ``.service``. Raises UsageError."""
        name = text if text.endswith(SUFFIXES) else f"{text}.service"
        stem = name.rpartition(".")[0]
        if not _UNIT.match(name) or len(name) > MAX_UNIT_NAME or not stem:
            raise UsageError(
                f"{text!r} cannot be the name of a unit",
                hint="A name is letters, digits and : - _ . \\ @, and ends in .service, .socket, .timer, "
                ".target or .path.",
            )
        if stem.endswith("@"):
            raise UsageError(
                f"{text!r} is a template without an instance", hint=f"Name one: {stem}1{name[len(stem) :]}."
            )
        return cls(name)


class UnitFileName(str):
    """The name of a unit's file: of a unit, or of a template."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> UnitFileName:
        """Raises UsageError."""
        if text.endswith(("@.service", "@.socket")):
            UnitName.parse(text.replace("@.", "@a."))
            return cls(text)
        return cls(UnitName.parse(text))

    def instances(self, names: Iterable[str]) -> list[UnitName]:
        """The unit itself; of a template, those with these names."""
        if "@." not in self:
            return [UnitName(self)]
        return [UnitName(self.replace("@.", f"@{name}.")) for name in names]


class TemplateName(UnitName):
    """The name of a template of services without an instance: ``web@.service``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> TemplateName:
        """``web@`` gets ``.service``. Raises UsageError."""
        name = text if text.endswith(".service") else f"{text}.service"
        if not name.endswith("@.service"):
            raise UsageError(f"{text!r} is not the name of a template of services", hint="It ends in @: web@")
        UnitName.parse(name.replace("@.", "@a."))
        return cls(name)

    def instance(self, name: str) -> UnitName:
        return UnitName.parse(self.replace("@.", f"@{name}."))


class BackendName(str):
    """The name of a backend of HAProxy's."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> BackendName:
        """Raises UsageError for what cannot stand in a line of its runtime API."""
        if not _BACKEND.match(text):
            raise UsageError(
                f"{text!r} cannot be the name of a backend",
                hint="A name is up to 200 letters, digits and : - _ . without spaces.",
            )
        return cls(text)


def parse_unit(text: str) -> UnitName:
    """What a person names: a unit, or a template (``web@``). Raises UsageError."""
    return (TemplateName if text.removesuffix(".service").endswith("@") else UnitName).parse(text)
