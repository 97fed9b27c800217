"""Each way to move the traffic: where the links lead after each step, what the front is told, and what is left
when it cannot be told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.errors import DamagedError
from relstore.formats.command import Command
from relstore.formats.cut_over import COMMAND, HAPROXY, LINK, NONE, CutOver
from relstore.formats.front import Front, HaproxyApi
from relstore.formats.names import BackendName, TemplateName
from relstore.host.job import haproxy_traffic, ways
from relstore.host.job.command_traffic import Asking
from relstore.host.job.hooks import Hooks
from relstore.host.job.log import JobLog
from relstore.host.job.traffic import Traffic, reached
from relstore.host.service.haproxy import Haproxy
from relstore.store.app import App
from relstore.store.slots import Shift, Slots
from relstore.store.store import Store
from tests.support.haproxy import RealHaproxy, running

WEB = CutOver(TemplateName.parse("web@"), LINK, "/run/web-{slot}/sock", 60, False, 10_000)


class Scene:
    """An app whose slot a runs generation 1 and has the traffic, and whose slot b runs generation 2."""

    def __init__(self, store: Store, app: App, directory: Path) -> None:
        self.slots = Slots(app.directory, store.durability)
        self.slots.set("a", 1)
        self.slots.set("b", 2)
        self.slots.set_live(WEB, "a")
        self._path = Path(app.directory.path)
        self._log = directory / "log"
        self._fd = os.open(self._log, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        generations = {generation.number: generation for generation in app.generations()}
        log = JobLog(self._fd)
        hooks = Hooks(store.root.path, app.name, f"{app.directory.path}/current", log)
        self._asking = Asking(hooks, generations, generations[2])
        self._job_log = log

    def traffic(self, cut_over: CutOver) -> Traffic:
        return ways.traffic(self.slots, cut_over, self._job_log, self._asking)

    @property
    def links(self) -> tuple[str, str]:
        """The slots that ``live`` and ``next`` lead to; ``-``: there is no such link."""
        found = []
        for name in ("live", "next"):
            path = self._path / name
            found.append(os.readlink(path)[len("/run/web-")] if path.is_symlink() else "-")
        return found[0], found[1]

    @property
    def said(self) -> list[str]:
        return self._log.read_text().splitlines()

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def scene(store: Store, app: App, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(store, app, tmp_path)
    yield made
    made.close()


def test_a_link_moves_everything(scene: Scene) -> None:
    traffic = scene.traffic(WEB)
    assert traffic.prepare(gradual=True) == ""
    assert traffic.give("b", 100) == ""
    assert scene.links == ("b", "-")
    assert traffic.lost(100) == ""
    assert scene.said == ["relstore: slot b has the traffic"]
    traffic.give_back("a")
    assert traffic.wind_up() == ""
    assert scene.links == ("a", "-")
    traffic.give_back(None)
    assert scene.links == ("-", "-")
    with pytest.raises(ValueError, match="link cannot move 10 %"):
        traffic.give("b", 10)


def test_of_workers_only_a_note_moves(scene: Scene) -> None:
    workers = WEB._replace(way=NONE, socket="")
    scene.slots.set_live(workers, "a")
    traffic = scene.traffic(workers)
    assert traffic.give("b", 100) == ""
    assert scene.slots.live(workers) == "b"
    assert scene.said == []


@pytest.mark.parametrize(
    "cut_over",
    [
        WEB._replace(way=HAPROXY),
        WEB._replace(way=COMMAND),
        WEB._replace(way=HAPROXY, front=Front((), None, Command(("true",), 5))),
        WEB._replace(way=COMMAND, front=Front((), HaproxyApi("/x", BackendName("web")), None)),
        WEB._replace(way="magic"),  # type: ignore[arg-type]
    ],
)
def test_a_way_that_cannot_be_carried_out_is_not_taken_for_a_link(scene: Scene, cut_over: CutOver) -> None:
    with pytest.raises(DamagedError, match="cannot be carried out"):
        scene.traffic(cut_over)


@pytest.mark.parametrize(
    ("way", "live", "shift", "expected"),
    [
        (LINK, "a", None, "a"),
        (LINK, None, None, ""),
        (HAPROXY, "a", Shift("b", "b", 10), "ab"),
        (HAPROXY, "a", Shift("a", "b", 10), "a"),
        (HAPROXY, "b", Shift("b", "b", 50), "b"),
        (COMMAND, "a", Shift("a", "b", 10), "ab"),
        (COMMAND, "b", Shift("b", "b", 100), "ab"),
        (COMMAND, "a", None, "a"),
    ],
)
def test_which_slots_a_request_may_reach(
    scene: Scene, way: str, live: str | None, shift: Shift | None, expected: str
) -> None:
    cut_over = WEB._replace(way=way)  # type: ignore[arg-type]
    scene.slots.set_live(cut_over, live)  # type: ignore[arg-type]
    if shift is not None:
        scene.slots.begin_shift(cut_over, shift.new, shift.share)
        scene.slots.turn_shift(cut_over, shift.next)
    assert reached(scene.slots, cut_over) == frozenset(expected)


# -- HAProxy -------------------------------------------------------------------------------------


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealHaproxy]:
    with running(tmp_path) as haproxy:
        yield haproxy


def by_haproxy(real: RealHaproxy) -> CutOver:
    return WEB._replace(way=HAPROXY, front=Front((10, 50), real.api, None))


def test_haproxy_gets_the_shares_and_then_the_link_moves(scene: Scene, real: RealHaproxy) -> None:
    traffic = scene.traffic(by_haproxy(real))
    haproxy = Haproxy(real.api)
    assert traffic.prepare(gradual=True) == ""
    for share in (10, 50):
        assert traffic.give("b", share) == ""
        assert scene.links == ("a", "b")
        assert haproxy.look().share == share
        assert traffic.lost(share) == ""
    assert scene.slots.shift(WEB) == Shift("b", "b", 50)
    assert traffic.give("b", 100) == ""
    assert scene.links == ("b", "-")
    assert haproxy.look().share == 0
    assert scene.said == [
        "relstore: slot b has 10 % of the traffic",
        "relstore: slot b has 50 % of the traffic",
        "relstore: slot b has the traffic",
    ]


@pytest.mark.parametrize("share", [10, 100])
def test_haproxy_takes_the_share_back(scene: Scene, real: RealHaproxy, share: int) -> None:
    traffic = scene.traffic(by_haproxy(real))
    traffic.give("b", share)
    traffic.give_back("a")
    assert scene.links == ("a", "a" if share == 10 else "-")
    assert traffic.wind_up() == ""
    assert scene.links == ("a", "-")
    assert Haproxy(real.api).look().share == 0


def test_a_share_that_haproxy_forgot_is_noticed(scene: Scene, real: RealHaproxy) -> None:
    traffic = scene.traffic(by_haproxy(real))
    traffic.give("b", 10)
    real.restart()
    assert traffic.lost(10) == "HAProxy has weight 100 for `live` and 0 for `next`, not 90 and 10"
    assert traffic.give("b", 10) == ""
    assert traffic.lost(10) == ""
    real.stop()
    assert "cannot be used" in traffic.lost(10)
    assert traffic.lost(100) == ""  # then the links alone decide


def test_without_haproxy_the_links_lead_back(
    scene: Scene, real: RealHaproxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(haproxy_traffic, "_RETRY_S", 0.5)
    cut_over = by_haproxy(real)
    traffic = scene.traffic(cut_over)
    traffic.give("b", 10)
    real.stop()
    assert "slot b did not get 50 % of the traffic: HAProxy's socket" in traffic.give("b", 50)
    traffic.give_back("a")
    problem = traffic.wind_up()
    assert "both of its servers lead to slot a" in problem
    assert scene.links == ("a", "a")
    assert reached(scene.slots, cut_over) == {"a"}
    assert "Is HAProxy running" in traffic.prepare(gradual=True)
    real.restart()
    assert traffic.prepare(gradual=True) == ""
    assert scene.links == ("a", "-")


def test_without_haproxy_the_links_lead_forward_too(
    scene: Scene, real: RealHaproxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step needs nobody: whatever HAProxy's weights are, both of its servers lead to the new slot."""
    monkeypatch.setattr(haproxy_traffic, "_RETRY_S", 0.5)
    cut_over = by_haproxy(real)
    traffic = scene.traffic(cut_over)
    traffic.give("b", 50)
    real.stop()
    assert traffic.give("b", 100) == ""
    assert scene.links == ("b", "b")
    assert reached(scene.slots, cut_over) == {"b"}
    assert "both of its servers lead to slot b" in scene.said[-1]
    real.restart()
    assert traffic.wind_up() == ""
    assert scene.links == ("b", "-")


