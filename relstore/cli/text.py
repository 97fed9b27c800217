"""Values as text for people: sizes, times, tables, and text from untrusted sources. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escape(text: str) -> str:
    """``text`` with control characters (C0 but newline and tab, C1, bidi) made visible.

    A host, a manifest or a file name must not be able to move the cursor or rewrite what was shown.
    """
    return _UNSAFE.sub(_visible, text)


def one_line(text: str) -> str:
    """``escape`` with newlines and tabs made visible too."""
    return escape(text).replace("\n", "\\n").replace("\t", "\\t")


def size(count: int) -> str:
    """Bytes for people, in powers of 1000: ``44.1 MB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.95:
            return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def moment(seconds: int) -> str:
    """A time since 1970 in local time, ``2026-11-23 04:47:41``; ``-`` for 0.

    A host may send any number: one that is no year of ours is shown as it is, ``@4611686018427387904``.
    """
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else "-"
    except (ValueError, OverflowError, OSError):
        return f"@{seconds}"


def iso(seconds: int) -> str | None:
    """A time since 1970 in UTC for machines, ``2026-11-23T04:47:41Z``; None for 0 and for no year of ours."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None


def duration(seconds: int) -> str:
    """A length of time in its largest whole unit: ``12 s``, ``5 min``, ``3 h``, ``2 d``."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def age(seconds: int, now: int) -> str:
    """How long before ``now`` that time was, ``3 h ago``; after two months the day; ``-`` for 0.

    A host's clock may be ahead of ours: half a minute is nothing, and more is shown as the time it gave.
    """
    ago = now - seconds
    if not seconds or ago < -30:
        return moment(seconds)
    return f"{duration(max(ago, 0))} ago" if ago < 60 * 86_400 else moment(seconds).partition(" ")[0]


def plural(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def columns(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Plain aligned columns, two spaces apart; the last one is not padded."""
    lines = [headers, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(headers))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
