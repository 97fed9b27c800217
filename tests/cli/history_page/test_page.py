"""What the page says, and that it is valid and safe whatever hosts sent."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from relstore.cli.history_page.page import HistoryPage
from relstore.cli.history_page.timeline import timeline
from tests.cli.history_page import pages
from tests.support.deploy_history import FAILURE, HOUR, MadeHistory, made

TIDY = shutil.which("tidy")
UNKNOWN_TO_TIDY = re.compile(r'Warning: <svg> proprietary attribute "(x|y|width|height)"$')
ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "link",
        "title",
        "style",
        "body",
        "header",
        "main",
        "section",
        "h1",
        "h2",
        "h3",
    ),
    *("p", "ul", "li", "strong", "a", "figure", "figcaption", "details", "summary", "span", "code", "time"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "rect", "text", "circle", "line"),
}
VOID = ("meta", "link")


class Outline(HTMLParser):
    """Reads a page, and fails where its elements are not closed as they were opened."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        assert not [name for name in given if name.startswith("on") or name == "style"], given
        assert given.get("content") is None or tag == "meta"
        self.addresses += [
            value or "" for name, value in attrs if name in ("href", "src", "action", "xlink:href")
        ]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "th" in self.open or "td" in self.open:
            self.rows[-1][-1] += data


@pytest.mark.parametrize("make", [pages.ordinary, pages.hostile])
def test_only_what_we_wrote_is_markup(make: Callable[[], HistoryPage]) -> None:
    page = make().html()
    outline = Outline(page)
    assert outline.tags == ALLOWED
    assert len(set(outline.ids)) == len(outline.ids)
    assert set(outline.addresses) == {"data:,", *(f"#{ident}" for ident in outline.ids)}
    assert "\x1b" not in page
    assert page.count("default-src &#x27;none&#x27;") == 1
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize("make", [pages.ordinary, pages.hostile, lambda: HistoryPage([], [], {}, 5, 1)])
def test_it_is_valid(make: Callable[[], HistoryPage]) -> None:
    if TIDY is None and os.environ.get("RELSTORE_REQUIRE_BROWSER") != "1":
        pytest.skip("tidy is not installed")
    assert TIDY is not None
    ran = subprocess.run(
        [TIDY, "-quiet", "-errors", "-utf8"], input=make().html().encode(), capture_output=True
    )
    complaints = [line for line in ran.stderr.decode().splitlines() if not UNKNOWN_TO_TIDY.search(line)]
    assert complaints == []


def test_it_says_what_was_and_what_is() -> None:
    rows = Outline(pages.ordinary().html()).rows
    assert rows[0] == ["App", "Host", "Generation", "Since", "Content", "Activations"]
    assert rows[1][:3] == ["storefront", "deploy@web1", "40"]
    assert rows[2][:3] == ["storefront", "deploy@web2", "39"]
    assert rows[4] == ["zero", "deploy@web1", "none", "-", "-", "0"]
    assert rows[1][5] == "40, 4 failed"
    activations = [row for row in rows if len(row) == 6 and row[1] == "39 → 40"]
    assert activations[0][2:5] == ["active", "7 s", "ada@laptop"]
    assert re.fullmatch("[0-9a-f]{9} Subject 40", activations[0][5])
    (failed,) = [row for row in rows if row[1] == "31 → 32"][:1]
    assert failed[2] == "rolled-back"
    assert failed[5].endswith(FAILURE)
    (went_back,) = [row for row in rows if row[1] == "40 → 39"]
    assert went_back[4] == "grace@desk"
    (generation,) = [row for row in rows if row[0] == "40" and row[2] == "current"]
    assert generation[3:5] == ["69 min", "40.0 MB, 12 files"]


def test_what_is_not_shown_is_counted() -> None:
    page = pages.ordinary(300, limit=10).html()
    assert "Activations: the newest 10 of 300" in page
    assert "Generations: the newest 10 of 300" in page
    assert len(page) < 100_000


def test_ten_thousand_generations_are_a_page_that_can_be_used() -> None:
    history = pages.history_of(made(10_000))
    page = HistoryPage([history], [], {}, 100, 1_900_000_000).html()
    assert len(page) < 300_000


def test_times_that_no_host_has() -> None:
    page = pages.hostile().html()
    assert "@4611686018427387904" in page
    assert not re.search(r'datetime="(?!\d{4}-)', page)


def test_the_timeline_is_as_long_as_what_it_shows() -> None:
    released = MadeHistory()
    released.release()
    released.release()
    released.release("rolled-back", reason=FAILURE)
    drawn = timeline([pages.history_of(released)], released.now + HOUR + 7, 9)
    assert drawn is not None
    bars = re.findall(r'<svg x="([\d.]+)%" y="31" width="([\d.]+)%"', drawn)
    assert bars == [("0.000", "33.333"), ("33.333", "66.667")]
    assert re.findall(r'<circle class="failure" cx="([\d.]+)%"', drawn) == ["66.602"]
    assert f"2 -&gt; 3: rolled-back, {FAILURE}" in drawn


def test_one_build_has_one_colour_at_all_hosts() -> None:
    one, two = made(12), MadeHistory()
    for number in (3, 9):
        two.release()
        two.rows[-1] = two.rows[-1]._replace(build=one.rows[number - 1].build)
    drawn = timeline([pages.history_of(one), pages.history_of(two, "b")], one.now, 50)
    assert drawn is not None
    colours = dict(
        re.findall(
            r"<title>generation (\d+), .*?</title><rect class=\"live (colour-\d)\"", drawn.split(">b<")[0]
        )
    )
    others = dict(
        re.findall(
            r"<title>generation (\d+), .*?</title><rect class=\"live (colour-\d)\"", drawn.split(">b<")[1]
        )
    )
    assert (others["1"], others["2"]) == (colours["3"], colours["9"])


def test_nothing_was_ever_live() -> None:
    assert timeline([pages.history_of(MadeHistory())], 5, 9) is None


def test_a_long_reason_begins_with_its_first_line() -> None:
    released = MadeHistory()
    released.release("rolled-back", reason="web.service failed\nline 1\nline 2")
    page = HistoryPage([pages.history_of(released)], [], {}, 5, released.now).html()
    assert (
        '<summary class="why">web.service failed</summary><p class="why">web.service failed\nline 1\nline 2</p>'
        in page
    )


def test_a_mark_does_not_change_since_when_something_is_live() -> None:
    released = MadeHistory()
    released.release()
    live = released.now + 7
    released.rows[0] = released.rows[0]._replace(outcome="marked-good", outcome_at=live + HOUR)
    history = pages.history_of(released)
    assert history.current_since == live
    released.events.clear()
    assert pages.history_of(released).current_since == live + HOUR
