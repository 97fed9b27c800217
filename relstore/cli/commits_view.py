"""The commits between two generations, as a person and as a program read them."""

from __future__ import annotations

from typing import Any

from relstore.cli.console import Console
from relstore.cli.table import Column
from relstore.client.artifact.git_log import CommitBetween, CommitsBetween
from relstore.formats.generation import short_commit

_COLUMNS = (
    Column("change", styles={"added": "green", "removed": "red"}),
    Column("commit"),
    Column("subject", wraps=True),
)


def show(between: CommitsBetween | None, screen: Console) -> None:
    """A table below another one; nothing where there are none, or they are not known."""
    if between is None or not between.commits:
        return
    screen.report()
    screen.table(
        _COLUMNS,
        [[_change(each), short_commit(each.commit, dirty=False), each.subject] for each in between.commits],
    )
    if between.is_cut:
        screen.report("and older ones")


def fields(between: CommitsBetween | None) -> dict[str, Any]:
    """A host's part of the document of `diff`."""
    return {
        "commits": None
        if between is None
        else [
            {"commit": each.commit, "subject": each.subject, "change": _change(each)}
            for each in between.commits
        ],
        "commits_are_cut": between is not None and between.is_cut,
    }


def _change(commit: CommitBetween) -> str:
    return "added" if commit.is_added else "removed"
