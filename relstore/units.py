"""The checked name of a systemd unit. Shared by both sides. Not for what a unit does."""

from __future__ import annotations

import re

from relstore.errors import UsageError

MAX_UNIT_NAME = 255
"""Bytes (systemd.unit(5))."""
SUFFIXES = (".service", ".socket", ".timer", ".target", ".path")

_UNIT = re.compile(r"[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\@-]*\Z")


class UnitName(str):
    """``web.service``, ``web@1.service``."""

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
