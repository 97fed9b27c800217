"""Records of rollouts, as tests write them."""

from __future__ import annotations

from relstore.formats.rollout import RolloutId, RolloutRecord

ID = RolloutId("20261201T094500Z-0a1b2c3d")
RECORD = RolloutRecord(
    ID, 1, "0011223344556677", "ada@laptop", 1_790_000_000, "0" * 64, ("web1", "web2"), "push", 1_790_000_000, 2, 1,
    "wave", 0, 3,
)  # fmt: skip


def another(number: int) -> RolloutRecord:
    """One that began later."""
    return RECORD._replace(
        id=f"20261201T0946{number:02d}Z-0a1b2c3d", epoch=number + 2, claim=f"{number:016x}"
    )
