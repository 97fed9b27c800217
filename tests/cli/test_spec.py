"""What can name a generation, known before any host is asked."""

from __future__ import annotations

import pytest

from relstore.cli.command import Spec
from relstore.errors import UsageError


@pytest.mark.parametrize(
    "spec", ["1", "42", "-1", "+3", "1a2b3c", "0123456", "commit:1a2b", "f" * 64, "123456789"]
)
def test_what_a_host_may_know(spec: str) -> None:
    assert Spec().convert(spec, None, None) == spec


@pytest.mark.parametrize(
    "spec", ["foo", "", "0", "-0", "1a2b3", "commit:x", "commit:", "\u0662", "1\n", "f" * 65]
)
def test_what_no_host_can_know(spec: str) -> None:
    with pytest.raises(UsageError, match="does not name a generation") as caught:
        Spec().convert(spec, None, None)
    assert caught.value.hint
