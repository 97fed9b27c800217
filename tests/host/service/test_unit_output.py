"""The excerpt of a unit's journal: where it begins, and what is said where it cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from relstore.formats.names import UnitName
from relstore.formats.recipe import Units
from relstore.host.machine import tools
from relstore.host.machine.privilege import Privilege
from relstore.host.machine.tools import ToolResult
from relstore.host.service import unit_output
from relstore.host.service.systemd import Systemd
from relstore.host.service.unit_output import UnitOutput

WEB = UnitName("web.service")


OLD = "900.000001 systemd[1]: Started web.service.\n"
FAREWELL = "4000000000.000001 systemd[1]: Stopped web.service.\n"
NEW = "4000000000.000002 web[7]: no database: refused\n                   at line 3\n"


class Host:
    """Answers for systemctl and journalctl; ``asked`` has the arguments of every journalctl."""

    def __init__(self, code: int = 0) -> None:
        self.invocation = "old"
        self.asked: list[Sequence[str]] = []
        self._code = code

    def run(self, words: Sequence[str], *, seconds: float) -> ToolResult:
        if words[0] == "systemctl":
            return ToolResult(0, f"InvocationID={self.invocation}\n", "")
        self.asked.append(words)
        return ToolResult(self._code, FAREWELL if "INVOCATION_ID=old" in words else OLD + FAREWELL + NEW, "")


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[[Host], UnitOutput]:
    def made(host: Host) -> UnitOutput:
        monkeypatch.setattr(tools, "run", host.run)
        output = UnitOutput(Systemd(Units((WEB,)), Privilege()), [WEB], user=False)
        output.begin()
        return output

    return made


def test_after_a_restart_it_begins_after_the_last_line_of_the_previous_run(
    make: Callable[[Host], UnitOutput],
) -> None:
    host = Host()
    output = make(host)
    host.invocation = "new"
    assert output.quoted(5e9) == "\nthe last lines of web.service:\n  no database: refused\n  at line 3"


def test_after_a_reload_it_begins_with_the_reload(make: Callable[[Host], UnitOutput]) -> None:
    quoted = make(Host()).quoted(5e9)
    assert "Started" not in quoted
    assert "\n  Stopped web.service.\n  no database" in quoted


@pytest.mark.parametrize("readable", [True, False])
def test_who_may_not_read_it_learns_how(
    make: Callable[[Host], UnitOutput], monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    monkeypatch.setattr(unit_output, "is_readable", lambda: readable)
    quoted = make(Host(code=1)).quoted(5e9)
    assert ("may not read the journal of web.service" in quoted) is not readable
    assert ("usermod -aG systemd-journal" in quoted) is not readable


def test_a_journal_is_readable_where_its_file_is_or_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "journal"
    assert unit_output.is_readable([str(place)])
    (place / "machine").mkdir(parents=True)
    assert unit_output.is_readable([str(place)])
    (place / "machine" / "system.journal").touch()
    assert unit_output.is_readable([str(place)])
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert not unit_output.is_readable([str(place)])