def test_haproxy_is_looked_at_before_anything_moves(scene: Scene, real: RealHaproxy) -> None:
    haproxy = Haproxy(real.api)
    haproxy.set_share(30)  # by hand, or by a job that died
    assert scene.traffic(by_haproxy(real)).prepare(gradual=True) == ""
    assert haproxy.look().share == 0
    front = Front((), real.api._replace(backend=BackendName("other")), None)
    traffic = scene.traffic(WEB._replace(way=HAPROXY, front=front))
    assert "has no backend other" in traffic.prepare(gradual=True)
    assert traffic.prepare(gradual=False) == ""  # going back to what was active needs the links alone
    assert "has no backend other; the links alone move the traffic" in scene.said[-1]
    assert scene.links == ("a", "-")


# -- a command -----------------------------------------------------------------------------------

ASK = (
    'echo "$RELSTORE_DIRECTION $RELSTORE_SLOT $RELSTORE_SHARE $RELSTORE_SOCKET $RELSTORE_OTHER_SOCKET '
    '$RELSTORE_GENERATION $(cat version) live=$(readlink $(dirname $RELSTORE_CURRENT)/live)" >> {0}/asked; '
    "test ! -e {0}/refuse"
)


def by_command(directory: Path, seconds: int = 5) -> CutOver:
    words = ("sh", "-c", ASK.format(directory))
    return WEB._replace(way=COMMAND, front=Front((10,), None, Command(words, seconds)))


