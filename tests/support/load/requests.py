"""One request of the load, and what came of it. Pure; not for making requests (``generator``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

Kind = Literal["new", "busy", "idle", "work", "answer", "stream"]
"""``new``: a connection of its own; ``busy`` and ``idle``: one that is kept, with and without a pause between its
requests; ``work``: 300 ms of work; ``answer``: one that takes seconds; ``stream``: one that goes on for seconds."""
KINDS: tuple[Kind, ...] = get_args(Kind)

Outcome = Literal["ok", "failed", "cut", "closed", "unanswered"]
"""``failed``: not answered, or not with 200; ``cut``: the answer broke off.

The other two happen only to connections that are kept, and the caller asks again on a new one, as every client of
HTTP does: ``closed``, when it was found closed before the request; ``unanswered``, when it closed after the request
was sent and before any of its answer."""
BROKEN: tuple[Outcome, ...] = ("failed", "cut")


class Request(NamedTuple):
    """One request of a caller."""

    began: float
    """Seconds of the wall clock, which callers and hosts share."""
    seconds: float
    kind: Kind
    outcome: Outcome
    release: str
    """Which one answered; empty where none did."""
    detail: str

    @property
    def ended(self) -> float:
        return self.began + self.seconds


@dataclass(frozen=True)
class Account:
    """Every request of some time."""

    requests: tuple[Request, ...]
    lag: float = 0.0
    """The longest that the callers themselves were late, in seconds."""

    @property
    def asked(self) -> int:
        return len(self.requests)

    @property
    def broken(self) -> list[Request]:
        """What nobody may see: requests that failed, and answers that broke off."""
        return [request for request in self.requests if request.outcome in BROKEN]

    @property
    def closed(self) -> int:
        """Connections that were kept, and closed between two requests."""
        return self.count("closed")

    @property
    def releases(self) -> Counter[str]:
        """How many good answers each release gave."""
        return Counter(request.release for request in self.requests if request.outcome == "ok")

    def count(self, *outcomes: Outcome) -> int:
        return sum(request.outcome in outcomes for request in self.requests)

    def between(self, begin: float, end: float) -> Account:
        """What ended in that time."""
        return Account(tuple(_within(self.requests, begin, end)), self.lag)

    def first_good(self, since: float) -> Request | None:
        """The first request that began after ``since`` and was answered well, in the order of the answers."""
        later = (request for request in self.requests if request.began >= since and request.outcome == "ok")
        return min(later, key=lambda request: request.ended, default=None)

    def bad_for(self, *kinds: Kind) -> float:
        """For how many seconds requests went on to fail: from the first bad answer to the beginning of the last
        request that got one, in ``kinds``."""
        broken = [request for request in self.broken if request.kind in kinds]
        if not broken:
            return 0.0
        first = min(request.ended for request in broken)
        return max(0.0, max(request.began for request in broken) - first)

    def reasons(self) -> Counter[str]:
        """What happened to those that are not ok, in words."""
        return Counter(
            f"{request.kind} {request.outcome}: {request.detail}".rstrip(": ")
            for request in self.requests
            if request.outcome != "ok"
        )


def _within(requests: Iterable[Request], begin: float, end: float) -> Iterator[Request]:
    return (request for request in requests if begin <= request.ended < end)
