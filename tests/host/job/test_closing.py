"""What a job notes of connections that were closed, and how the log shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.formats import journal as journal_format
from relstore.formats.journal import Event
from relstore.host.job import closing
from relstore.host.job.closing import Closing
from relstore.host.job.log import JobLog
from relstore.host.requests import reading
from relstore.protocol import Log, LogRow
from relstore.store import journal
from relstore.store.app import App
from relstore.store.store import Store
from tests.support.host_side import NOW, WEB
from tests.support.jobs_by_hand import create


@pytest.mark.parametrize(
    ("noted", "sentence"),
    [
        (Closing(NOW, 41, 3, 60, False), "3 connections of generation 41 were closed after 60 s"),
        (Closing(NOW, 41, 1, 60, False), "1 connection of generation 41 was closed after 60 s"),
        (Closing(NOW, 41, 2, 0, True), "2 connections of generation 41 were closed after 0 s (--cut-old)"),
        (
            Closing(NOW, 41, None, 60, False),
            "generation 41 was stopped after 60 s; its connections could not be counted",
        ),
    ],
)
def test_a_closing_in_words(noted: Closing, sentence: str) -> None:
    assert noted.sentence() == sentence


def test_the_log_has_it_by_its_time_and_the_journal_stays_as_it_is(
    store: Store, app: App, tmp_path: Path
) -> None:
    job, _ = create(app, 2)
    before = len(app.events())
    for offset, kind in ((1, "switching"), (2, "active"), (70, "marked-bad")):
        journal.append(app.directory, Event(NOW + offset, kind, 2, 1, job.id, "me@desk", ""))  # type: ignore[arg-type]
    with open(tmp_path / "log", "ab") as file:
        log = JobLog(file.fileno())
        closing.note(job, None, log)
        closing.note(job, Closing(NOW + 62, 1, 3, 60, False), log)
        closing.note(job, Closing(NOW + 63, 1, None, 60, False), log)
    _done, rows = reading.log(store, Log(WEB))
    assert [(row.event, row.connections) for row in rows[before:]] == [
        ("switching", None),
        ("active", None),
        ("connections-closed", 3),
        ("connections-closed", None),
        ("marked-bad", None),
    ]
    assert rows[before + 2] == LogRow(
        NOW + 62, "connections-closed", 1, 0, job.id, "me@desk",
        "3 connections of generation 1 were closed after 60 s", 3,
    )  # fmt: skip
    assert [event.event for event in app.events()[before:]] == ["switching", "active", "marked-bad"]
    assert journal_format.CONNECTIONS_CLOSED not in journal_format.EVENTS
    said = (tmp_path / "log").read_text()
    assert "relstore: 3 connections of generation 1 were closed after 60 s\n" in said


def test_a_note_that_cannot_be_read_is_left_out(store: Store, app: App) -> None:
    job, _ = create(app, 2)
    Path(f"{job.directory.path}/closed").write_bytes(b"\xc1")
    assert [row.event for row in reading.log(store, Log(WEB))[1]] == ["active"]


def test_what_was_asked_is_known_to_the_job(app: App) -> None:
    job, _ = create(app, 2)
    assert not closing.is_asked_at_once(job)
    closing.ask_at_once(job)
    assert closing.is_asked_at_once(job)
