"""Could this account tell the front which share each slot gets? Part of ``preflight``; changes nothing.

Not for a command of the deployer's: only running it shows what it does.
"""

from __future__ import annotations

from collections.abc import Iterator

from relstore.formats.cut_over import CutOver
from relstore.host.service.haproxy import Haproxy, HaproxyError
from relstore.protocol import Problem


def front_problems(cut_over: CutOver) -> Iterator[Problem]:
    """What is wrong with HAProxy, where that is the front."""
    if cut_over.front is None or cut_over.front.haproxy is None:
        return
    try:
        Haproxy(cut_over.front.haproxy).check()
    except HaproxyError as error:
        yield Problem.of(error.kind, error.what, error.hint)
