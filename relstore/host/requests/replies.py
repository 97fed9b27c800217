"""What the store knows, as the protocol's messages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from relstore import protocol
from relstore.formats import pack
from relstore.protocol import fields

if TYPE_CHECKING:
    from relstore.gc.leftovers import Leftover
    from relstore.gc.measure import Measure
    from relstore.gc.plan import Plan
    from relstore.store.history import Row


def row_out(row: Row) -> protocol.RowOut:
    generation = row.generation
    return protocol.RowOut(
        generation.number,
        generation.build,
        generation.created,
        generation.size,
        generation.files,
        *generation.description,
        row.state,
        row.outcome,
        row.outcome_at,
        row.reason,
        row.pins,
    )


def plan_lines(plan: Plan, measured: Measure, leftovers: Sequence[Leftover]) -> list[protocol.PlanLine]:
    """The plan in lines: generations, then builds and leftovers with the bytes that their removal frees."""
    lines = [
        protocol.PlanLine("generation", str(verdict.number), verdict.app, verdict.keep, verdict.reason, 0)
        for verdict in plan.generations
    ]
    lines += [
        protocol.PlanLine(
            "build", verdict.build, "", verdict.keep, verdict.reason, measured.by_build.get(verdict.build, 0)
        )
        for verdict in plan.builds
    ]
    lines += [
        protocol.PlanLine(
            leftover.kind, leftover.path, _app_of(leftover), False, leftover.reason, leftover.bytes
        )
        for leftover in leftovers
    ]
    return lines


def _app_of(leftover: Leftover) -> str:
    return leftover.place[1] if leftover.place[0] == "apps" and len(leftover.place) > 2 else ""


def stream(messages: Iterable[Any]) -> bytes:
    """Messages of one class as a reply's body."""
    return pack.encode_stream(fields.to_values(fields.readable(message)) for message in messages)
