"""The names of units."""

from __future__ import annotations

import pytest

from relstore.errors import UsageError
from relstore.formats.names import UnitName


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("web", "web.service"),
        ("web.service", "web.service"),
        ("web@1", "web@1.service"),
        ("web@1.service", "web@1.service"),
        ("web.socket", "web.socket"),
        ("my.web", "my.web.service"),
        (r"dev-foo\x2dbar", r"dev-foo\x2dbar.service"),
        ("_x:y", "_x:y.service"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert UnitName.parse(text) == name
    assert UnitName.parse(name) == name


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ".service", "-web", "--all", "web service", "web/x", "../web", "web\n", "web\0", "web;reboot",
        "wéb", "web@", "web@.service", "@1.service", "a" * 256, "$(reboot)", "web*",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        UnitName.parse(text)
