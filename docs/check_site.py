"""Looks whether the built site is whole: `make docs` runs it after MkDocs.

    python docs/check_site.py site

Every link and every file that a page needs must be in the site, with the place on the page that it names, and
no page may load anything from elsewhere. Links to other sites, which a reader may follow, are not tried.
"""

from __future__ import annotations

import posixpath
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_FOLLOWED = {"a"}
"""Elements whose address is for the reader to follow; all others load it."""


class Page(HTMLParser):
    """What a page offers, and what it asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.wanted: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.places.add(value)
            elif name in ("href", "src", "poster", "data") and value:
                self.wanted.append((tag, value))


def problems(site: Path) -> list[str]:
    pages = {
        path.relative_to(site).as_posix(): Page(path.read_text("utf-8")) for path in site.glob("**/*.html")
    }
    return [
        f"{name}: {what}"
        for name, page in sorted(pages.items())
        for tag, address in page.wanted
        if (what := problem(site, pages, name, tag, address))
    ]


def problem(site: Path, pages: dict[str, Page], name: str, tag: str, address: str) -> str:
    """What is wrong with an address that a page asks for, or an empty text."""
    parts = urlsplit(address)
    if parts.scheme in ("data", "mailto"):
        return ""
    if parts.scheme or parts.netloc:
        return "" if tag in _FOLLOWED else f"<{tag}> loads {address}"
    # The page for what is not found is shown anywhere, so its addresses begin at the top.
    path = posixpath.normpath(posixpath.join("/", posixpath.dirname(name), unquote(parts.path))).lstrip("/")
    target = name if not parts.path else path
    if (site / target).is_dir():
        target = posixpath.normpath(posixpath.join(target, "index.html"))
    if not (site / target).is_file():
        return f"{address} leads nowhere"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
        return f"{address}: there is no such place on {target}"
    return ""


if __name__ == "__main__":
    found = problems(Path(sys.argv[1]))
    print(
        "\n".join(found) or f"{sys.argv[1]}: every link leads somewhere, and nothing is loaded from elsewhere"
    )
    sys.exit(bool(found))
