"""The kinds of preflight's findings: which exist, which may be ignored, and how a sentence carries one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relstore.errors import UsageError
from relstore.formats import finding
from relstore.formats.finding import ASPECTS, BARRIERS, GUESSES, OBSTACLES

SERVICES = Path(__file__).parents[2] / "docs" / "services.md"


def test_a_sentence_carries_its_kind() -> None:
    sentence = finding.marked("restarting web.service needs root", "unit-needs-root")
    assert sentence == "restarting web.service needs root [unit-needs-root]"
    assert finding.kind_of(sentence) == "unit-needs-root"
    assert finding.kind_of("what an older host says [of] it") == ""


def test_kinds_that_may_be_ignored_are_read_once_each() -> None:
    assert finding.parse_guesses(["selinux", "unit-changed", "selinux"]) == ("selinux", "unit-changed")


def test_an_unknown_kind_is_refused_with_the_list_of_all() -> None:
    with pytest.raises(UsageError, match="'unit' is no kind of preflight finding") as caught:
        finding.parse_guesses(["selinux", "unit"])
    assert all(kind in caught.value.hint for kind in GUESSES)


@pytest.mark.parametrize("kind", OBSTACLES)
def test_what_would_leave_an_app_between_two_generations_cannot_be_ignored(kind: str) -> None:
    with pytest.raises(UsageError, match=f"{kind} cannot be ignored"):
        finding.parse_guesses([kind])


def test_the_guide_explains_every_kind() -> None:
    text = SERVICES.read_text()
    assert re.findall(
        r"(?m)^\| `([a-z-]+)` \| [^|]+ \|$", text.partition("| kind | finding |")[2].partition("\n\n")[0]
    ) == list(GUESSES)
    assert all(f"`{kind}`" in text for kind in (*OBSTACLES, *BARRIERS))
    assert re.findall(
        r"(?m)^\| `([a-z]+)` \| [^|]+ \|$", text.partition("| check | what")[2].partition("\n\n")[0]
    ) == list(ASPECTS)


@pytest.mark.parametrize("kind", BARRIERS)
def test_what_ends_every_command_cannot_be_ignored(kind: str) -> None:
    with pytest.raises(UsageError, match=f"{kind} cannot be ignored: nothing could be done at the host"):
        finding.parse_guesses([kind])


def test_every_finding_is_about_something() -> None:
    about = {finding.aspect_of(kind) for kind in (*GUESSES, *OBSTACLES, *BARRIERS)}
    assert about == set(ASPECTS)
