"""How long systemd says that something takes."""

from __future__ import annotations

import pytest

from relstore.host.service.timespan import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1min 30s", 90.0),
        ("4s", 4.0),
        ("250ms", 0.25),
        ("2h 5min", 7500.0),
        ("1.5s", 1.5),
        ("infinity", 0.0),
        ("", 0.0),
        ("[not set]", 0.0),
        ("1 s", 0.0),
    ],
)
def test_what_it_means(text: str, expected: float) -> None:
    assert seconds(text) == expected
