"""What an upload says of its link."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from relstore.client.connection.transport.link_state import LinkState
from relstore.client.reporter import Reporter
from relstore.client.transfer.chunks import Chunk
from relstore.client.transfer.meter import Meter

MB = 1_000_000


def metered(monkeypatch: pytest.MonkeyPatch, *, sending: float, between: float) -> Meter:
    """Four chunks of a MB, so long each in sending and before the next, by a clock of its own."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    meter = Meter("web1", 4 * MB, Reporter())

    async def send() -> None:
        now[0] += sending

    async def all_of_it() -> None:
        for _ in range(4):
            await meter.sending(send(), Chunk(bytes(MB), MB))
            now[0] += between

    asyncio.run(all_of_it())
    return meter


def test_without_the_kernels_word_it_is_what_was_sent_in_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = metered(monkeypatch, sending=1.0, between=0.0)
    assert meter.waited
    assert meter.speed() == pytest.approx(MB)


def test_nothing_is_said_when_the_link_was_not_what_took_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = metered(monkeypatch, sending=0.1, between=1.0)
    assert not meter.waited
    assert meter.speed() is None


def test_what_travels_after_it_was_handed_over_waited_for_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = metered(monkeypatch, sending=0.01, between=0.01)
    now = time.monotonic() + 2.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert meter.waited


def test_nothing_is_said_when_the_kernel_never_saw_the_link_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = metered(monkeypatch, sending=1.0, between=0.0)
    meter.saw(LinkState(0.0001, None))
    assert meter.speed() is None


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([2.4], 2.4),
        ([0.8, 1.8, 2.3, 2.4, 2.4], 2.4),
        ([0.1] * 5 + [12.0] * 4 + [500.0], 12.0),
    ],
    ids=["one", "slow at first", "one burst"],
)
def test_the_kernels_word_goes_first(rates: Sequence[float], expected: float) -> None:
    meter = Meter("web1", MB, Reporter())
    for rate in rates:
        meter.saw(LinkState(0.04, rate))
    meter.saw(LinkState(0.04, None))
    meter.saw(None)
    assert meter.speed() == expected
