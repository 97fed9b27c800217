"""The page as a whole: one document without a script, which asks nobody for anything. Pure.

Whatever comes from hosts is text in it (``html``), and its policy forbids a browser all but its one style
sheet.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import relstore
from relstore.cli import text
from relstore.cli.history_page import tables, times
from relstore.cli.history_page.app_history import AppHistory
from relstore.cli.history_page.html import Html, element, joined, trusted
from relstore.cli.history_page.timeline import timeline

_NEVER = ("base-uri 'none'", "form-action 'none'")
"""What the default of a policy leaves open."""
_LEGEND = (
    "What was live when. A colour is a build, its number the generation; dots are activations that failed."
)


@dataclass(frozen=True)
class HistoryPage:
    """What it shows."""

    histories: Sequence[AppHistory]
    missing: Sequence[tuple[str, str]]
    """Hosts that did not answer, and why."""
    subjects: Mapping[str, str]
    """What commits are about, by their names."""
    limit: int
    """How many activations and generations of each app are shown at each host."""
    now: int

    def html(self) -> str:
        """The document."""
        style = resources.files(__package__).joinpath("history.css").read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = "; ".join(("default-src 'none'", f"style-src 'sha256-{digest}'", "img-src data:", *_NEVER))
        apps = sorted({history.app for history in self.histories})
        title = f"History of {', '.join(apps)}" if apps else "History"
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=policy),
            element("meta", name="referrer", content="no-referrer"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("link", rel="icon", href="data:,"),
            element("title", title),
            element("style", trusted(style)),
        )
        body = element("body", element("header", *self._header(title)), element("main", *self._main(apps)))
        return trusted("<!doctype html>\n") + element("html", head, body, lang="en") + "\n"

    def _header(self, title: str) -> list[Html]:
        hosts = len({history.host for history in self.histories})
        summary = joined(
            [
                f"{text.plural(hosts, 'host')}, as they were at ",
                times.shown(self.now),
                f". All times are UTC. Made by relstore {relstore.__version__}.",
            ]
        )
        return [element("h1", title), element("p", summary)]

    def _main(self, apps: Sequence[str]) -> list[Html]:
        parts = []
        if self.missing:
            lines = [element("li", element("strong", host), ": ", why) for host, why in self.missing]
            parts.append(
                element(
                    "section",
                    element("h2", "Hosts that did not answer"),
                    element("ul", *lines),
                    class_="missing",
                )
            )
        # The ids are ours: what a host is called may be anything.
        named = [(f"h{index}", history) for index, history in enumerate(self.histories, 1)]
        parts.append(
            element("section", element("h2", "What is live now"), tables.live_now(named, self.subjects))
            if named
            else element("p", "There are no apps yet.")
        )
        parts += [self._app(app, [each for each in named if each[1].app == app]) for app in apps]
        return parts

    def _app(self, app: str, named: Sequence[tuple[str, AppHistory]]) -> Html:
        drawing = timeline([history for _, history in named], self.now, self.limit)
        figure = (
            element("figure", element("figcaption", _LEGEND), drawing)
            if drawing is not None
            else element("p", "Nothing was ever live.")
        )
        return element(
            "section", element("h2", app), figure, *(self._host(ident, history) for ident, history in named)
        )

    def _host(self, ident: str, history: AppHistory) -> Html:
        parts = [element("h3", f"{history.app} on {history.host}")]
        if history.entries:
            parts.append(tables.activations(history, self.subjects, self.limit))
        else:
            parts.append(element("p", "Nothing was activated yet."))
        if history.generations:
            summary = element("summary", f"Generations of {history.app} on {history.host}")
            table = tables.generations(history, self.subjects, self.limit, self.now)
            parts.append(element("details", summary, table))
        return element("section", *parts, id=ident)
