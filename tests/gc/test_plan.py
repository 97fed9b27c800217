"""The plan keeps all that is needed, whatever the policy, and says why."""

from __future__ import annotations

import pytest
from hypothesis import given

from relstore.formats import generation as generation_format
from relstore.formats.journal import ACTIVE, FAILED, INTERRUPTED, ROLLED_BACK
from relstore.formats.names import AppName, Digest
from relstore.formats.retention import Policy
from relstore.gc.plan import Plan, Roots, make_plan
from relstore.store.history import Row
from tests.support.histories import DAY, NOW, WEB, History, build, contents, histories, policies, rows

NOTHING = Policy(0, None)
"""A policy that keeps none."""


def plan_of(history: list[Row], policy: Policy = NOTHING, **more: object) -> Plan:
    parts = {"jobs": {}, "leased": (), "running": (), **more}
    roots = Roots({WEB: history}, **parts)  # type: ignore[arg-type]
    return make_plan(roots, [row.generation.build for row in history], {WEB: policy}, NOW, contents)


def reasons(plan: Plan) -> dict[int, tuple[bool, str]]:
    return {verdict.number: (verdict.keep, verdict.reason) for verdict in plan.generations}


def test_what_is_needed_stays_and_says_why() -> None:
    history = rows(
        ACTIVE, FAILED, ACTIVE, ACTIVE, ROLLED_BACK, ACTIVE, INTERRUPTED, "",
        current=6, pins=[("stable", 3), ("best", 3)],
    )  # fmt: skip
    plan = plan_of(history, jobs={WEB: {2}}, running=[build("5")])
    assert reasons(plan) == {
        1: (False, "beyond the last 0 good ones"),
        2: (True, "a job or a rollout needs it"),
        3: (True, "pinned as stable, best"),
        4: (True, "the one to roll back to"),
        5: (True, "a process runs it"),
        6: (True, "current"),
        7: (True, "waiting to be activated"),
        8: (True, "waiting to be activated"),
    }


def test_what_a_slot_runs_stays() -> None:
    plan = plan_of(rows(ACTIVE, ACTIVE, ACTIVE, current=3), slots={WEB: [1, 3]})
    assert reasons(plan)[1] == (True, "a slot runs it")
    assert len(plan.dead_builds) == 0


@pytest.mark.parametrize("policy", [NOTHING, Policy(None, None, 1)])
def test_a_pin_that_cannot_be_read_keeps_its_app_and_no_other(policy: Policy) -> None:
    history = rows(ACTIVE, ACTIVE, ACTIVE, current=3)
    plan = plan_of(history, policy, damaged_pins={WEB: "unreadable"})
    assert reasons(plan)[1] == (True, "a pin of the app cannot be read")
    assert plan.dead_builds == []
    others = plan_of(history, policy, damaged_pins={AppName("other"): "unreadable"})
    assert others.dead_builds == [build("1")]


@pytest.mark.parametrize(
    ("outcomes", "current", "expected"),
    [
        pytest.param((ACTIVE, FAILED, ACTIVE), 3, 1, id="a failed one between is passed over"),
        pytest.param((FAILED, ACTIVE), 2, None, id="none is good"),
        pytest.param((ACTIVE, ACTIVE, ACTIVE), 2, 1, id="back on an older one"),
        pytest.param((ACTIVE, ACTIVE), None, 2, id="no link at all"),
    ],
)
def test_the_one_to_roll_back_to(
    outcomes: tuple[str, ...], current: int | None, expected: int | None
) -> None:
    plan = plan_of(rows(*outcomes, current=current))
    named = [number for number, (_, reason) in reasons(plan).items() if reason == "the one to roll back to"]
    assert named == ([] if expected is None else [expected])


def test_what_was_never_active_waits_only_after_the_current_one() -> None:
    verdicts = reasons(plan_of(rows("", ACTIVE, "", current=2)))
    assert verdicts[1] == (False, "never active, and older than the current one")
    assert verdicts[3] == (True, "waiting to be activated")


def test_deleted_ones_are_not_spoken_of_and_keep_no_build() -> None:
    plan = plan_of(rows(ACTIVE, ACTIVE, ACTIVE, current=3, deleted=[1]), Policy(5, None))
    assert set(reasons(plan)) == {2, 3}
    assert plan.dead_builds == [build("1")]


def test_a_policy_for_one_app_leaves_the_others_alone() -> None:
    other = AppName("other")
    roots = Roots({WEB: rows(ACTIVE, ACTIVE, ACTIVE), other: rows(ACTIVE, ACTIVE, ACTIVE)}, {}, (), ())
    plan = make_plan(roots, [], {WEB: Policy(0, None)}, NOW, contents)
    assert [(verdict.app, verdict.number) for verdict in plan.dead_generations] == [(WEB, 1), (WEB, 2)]
    assert {verdict.reason for verdict in plan.generations if verdict.app == other} == {
        "no policy was given", "the one to roll back to",
    }  # fmt: skip


def test_a_build_stays_for_any_reason_that_there_is() -> None:
    history = rows(ACTIVE, ACTIVE, current=2, deleted=[1])
    roots = Roots({WEB: history}, {}, [build("a")], [build("b")])
    plan = make_plan(roots, [build(letter) for letter in "cba2"], {WEB: NOTHING}, NOW, contents)
    assert [(verdict.build, verdict.keep, verdict.reason) for verdict in plan.builds] == [
        (build("2"), True, "of web 2"),
        (build("a"), True, "an upload is making it"),
        (build("b"), True, "a process runs it"),
        (build("c"), False, "no generation needs it"),
    ]


