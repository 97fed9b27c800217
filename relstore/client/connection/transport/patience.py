"""How patient a connection over SSH is, whichever transport makes it: the login, and silence after it."""

from __future__ import annotations

import random
from collections.abc import Iterator

KEEPALIVE_INTERVAL = 15
KEEPALIVE_COUNT = 3
"""A host that is silent for a minute counts as lost; a plain TCP connection would wait for hours."""

LOGIN_TIMEOUT = 120.0
"""Seconds for a login: a person may have to touch a security key."""

_PAUSES = (0.2, 0.4, 0.8, 1.6)


def pauses() -> Iterator[float]:
    """Seconds before each further attempt where sshd has too many logins just now.

    They vary by a half, so that those who were turned away return apart.
    """
    return (pause * random.uniform(0.5, 1.5) for pause in _PAUSES)  # noqa: S311 - no secret
