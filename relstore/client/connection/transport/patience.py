"""How patient a connection over SSH is, whichever transport makes it: the login, and silence after it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import TypeVar

from relstore.errors import ConnectError

KEEPALIVE_INTERVAL = 15
KEEPALIVE_COUNT = 3
"""A host that is silent for a minute counts as lost; a plain TCP connection would wait for hours."""

LOGIN_TIMEOUT = 120.0
"""Seconds for a login: a person may have to touch a security key."""

_PAUSES = (0.2, 0.4, 0.8, 1.6, 1.6, 1.6)

_TURNED_AWAY = re.compile(
    r"^(?:kex|ssh)_exchange_identification: .*(?:closed|reset)|^Not allowed at this time", re.MULTILINE
)

E = TypeVar("E", bound=ConnectError)


def pauses() -> Iterator[float]:
    """Seconds before each further attempt where sshd has too many logins just now.

    They vary by a half, so that those who were turned away return apart.
    """
    return (pause * random.uniform(0.5, 1.5) for pause in _PAUSES)  # noqa: S311 - no secret


def says_turned_away(said: str) -> bool:
    """Whether ssh(1) was hung up on before the banner, as sshd does beyond its MaxStartups."""
    return _TURNED_AWAY.search(said) is not None


def after(attempts: int, error: E) -> E:
    """The error of the last attempt, which says how many there were."""
    if attempts > 1:
        error.what += f" ({attempts} attempts)"
    return error
