"""How lines of logs look: prefixes, the order of several hosts, and text that wants to be more than text."""

from __future__ import annotations

import json

import pytest

from relstore.cli.console import Console
from relstore.cli.log_view import LogView, in_order
from relstore.client.target import Target
from relstore.protocol import LogLine

WEB1, WEB2 = Target.parse("web1:/srv/web"), Target.parse("deploy@web2:/srv/web")
S = 1_000_000


def line(at: int, text: str, unit: str = "") -> LogLine:
    return LogLine(at * S, unit, 0, None, text)


def texts(*found: tuple[Target, list[LogLine]]) -> list[str]:
    return [each.text for _, each in in_order(found)]


def test_lines_of_several_hosts_are_in_the_order_of_time() -> None:
    assert texts(
        (WEB1, [line(1, "a"), line(3, "c"), line(3, "d")]), (WEB2, [line(2, "b"), line(3, "e"), line(4, "f")])
    ) == ["a", "b", "c", "d", "e", "f"]


def test_lines_of_one_host_keep_their_order() -> None:
    """Its clock was set back, and a line has no time at all."""
    assert texts(
        (WEB1, [line(5, "a"), line(2, "b"), line(0, "c"), line(6, "d")]), (WEB2, [line(4, "x")])
    ) == [
        "x",
        "a",
        "b",
        "c",
        "d",
    ]


def shown(
    capsys: pytest.CaptureFixture[str], targets: list[Target], each: LogLine, *, color: bool = False
) -> str:
    LogView(Console(False, False, False, color, color), targets).show(targets[-1], each)
    return capsys.readouterr().out


def test_one_host_has_no_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, [WEB1], line(0, "hello", "web")) == "web: hello\n"


def test_of_several_hosts_each_line_says_whose_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, [WEB2, WEB1], line(0, "one\ntwo", "web")) == (
        "web1        | web: one\nweb1        | web: two\n"
    )


def test_only_a_terminal_has_colours(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b" not in shown(capsys, [WEB2, WEB1], line(0, "x"))
    coloured = shown(capsys, [WEB2, WEB1], line(0, "x"), color=True)
    assert coloured.startswith("\x1b[33m")
    assert coloured.endswith("web1        | \x1b[0mx\n")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\rb", "a\nb"),
        ("tab\there", "tab\\there"),
        ("\u202eevil", "\\u202eevil"),
        ("", ""),
        ("x" * 9000, "x" * 4001),
    ],
)
def test_text_stays_text(text: str, safe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, [WEB1], line(0, text)) == f"{safe}\n"


def test_json_has_a_document_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    view = LogView(Console(True, False, False, False, False), [WEB1])
    view.show(WEB1, LogLine(1_790_000_000 * S + 5, "web", 12, 6, "one\ntwo\x1b"))
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "command": "logs",
        "target": "web1:/srv/web",
        "time": "2026-09-21T14:13:20.000005Z",
        "unit": "web",
        "pid": 12,
        "priority": 6,
        "message": "one\ntwo\x1b",
    }


def test_a_host_may_say_any_time(capsys: pytest.CaptureFixture[str]) -> None:
    for at in (-1, 2**62):
        assert "x" in shown(capsys, [WEB1], LogLine(at, "", 0, None, "x"))
