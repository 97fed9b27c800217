"""Each error means one exit code, and each code means something that is written down."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import relstore
from relstore import __main__ as start
from relstore import errors
from relstore.cli import exit_codes
from relstore.cli.status_check import Level

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.RelstoreError) and kind is not errors.ConfigError
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_documented_code(kind: type[errors.RelstoreError]) -> None:
    code = exit_codes.exit_code(kind("what"))
    assert code in exit_codes.MEANINGS
    assert code != exit_codes.DONE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RelstoreError("x"), 1),
        (errors.StoreError("x"), 1),
        (errors.NoSpaceError("x"), 1),
        (errors.ProtocolError("x"), 1),
        (errors.UsageError("x"), 2),
        (errors.ConfigError("x", path="relstore.toml", line=3, key="to"), 2),
        (errors.TargetError("x"), 2),
        (errors.ReleaseFailedError("x"), 3),
        (errors.UnhealthyError("x"), 3),
        (errors.StuckError("x"), 7),
        (errors.SomeHostsFailedError("x"), 4),
        (errors.BusyError("x"), 5),
        (errors.ConnectError("x"), 6),
        (errors.HostKeyError("x"), 6),
        (errors.HelperError("x"), 6),
        (errors.ConnectionLostError("x"), 6),
    ],
)
def test_the_codes(error: errors.RelstoreError, code: int) -> None:
    assert exit_codes.exit_code(error) == code


def test_an_error_crosses_the_wire_as_its_kind() -> None:
    for kind in errors.WIRE_KINDS.values():
        again = errors.from_wire(kind.__name__, "what", "state", "hint")
        assert (type(again), again.what, again.state, again.hint) == (kind, "what", "state", "hint")
    assert type(errors.from_wire("SystemExit", "what", "", "")) is errors.RelstoreError


CLI = Path(relstore.__file__).parent / "cli"
ENDS = {"exit", "_exit", "Exit", "SystemExit", "abort"}
PASSED_ON = {
    ("process.py", "streams.finish(code)"),  # a code from below, or OUTPUT_LOST
    ("main.py", "super().main(*arguments, **{**attributes, **always}) or 0"),  # no command returns anything
    ("main.py", "ended.exit_code"),  # of one of the others
    ("main.py", "_shown(ctx, error)"),  # exit_code(error)
    ("main.py", "_shown(context, restated(error))"),
    ("commands/check.py", "code"),  # exit_code(error)
    ("status_report.py", "int(level)"),  # of --check
}
"""Where a code comes from that is not named on the spot."""


def ends(source: str) -> list[str]:
    """What a module ends the program with, as it is written."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [
        ast.unparse(call.args[0]) if call.args else ""
        for call in calls
        if ast.unparse(call.func).rpartition(".")[2] in ENDS
    ]


def test_the_program_ends_with_nothing_else() -> None:
    found = {
        (str(path.relative_to(CLI)), code) for path in CLI.rglob("*.py") for code in ends(path.read_text())
    }
    named = {f"exit_codes.{name}" for name, value in vars(exit_codes).items() if isinstance(value, int)}
    assert {
        each for each in found if each[1] not in named and not each[1].startswith("exit_code(")
    } == PASSED_ON


def test_another_code_is_seen() -> None:
    assert ends("import sys\nsys.exit(9)\nraise SystemExit('x')\nctx.exit()") == ["9", "'x'", ""]


def test_the_first_lines_of_the_program_know_their_code() -> None:
    """They import nothing, so they have it from nowhere."""
    assert start.INTERRUPTED == exit_codes.INTERRUPTED


def test_a_check_of_the_status_ends_with_codes_of_its_own() -> None:
    assert {int(level) for level in Level} == {0, 1, 2, 3}
