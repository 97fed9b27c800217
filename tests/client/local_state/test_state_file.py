"""A file that remembers: read once, written seldom, and shared with other processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.local_state import state_file
from relstore.client.local_state.state_file import StateFile, load


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """``load`` and ``save``, as they are called."""
    made: list[str] = []
    for name in ("load", "save"):
        real = getattr(state_file, name)
        monkeypatch.setattr(state_file, name, lambda *words, n=name, r=real: (made.append(n), r(*words))[1])
    return made


def test_many_entries_cost_two_writings(tmp_path: Path, calls: list[str]) -> None:
    file = StateFile(tmp_path / "file.json", 1000)
    for number in range(200):
        assert file.entries.get(f"web{number}") is None
        file.put(f"web{number}", number)
    file.flush()
    file.flush()
    assert calls.count("save") == 2
    assert calls.count("load") == 3
    assert load(tmp_path / "file.json") == {f"web{number}": number for number in range(200)}


def test_the_first_entry_is_written_at_once(tmp_path: Path) -> None:
    StateFile(tmp_path / "file.json", 10).put("web1", 1)
    assert load(tmp_path / "file.json") == {"web1": 1}


def test_what_another_process_wrote_meanwhile_stays(tmp_path: Path) -> None:
    ours, theirs = (StateFile(tmp_path / "file.json", 3) for _ in range(2))
    ours.put("a", 1)
    theirs.put("b", 2)
    ours.put("a", 3)
    ours.flush()
    assert load(tmp_path / "file.json") == {"b": 2, "a": 3}
    for key in "cd":
        ours.put(key, 4)
    ours.flush()
    assert list(load(tmp_path / "file.json")) == ["a", "c", "d"]


def test_without_a_path_nothing_is_remembered() -> None:
    file = StateFile(None, 10)
    file.put("a", 1)
    file.flush()
    assert file.entries == {}