def asked(directory: Path) -> list[str]:
    path = directory / "asked"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_a_command_is_asked_for_each_share_and_for_the_way_back(scene: Scene, tmp_path: Path) -> None:
    traffic = scene.traffic(by_command(tmp_path))
    assert traffic.prepare(gradual=True) == ""
    assert asked(tmp_path) == []
    assert traffic.give("b", 10) == ""
    assert scene.links == ("a", "b")
    assert asked(tmp_path) == ["forward b 10 /run/web-b/sock /run/web-a/sock 2 2 live=/run/web-a/sock"]
    traffic.give_back("a")
    assert scene.links == ("a", "a")
    assert traffic.wind_up() == ""
    assert asked(tmp_path) == ["back b 0 /run/web-b/sock /run/web-a/sock 2 2 live=/run/web-a/sock"]
    assert scene.links == ("a", "-")
    assert traffic.give("b", 100) == ""
    assert scene.links == ("b", "-")
    assert asked(tmp_path) == ["forward b 100 /run/web-b/sock /run/web-a/sock 2 2 live=/run/web-b/sock"]
    assert traffic.wind_up() == ""
    assert asked(tmp_path) == []
    traffic.give_back("a")  # it turned bad with all of the traffic
    assert scene.links == ("a", "a")
    assert traffic.wind_up() == ""
    assert asked(tmp_path) == ["back b 0 /run/web-b/sock /run/web-a/sock 2 2 live=/run/web-a/sock"]
    assert scene.links == ("a", "-")


@pytest.mark.parametrize("share", [10, 100])
def test_a_command_that_fails_on_the_way_back_keeps_the_new_slot(
    scene: Scene, tmp_path: Path, share: int
) -> None:
    cut_over = by_command(tmp_path)
    traffic = scene.traffic(cut_over)
    (tmp_path / "refuse").touch()
    assert "the cut-over command failed: `echo" in traffic.give("b", share)
    traffic.give_back("a")
    problem = traffic.wind_up()
    assert f"still send up to {share} % of the traffic to slot b, so both slots go on to run" in problem
    assert scene.links == ("a", "a")
    assert reached(scene.slots, cut_over) == {"a", "b"}
    assert traffic.prepare(gradual=True) == problem
    (tmp_path / "refuse").unlink()
    asked(tmp_path)
    assert traffic.prepare(gradual=True) == ""
    assert [line.split()[:3] for line in asked(tmp_path)] == [["back", "b", "0"]]
    assert reached(scene.slots, cut_over) == {"a"}


def test_the_last_word_to_a_command_is_said_again(scene: Scene, tmp_path: Path) -> None:
    """A job that is taken up after ``current`` had moved cannot go back any more."""
    cut_over = by_command(tmp_path)
    traffic = scene.traffic(cut_over)
    (tmp_path / "refuse").touch()
    assert traffic.give("b", 100)
    assert scene.links == ("b", "b")
    assert "may still not send all of the traffic to slot b" in traffic.wind_up()
    assert reached(scene.slots, cut_over) == {"a", "b"}
    (tmp_path / "refuse").unlink()
    asked(tmp_path)
    assert traffic.wind_up() == ""
    assert [line.split()[:3] for line in asked(tmp_path)] == [["forward", "b", "100"]]
    assert scene.links == ("b", "-")


def test_a_first_release_is_taken_back_by_the_command_too(scene: Scene, tmp_path: Path) -> None:
    traffic = scene.traffic(by_command(tmp_path))
    scene.slots.remove("a")
    scene.slots.set_live(WEB, None)
    assert traffic.give("b", 100) == ""
    traffic.give_back(None)
    assert scene.links == ("-", "b")
    assert traffic.wind_up() == ""
    assert [line.split()[:3] for line in asked(tmp_path)] == [["forward", "b", "100"], ["back", "b", "0"]]
    assert scene.links == ("-", "-")


def test_a_command_that_hangs_has_failed(scene: Scene) -> None:
    hangs = Front((), None, Command(("sleep", "60"), 1))
    problem = scene.traffic(WEB._replace(way=COMMAND, front=hangs)).give("b", 100)
    assert "did not end within 1 s and was killed" in problem
    assert scene.slots.shift(WEB) == Shift("b", "b", 100)


def test_another_way_takes_over_what_a_command_left(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "refuse").touch()
    traffic = scene.traffic(by_command(tmp_path))
    traffic.give("b", 10)
    traffic.give_back("a")
    assert traffic.wind_up()
    assert scene.traffic(WEB).prepare(gradual=True) == ""
    assert scene.links == ("a", "-")
