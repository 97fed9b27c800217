"""What is remembered of generations for the completion of the shell."""

from __future__ import annotations

from pathlib import Path

from relstore.client.local_state.seen_generations import SeenGeneration, SeenGenerations
from relstore.formats.names import AppName

WEB = AppName("web")


def test_the_newest_come_back_first(tmp_path: Path) -> None:
    seen = SeenGenerations(tmp_path / "file")
    seen.keep("web1:/srv/web", WEB, [SeenGeneration(number, "good") for number in range(1, 101)], ["stable"])
    seen.keep("web2:/srv/web", WEB, [], [])
    seen.flush()
    second, first = SeenGenerations(tmp_path / "file").apps()
    assert (first.store, first.app, first.pins) == ("web1:/srv/web", "web", ("stable",))
    assert [one.number for one in first.generations] == list(range(100, 50, -1))
    assert (second.store, second.generations) == ("web2:/srv/web", ())


def test_nothing_that_a_shell_could_take_for_more_comes_back(tmp_path: Path) -> None:
    seen = SeenGenerations(tmp_path / "file")
    seen.keep("web1:/srv/web", WEB, [], ["$(reboot)"])
    assert list(seen.apps()) == []
