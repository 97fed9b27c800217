"""Durations and sizes as a person writes them: ``45s``, ``90m``, ``12h``, ``30d``, ``500M``.

One number and one unit. Months and years have no fixed length, so they are not units.
"""

from __future__ import annotations

import re

from relstore.errors import UsageError

MAX_SECONDS = 36_500 * 86_400
"""A hundred years: long enough for "never", short enough to subtract from any date."""

_TEXT = re.compile(r"([0-9]{1,10})([smhd])")
_FINE_TEXT = re.compile(r"([0-9]{1,10})(ms|[smh])")
_MAX_DIGITS = 15
"""Of a size."""


def duration(text: str) -> int:
    """``text`` in seconds, from 1 to ``MAX_SECONDS``. Raises UsageError."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not a duration",
            hint="Write a whole number and s, m, h or d: 45s, 90m, 12h, 30d.",
        )
    seconds = int(match[1]) * _unit_seconds(match[2])
    if not 1 <= seconds <= MAX_SECONDS:
        raise UsageError(f"{text!r} is out of range", hint="Write something from 1s to 36500d.")
    return seconds


def _unit_seconds(unit: str) -> int:
    return {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[unit]


def milliseconds(text: str) -> int:
    """As ``duration``, in milliseconds; ``ms`` is a unit too, ``d`` is not, and ``0s`` is allowed."""
    from relstore.formats.recipe import MAX_MILLISECONDS  # start-up can do without

    match = _FINE_TEXT.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not a duration",
            hint="Write a whole number and ms, s, m or h: 500ms, 3s, 1m.",
        )
    amount = int(match[1]) * (1 if match[2] == "ms" else 1_000 * _unit_seconds(match[2]))
    if amount > MAX_MILLISECONDS:
        raise UsageError(f"{text!r} is out of range", hint="Write something up to 24h.")
    return amount


def parse_size(text: str) -> int:
    """``500M``, ``2GiB`` or a plain number, in bytes. Raises UsageError."""
    units = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
    number = text.strip().upper().removesuffix("B").removesuffix("I")
    unit = number[-1:] if number[-1:] in units else ""
    digits = number.removesuffix(unit).strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise UsageError(f"{text!r} is not a size", hint="Write a whole number and K, M, G or T: 500M, 2G.")
    return int(digits) * units[unit]
