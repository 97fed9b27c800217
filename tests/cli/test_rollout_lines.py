"""A rollout in words, its plan, and the file of its events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relstore.cli import rollout_lines
from relstore.cli.console import Console
from relstore.cli.rollout_events import EventFile
from relstore.cli.rollout_plan import show_plan
from relstore.client.config.share import Share
from relstore.client.rollout.machine import Rollout, run
from relstore.client.rollout.states import Event, HostEnded, HostStaged, RolloutBegun
from relstore.client.rollout.strategy import Strategy
from relstore.errors import UsageError

NAMES = [f"web{number}" for number in range(1, 11)]
CONSOLE = Console(json=False, quiet=False, verbose=False, terminal=False, color=False)


def begun(*more: Event, **strategy: Share) -> Rollout:
    staged = [HostStaged(host, "staged") for host in range(10)]
    return run(Rollout.of(Strategy(max_parallel=20, **strategy), 10), [RolloutBegun(), *staged, *more])[0]


def test_a_wave_in_words() -> None:
    rollout = begun(canary=Share(0))
    assert rollout_lines.where(rollout) == "wave 1 of 1"
    assert rollout_lines.counted(rollout) == "10 activating"
    assert rollout_lines.begun(rollout, NAMES) == (
        "wave 1 of 1: 10 hosts: web1, web2, web3, web4, web5, web6 and 4 more"
    )


def test_a_way_back_in_words() -> None:
    ends = [HostEnded(host, "failed" if host == 3 else "active") for host in range(10)]
    rollout = begun(*ends, canary=Share(0))
    assert rollout_lines.begun(rollout, NAMES) == (
        "reverting, because the release failed on 1 host; the limit is 0: "
        "9 hosts: web1, web2, web3, web5, web6, web7 and 3 more"
    )


@pytest.mark.parametrize(
    ("count", "text"), [(1, "web1"), (7, "web1, web2, web3, web4, web5, web6, web7"), (0, "")]
)
def test_one_more_name_is_not_cut_off(count: int, text: str) -> None:
    assert rollout_lines.several(NAMES[:count]) == text


def test_the_plan_says_who_is_in_no_wave(capsys: pytest.CaptureFixture[str]) -> None:
    strategy = Strategy(upto=(Share(50, is_percent=True),), max_unreachable=Share(1))
    plan = show_plan(
        strategy, NAMES[:6], ["staged", "unchanged", "unreachable", "staged", "staged", "staged"], CONSOLE
    )
    assert capsys.readouterr().out.splitlines() == [
        "wave 1 (canary): 1 host: web1",
        "wave 2: 1 host: web4",
        "wave 3: 2 hosts: web5, web6",
        "unchanged: 1 host: web2",
        "unreachable: 1 host: web3",
    ]
    assert plan["waves"] == [["web1"], ["web4"], ["web5", "web6"]]
    plan = show_plan(strategy, NAMES[:2], ["staged", "refused"], CONSOLE)
    assert capsys.readouterr().out.splitlines()[-1].startswith("nothing would be switched, because")
    assert (plan["waves"], plan["refused"]) == ([], ["web2"])


def test_events_are_appended_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "events"
    for name in ("one", "two"):
        file = EventFile(path, print)
        file.write("host", host=name, state="active")
        file.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["v"], line["event"], line["host"]) for line in lines] == [
        (1, "host", "one"),
        (1, "host", "two"),
    ]


def test_a_file_that_cannot_be_opened_or_written_to(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        EventFile(tmp_path / "no" / "events", print)
    notes: list[str] = []
    file = EventFile(Path("/dev/full"), notes.append)
    for _ in range(3):
        file.write("host", host="web1")
    assert notes == ["--events: no more is written there: No space left on device"]
