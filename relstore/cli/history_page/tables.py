"""The tables of the page: activations, generations, and what is live where. Pure.

On a narrow screen a row becomes a card, in which each cell is named by its column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relstore.cli import text
from relstore.cli.history_page import times
from relstore.cli.history_page.app_history import FAILURES, AppHistory
from relstore.cli.history_page.html import Html, element, joined
from relstore.cli.live_periods import live_seconds
from relstore.formats import generation as states
from relstore.formats import journal
from relstore.formats.generation import short_commit
from relstore.protocol import LogRow, RowOut

_LOOKS = {
    **dict.fromkeys((*FAILURES, journal.MARKED_BAD, journal.WITHDRAWN, states.FAILED), "bad"),
    **dict.fromkeys((journal.ACTIVE, journal.MARKED_GOOD, states.CURRENT), "good"),
    **dict.fromkeys((journal.INTERRUPTED, "no outcome", states.NEVER_ACTIVE), "doubtful"),
}
_LONG = 300
"""Characters of a reason that are shown at once."""

Subjects = Mapping[str, str]
"""What commits are about, by their names."""


def live_now(histories: Sequence[tuple[str, AppHistory]], subjects: Subjects) -> Html:
    """A row for each host of each app; the ids lead to what follows about it."""
    rows = []
    for ident, history in histories:
        row = history.current
        failed, total = len(history.failures), len(history.entries)
        rows.append(
            [
                element("a", history.app, href=f"#{ident}", class_="name"),
                _name(history.host),
                str(row.number) if row else "none",
                times.shown(history.current_since),
                _content(row, subjects, ()),
                _count(f"{total:,}, {failed:,} failed" if failed else f"{total:,}"),
            ]
        )
    names = ("App", "Host", "Generation", "Since", "Content", "Activations")
    return table("Each app at each host", names, rows)


def activations(history: AppHistory, subjects: Subjects, limit: int) -> Html:
    """The newest ``limit``, the last one first."""
    rows = [
        [
            times.shown(entry.first.time),
            entry.change.replace("->", "→"),
            _badge(entry.ended),
            entry.took or "-",
            _name(entry.first.who),
            _content(history.generations.get(entry.first.generation), subjects, entry.events),
        ]
        for entry in history.entries[-limit:][::-1]
    ]
    caption = _caption("Activations", len(rows), len(history.entries))
    return table(caption, ("When", "Generation", "Outcome", "Took", "By", "Content"), rows)


def generations(history: AppHistory, subjects: Subjects, limit: int, now: int) -> Html:
    """The newest ``limit``, the last one first."""
    live = live_seconds(history.periods, now)
    newest = [history.generations[number] for number in sorted(history.generations)][-limit:][::-1]
    rows = [
        [
            str(row.number),
            times.shown(row.created),
            _badge(row.state),
            text.duration(live[row.number]) if row.number in live else "never",
            _count(f"{text.size(row.size)}, {text.plural(row.files, 'file')}"),
            element("code", row.build.short),
            _name(row.who),
            _content(row, subjects, ()),
        ]
        for row in newest
    ]
    caption = _caption("Generations", len(rows), len(history.generations))
    names = ("Generation", "Recorded", "State", "Live for", "Size", "Build", "By", "Content")
    return table(caption, names, rows)


def table(caption: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """The first cell of a row names it."""
    head = [element("th", name, scope="col") for name in names]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", data_label=names[0]),
            *(element("td", cell, data_label=name) for name, cell in zip(names[1:], row[1:], strict=True)),
        )
        for row in rows
    ]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
    )


def _caption(what: str, shown: int, all_of_them: int) -> str:
    return f"{what}: the newest {shown:,} of {all_of_them:,}" if shown < all_of_them else f"{what}: {shown:,}"


def _reason(reason: str) -> Html:
    """Its first line; the whole on demand, where that is more."""
    first = reason.partition("\n")[0]
    if first == reason and len(reason) <= _LONG:
        return element("p", reason, class_="why")
    begin = first if len(first) <= _LONG else f"{first[:_LONG]}…"
    return element(
        "details",
        element("summary", begin, class_="why"),
        element("p", reason, class_="why"),
        class_="reason",
    )


def _name(name: str) -> Html:
    """It is broken only where it is longer than any name should be."""
    return element("span", name or "-", class_="name")


def _count(words: str) -> Html:
    return element("span", words, class_="count")


def _badge(word: str) -> Html:
    return element("span", word, class_=f"badge {_LOOKS.get(word, 'plain')}")


def _content(row: RowOut | None, subjects: Subjects, events: Sequence[LogRow]) -> Html:
    """What is in the release, as far as people said, and why something happened to it."""
    lines = []
    if row is not None and row.commit:
        commit = element("code", short_commit(row.commit, dirty=row.dirty))
        lines.append(element("p", joined([commit, subjects.get(row.commit)], " ")))
    if row is not None and row.note:
        lines.append(element("p", row.note, class_="note"))
    if row is not None and row.pins:
        lines.append(element("p", f"pinned as {', '.join(row.pins)}", class_="note"))
    lines += [_reason(event.reason) for event in events if event.reason]
    return joined(lines) if lines else joined(["-"])
