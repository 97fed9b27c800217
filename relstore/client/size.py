"""Amounts of bytes as people write them: ``500M``, ``2G``."""

from __future__ import annotations

from relstore.errors import UsageError

_MAX_DIGITS = 15


def parse_size(text: str) -> int:
    """Bytes, from ``500M``, ``2GiB`` or a number. Raises UsageError."""
    units = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
    number = text.strip().upper().removesuffix("B").removesuffix("I")
    unit = number[-1:] if number[-1:] in units else ""
    digits = number.removesuffix(unit).strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise UsageError(f"{text!r} is not a size", hint="Write 500M or 2G.")
    return int(digits) * units[unit]
