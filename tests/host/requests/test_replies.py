"""What the store knows, as messages."""

from __future__ import annotations

from relstore import protocol
from relstore.formats import pack
from relstore.formats.names import Digest, PinName
from relstore.gc.leftovers import Leftover
from relstore.gc.measure import Measure
from relstore.gc.plan import BuildVerdict, GenerationVerdict, Plan
from relstore.host.requests import replies
from relstore.protocol import fields
from relstore.store.app import App
from relstore.store.store import Store
from tests.support.host_side import NOW, WEB, build_of

BUILD = Digest("a" * 64)
OTHER = Digest("b" * 64)


def test_a_row(store: Store, app: App) -> None:
    app.pin(PinName("stable"), 1)
    assert replies.row_out(app.rows()[0]) == protocol.RowOut(
        1,
        build_of(store, 1),
        NOW,
        8,
        2,
        "me@desk",
        None,
        False,
        "",
        "current",
        "active",
        NOW,
        "",
        ("stable",),
    )


def test_a_plan_in_lines() -> None:
    left = [
        Leftover(("leases", "1"), "lease", "over", 5),
        Leftover(("apps", "web", "jobs", "1"), "job", "old", 6),
    ]
    plan = Plan(
        [GenerationVerdict(WEB, 1, BUILD, False, "old"), GenerationVerdict(WEB, 2, OTHER, True, "current")],
        [BuildVerdict(BUILD, False, "not needed"), BuildVerdict(OTHER, True, "of web 2")],
    )
    assert replies.plan_lines(plan, Measure(3, 77, {BUILD: 70}), left) == [
        protocol.PlanLine("generation", "1", WEB, False, "old", 0),
        protocol.PlanLine("generation", "2", WEB, True, "current", 0),
        protocol.PlanLine("build", BUILD, "", False, "not needed", 70),
        protocol.PlanLine("build", OTHER, "", True, "of web 2", 0),
        protocol.PlanLine("lease", "leases/1", "", False, "over", 5),
        protocol.PlanLine("job", "apps/web/jobs/1", "web", False, "old", 6),
    ]


def test_a_stream_can_be_read_again(store: Store, app: App) -> None:
    rows = [replies.row_out(row) for row in app.rows()]
    values = pack.decode_stream(replies.stream(list(rows)), what="reply", limit=1 << 20)
    assert [fields.from_values(protocol.RowOut, value) for value in values] == rows
    assert replies.stream([]) == b""
