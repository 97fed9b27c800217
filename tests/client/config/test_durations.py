"""Durations: what is one, and what is not."""

from __future__ import annotations

import pytest

from relstore.client.config.amounts import MAX_SECONDS, duration
from relstore.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("45s", 45),
        ("90m", 5_400),
        ("12h", 43_200),
        ("30d", 2_592_000),
        ("030d", 2_592_000),
        ("36500d", MAX_SECONDS),
    ],
)
def test_reads(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "s", "30", "30 d", " 30d", "30d\n", "30D", "1.5h", "-1d", "+1d", "1h30m", "1w", "1y"),
        *("٣d", "0s", "00d", "36501d", "9999999999d", "99999999999999999999s"),
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        duration(text)
    assert repr(text) in caught.value.what
    assert "1s to 36500d" in caught.value.hint or "30d" in caught.value.hint
