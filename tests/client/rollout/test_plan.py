"""The plan of a rollout, which a host keeps and may have changed: read as it was written, or refused."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.client.rollout.plan import PlannedHost, RolloutPlan, digest
from relstore.errors import FormatError, RelstoreError
from relstore.formats import pack
from relstore.formats.names import AppName, Digest
from tests.support.rollouts import ID

BUILD = Digest("ab" * 32)
PLAN = RolloutPlan(
    ID,
    AppName("web"),
    "push",
    (
        PlannedHost("web1", "staged", 7, BUILD),
        PlannedHost("web2", "unchanged", 3, BUILD),
        PlannedHost("web3", "unreachable", 0, None),
        PlannedHost("web4", "staged", 9, BUILD),
    ),
    ((0,), (3,)),
    20,
    1,
    0,
    "revert",
    frozenset({0}),
    True,
    30_000,
    900,
)


def values() -> list[Any]:
    return list(pack.decode_stream(PLAN.encode(), what="plan", limit=1 << 20))


def test_it_is_read_as_it_was_written() -> None:
    assert RolloutPlan.parse(PLAN.encode()) == PLAN
    assert digest(PLAN.encode()) == digest(RolloutPlan.parse(PLAN.encode()).encode())


def test_a_thousand_hosts_are_a_small_plan() -> None:
    hosts = tuple(PlannedHost(f"web{n}.example.org", "staged", n + 1, BUILD) for n in range(1000))
    raw = RolloutPlan(**{**vars(PLAN), "hosts": hosts, "waves": (tuple(range(1000)),)}).encode()
    assert len(raw) < 120_000
    assert len(RolloutPlan.parse(raw).hosts) == 1000


@pytest.mark.parametrize(
    ("row", "field", "to"),
    [
        (0, 1, 2), (1, 0, ""), (1, 0, 5), (1, 1, "eaten"), (1, 2, -1), (1, 2, 2**40), (1, 3, "no build"), (1, 3, 5),
        (1, 4, 7), (1, 4, -1), (2, 4, 0), (2, 0, "web1"), (4, 4, 3),
    ],
)  # fmt: skip
def test_what_nobody_planned_is_refused(row: int, field: int, to: Any) -> None:
    changed = values()
    changed[row][field] = to
    with pytest.raises(FormatError):
        RolloutPlan.parse(pack.encode_stream(changed))


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("hosts", 3), ("hosts", None), ("max_parallel", 0), ("max_failures", -1), ("on_failure", "explode"), ("pauses", 5),
        ("id", "../.."), ("app", "../.."), ("bake_ms", "long"), ("deadline_s", 2**40),
    ],
)  # fmt: skip
def test_a_head_that_nobody_wrote_is_refused(name: str, to: Any) -> None:
    changed = values()
    changed[0][2][name] = to
    with pytest.raises(RelstoreError):
        RolloutPlan.parse(pack.encode_stream(changed))


def test_what_a_later_relstore_adds_is_passed_over() -> None:
    changed = values()
    changed[0][2]["approved_by"] = ["carol"]
    changed[1].append("more")
    assert RolloutPlan.parse(pack.encode_stream(changed)) == PLAN


@given(st.binary(max_size=100) | st.just(PLAN.encode()), st.integers(0, 400), st.integers(0, 255))
def test_any_bytes_are_read_or_refused(raw: bytes, at: int, byte: int) -> None:
    bent = bytearray(raw)
    if at < len(bent):
        bent[at] = byte
    with contextlib.suppress(RelstoreError):
        RolloutPlan.parse(bytes(bent))
