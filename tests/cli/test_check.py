"""How ``relstore check`` looks: one line for a good host, one for each finding, with what to do below it."""

from __future__ import annotations

import sys

import click
import pytest
from rich.cells import cell_len

from relstore.cli.commands import check
from relstore.cli.console import Console
from relstore.client.operations.host_check import CheckLine, HostReport, not_reached
from relstore.client.target import Target
from relstore.errors import ConnectError

GOOD = HostReport((CheckLine("login", "good", "as deploy"), CheckLine("sudo", "good", "allows it")))
BAD = HostReport(
    (
        CheckLine("login", "good", "as deploy"),
        CheckLine(
            "sudo",
            "finding",
            "sudo does not allow this: `systemctl restart web.service`",
            "sudo-refuses",
            "`relstore sudoers` prints the rule that allows it.",
        ),
        CheckLine(
            "journal", "ignored", "deploy may not read the journal\x1b[2J", "journal-closed", "usermod"
        ),
    )
)
LOST = not_reached(ConnectError("web3 does not answer", hint="Is the host up?"))
REPORTS = [
    (Target.parse(f"deploy@web{number}:/srv/web"), report)
    for number, report in ((1, GOOD), (2, BAD), (3, LOST))
]


def shown(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    check._show(REPORTS, Console(False, False, False, columns > 0, False))
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_it_fits_a_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = shown(columns, monkeypatch, capsys)
    assert all(cell_len(line) <= columns for line in lines)
    text = "\n".join(lines)
    assert "`systemctl restart web.service`" in text
    assert "`relstore sudoers`" in text
    assert all(kind in text for kind in ("[sudo-refuses]", "[journal-closed]", "[host-unreachable]"))
    assert "\x1b" not in text


def test_in_a_pipe_each_finding_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(0, monkeypatch, capsys) == [
        "host         check    what was seen",
        "deploy@web1  all      good, login, sudo",
        "deploy@web2  sudo     sudo does not allow this: `systemctl restart web.service` [sudo-refuses]",
        "  next: `relstore sudoers` prints the rule that allows it.",
        "deploy@web2  journal  ignored, deploy may not read the journal\\x1b[2J [journal-closed]",
        "deploy@web3  login    web3 does not answer [host-unreachable]",
        "  next: Is the host up?",
    ]


@pytest.mark.parametrize(
    ("reports", "code"), [(REPORTS[:1], 0), (REPORTS[1:2], 1), (REPORTS[2:], 6), (REPORTS, 4)]
)
def test_the_exit_code(
    reports: list[tuple[Target, HostReport]], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Console(False, False, False, sys.stdout.isatty(), False)
    if not code:
        check._end(reports, screen)
        return
    with pytest.raises(click.exceptions.Exit) as ended:
        check._end(reports, screen)
    assert ended.value.exit_code == code
    assert "relstore check" in capsys.readouterr().err
