"""Whatever a request has written can be read afterwards: texts that are too long are refused before anything is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relstore import protocol
from relstore.formats.command import Command
from relstore.formats.names import AppName, JobId
from relstore.formats.recipe import Recipe
from relstore.host.helpers import Bundle
from relstore.store.app import App
from tests.support.conversation import talk
from tests.support.host_side import WEB, snapshot

LONG = "w" * 70_000
JOB = JobId("20261123T044741Z-0a1b2c3d")


@pytest.mark.parametrize(
    "request_",
    [
        protocol.Mark(WEB, "1", True, LONG, ""),
        protocol.Mark(WEB, "1", True, "me", LONG),
        protocol.Mark(WEB, LONG, True, "me", ""),
        protocol.Delete(WEB, ("2", LONG), "me", False),
        protocol.Delete(WEB, ("2",), LONG, False),
        protocol.Collect(None, None, None, LONG, False),
        protocol.Hold(WEB, LONG, "why"),
        protocol.Hold(WEB, "me", LONG),
        protocol.Activate(WEB, "2", LONG, Recipe()),
        protocol.Activate(WEB, "2", "me", Recipe(restart=Command(("true", LONG), 5))),
        protocol.Cancel(WEB, JOB, LONG),
        protocol.Publish(WEB, "me", None, False, LONG),
        protocol.Become(LONG),
        protocol.Reject(LONG),
    ],
    ids=lambda request: type(request).__name__,
)
def test_a_text_that_is_too_long_changes_nothing(app: App, top: Path, bundle: Bundle, request_: Any) -> None:
    before = snapshot(top)
    failure = talk(top, bundle, request_).failure
    assert failure.kind == "FormatError"
    assert "70,000 characters; at most" in failure.what
    assert snapshot(top) == before


def test_the_longest_texts_can_be_read_again(app: App, top: Path, bundle: Bundle) -> None:
    who, name = "é" * 255, AppName(WEB)
    asked = talk(
        top,
        bundle,
        protocol.Mark(name, "1", True, who, "é" * 4000),
        protocol.Hold(name, who, "é" * 2000),
        protocol.Status(name),
        protocol.Log(name),
    )
    assert asked.failures == []
