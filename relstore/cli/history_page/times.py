"""Times as a page shows them: in UTC, since nobody knows where it is read. Pure."""

from __future__ import annotations

import time

from relstore.cli.history_page.html import Html, element

LATEST = 253_402_300_799
"""The last second of the year 9999; what is later, or before 1970, is not a time that a host had."""


def shown(seconds: int) -> str | Html:
    """A ``time`` element; the number itself where it is no time of ours, and ``-`` for 0."""
    if not seconds:
        return "-"
    if not is_time(seconds):
        return f"@{seconds}"
    moment = time.gmtime(seconds)
    return element(
        "time",
        time.strftime("%Y-%m-%d %H:%M:%S", moment),
        datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ", moment),
    )


def is_time(seconds: int) -> bool:
    return 0 < seconds <= LATEST


def tick(seconds: float, whole: float) -> str:
    """A time on an axis that is ``whole`` seconds long."""
    return time.strftime("%Y-%m-%d" if whole > 8 * 86_400 else "%m-%d %H:%M", time.gmtime(seconds))