def test_a_build_of_many_generations_names_a_few() -> None:
    many = [row._replace(generation=row.generation._replace(build=build("1"))) for row in rows(*[ACTIVE] * 9)]
    plan = make_plan(Roots({WEB: many}, {}, (), ()), [build("1")], {WEB: Policy(9, None)}, NOW, contents)
    assert plan.builds[0].reason == "of web 1, web 2, web 3, web 4, web 5"


def test_over_a_size_the_oldest_go_and_what_failed_before_what_is_good() -> None:
    """Each has 4 bytes with all, 8 with its neighbour, and one more than its number of its own."""
    history = rows(ACTIVE, ACTIVE, FAILED, ACTIVE, ACTIVE, ACTIVE, current=6)
    beyond = "beyond the {} bytes that the app may have"
    made = reasons(plan_of(history, Policy(max_size=1000)))
    assert all(keep for keep, _ in made.values())
    # Current and the one to roll back to: 4, 8 for each, 7 and 6.
    for size in (1, 33, 33 + 4):
        made = reasons(plan_of(history, Policy(max_size=size)))
        assert {number for number, (keep, _) in made.items() if keep} == {5, 6}
        assert made[1] == (False, beyond.format(size))
    # Generation 4 shares its 8 with 5: 5 more. Then 2 would be 11 more, and it goes although 1 is smaller.
    made = reasons(plan_of(history, Policy(max_size=33 + 5 + 10)))
    assert {number for number, (keep, _) in made.items() if keep} == {4, 5, 6}
    made = reasons(plan_of(history, Policy(max_size=33 + 5 + 11)))
    assert {number for number, (keep, _) in made.items() if keep} == {2, 4, 5, 6}


def test_what_takes_no_more_room_stays() -> None:
    history = [
        row._replace(generation=row.generation._replace(build=build("1"))) for row in rows(*[ACTIVE] * 4)
    ]
    assert plan_of(history, Policy(max_size=1)).dead_generations == []


def test_a_size_is_a_limit_for_what_the_others_keep() -> None:
    history = rows(*[ACTIVE] * 5, current=5)
    assert len(plan_of(history, Policy(keep=5)).dead_generations) == 0
    assert len(plan_of(history, Policy(keep=5, max_size=1)).dead_generations) == 3


# --- for any history and any policy ---------------------------------------------------------------


def protected(history: History) -> set[int]:
    """What may never go, put together again from the promises."""
    listed = [row for row in history.rows if row.state != generation_format.DELETED]
    current = next((row.generation.number for row in listed if row.state == generation_format.CURRENT), 0)
    good = [row.generation.number for row in listed if row.is_good and row.state != generation_format.CURRENT]
    before = [number for number in good if not current or number < current]
    return {
        row.generation.number
        for row in listed
        if row.generation.number in {current, *before[-1:], *history.jobs}
        or row.pins
        or row.generation.build in history.running
        or (row.state == generation_format.NEVER_ACTIVE and row.generation.number > current)
    }


def plan(history: History, policy: Policy) -> Plan:
    return make_plan(history.roots, history.builds, {WEB: policy}, NOW, contents)


def kept(made: Plan) -> set[int]:
    return {verdict.number for verdict in made.generations if verdict.keep}


@given(histories(), policies())
def test_what_is_needed_never_goes(history: History, policy: Policy) -> None:
    made = plan(history, policy)
    assert protected(history) <= kept(made)
    needed: set[Digest] = {
        row.generation.build for row in history.rows if row.generation.number in protected(history)
    }
    assert not (needed | history.leased | history.running) & set(made.dead_builds)


@given(histories(), policies())
def test_each_verdict_is_given_once_with_a_reason(history: History, policy: Policy) -> None:
    made = plan(history, policy)
    listed = [row.generation.number for row in history.rows if row.state != generation_format.DELETED]
    assert [verdict.number for verdict in made.generations] == listed
    assert [verdict.build for verdict in made.builds] == sorted(history.builds)
    assert all(verdict.reason for verdict in (*made.generations, *made.builds))


@given(histories(), policies())
def test_a_build_stays_exactly_when_something_needs_it(history: History, policy: Policy) -> None:
    made = plan(history, policy)
    wanted = (
        {verdict.build for verdict in made.generations if verdict.keep} | history.leased | history.running
    )
    assert set(made.dead_builds) == set(history.builds) - wanted


@given(histories(), policies())
def test_keep_keeps_exactly_the_last_good_ones_and_what_is_needed(history: History, policy: Policy) -> None:
    if policy.keep is None:
        return
    good = [row.generation.number for row in history.rows if row.is_good]
    last = set(good[max(0, len(good) - policy.keep) :])
    assert kept(plan(history, Policy(policy.keep, None))) == last | protected(history)


@given(histories(), policies())
def test_failed_ones_change_nothing_for_the_others(history: History, policy: Policy) -> None:
    """Neither counted as good nor as anything else: without them all others are judged the same.

    Except what is pinned or otherwise needed, the bytes of which are there whatever became of it.
    """
    failed = {
        row.generation.number for row in history.rows if row.state == generation_format.FAILED
    } - protected(history)
    without = history._replace(rows=[row for row in history.rows if row.generation.number not in failed])
    assert kept(plan(without, policy)) == kept(plan(history, policy)) - failed


@given(histories(), policies())
def test_without_a_policy_every_generation_stays(history: History, policy: Policy) -> None:
    made = plan(history, Policy(None, None))
    assert made.dead_generations == []
    assert kept(plan(history, policy)) <= kept(made)


@given(histories())
def test_a_policy_that_reaches_far_enough_keeps_all(history: History) -> None:
    assert plan(history, Policy(None, 20 * DAY)).dead_generations == []
