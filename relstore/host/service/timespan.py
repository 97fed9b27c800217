"""Time spans as ``systemctl show`` prints them (systemd.time(7)): ``1min 30s``, ``infinity``. Pure."""

from __future__ import annotations

import re

_SECONDS = {
    "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0,
    "month": 2629800.0, "y": 31557600.0,
}  # fmt: skip
_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([a-z]+)\Z")


def seconds(text: str) -> float:
    """How long it is; 0 for one without an end, and for what is none."""
    total = 0.0
    for part in text.split():
        match = _PART.match(part)
        if not match or match[2] not in _SECONDS:
            return 0.0
        total += float(match[1]) * _SECONDS[match[2]]
    return total
