"""What an app's service writes: lines of the host's journal, or of a job's log where there is no unit.

Not for the app's own journal of activations (``reading.Log``), nor for following a job
(``activation.Watch``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.formats.names import AppName, UnitName

MAX_LOG_LINES = 10_000
"""In the reply to one request that does not wait for more."""


class Logs(NamedTuple):
    """The last lines, and perhaps those that come. Events: LogLines. Reply: LogsEnd."""

    app: Optional[AppName]
    """None where the units are named."""
    units: tuple[UnitName, ...]
    """Empty: the units of the app's last activation."""
    user: bool
    """Whether they belong to the account's own manager."""
    last: int
    """How many lines at most; of more the last ones."""
    within: int
    """Only lines of the last so many seconds; 0: of any time."""
    wait: int
    """For how many seconds to send the lines that come; 0: only those that are there."""
    after: str
    """Only lines after this place, which LogsEnd named; empty: the last ones."""


class LogLine(NamedTuple):
    at: int
    """In microseconds since 1970, by the host's clock; 0 where that is not known."""
    unit: str
    """What wrote it: a unit, ``systemd`` about one, or ``job``."""
    pid: int
    """Of the process that wrote it, or 0."""
    priority: Optional[int]
    """As of syslog(3); None where it has none."""
    text: str


class LogLines(NamedTuple):
    """Some lines, in their order."""

    lines: tuple[LogLine, ...]
    place: str
    """Behind them, as in LogsEnd; empty where more of the same belong to them."""


class LogsEnd(NamedTuple):
    place: str
    """Where to go on; empty where there was no line yet."""
