"""Each error means one exit code, and each code means something that is written down."""

from __future__ import annotations

import inspect

import pytest

from relstore import errors
from relstore.cli import exit_codes

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
