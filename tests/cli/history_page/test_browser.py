"""The page in a real browser: nothing is fetched, nothing complains, all can be read, at two widths, dark and light.

RELSTORE_TEST_PICTURES names a directory that gets a picture of each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relstore.cli.history_page.page import HistoryPage
from tests.cli.history_page import pages
from tests.support import browser as chromium
from tests.support.browser import Browser

if chromium.PROGRAM is None and os.environ.get("RELSTORE_REQUIRE_BROWSER") != "1":
    pytest.skip("Chromium is not installed (Debian's chromium-headless-shell)", allow_module_level=True)

LOOKS = [(width, dark) for width in (1280, 390) for dark in (False, True)]
PAGES = {"ordinary": pages.ordinary, "hostile": pages.hostile}

CONTRASTS = """(() => {
  const parsed = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
  const behind = node => {
    const rect = node.namespaceURI.endsWith('svg') && node.parentNode.querySelector(':scope > rect');
    if (rect) return parsed(getComputedStyle(rect).fill);
    for (let at = node; at; at = at.parentElement) {
      const colour = parsed(getComputedStyle(at).backgroundColor);
      if (colour.length === 3) return colour;
      if (colour[3] !== 0) throw `a translucent background: ${colour}`;
    }
    throw 'no background';
  };
  const found = {};
  const note = (what, colour, back) => {
    const pair = `${what}: ${colour.slice(0, 3)} on ${back}`;
    found[pair] = ratio(colour, back);
  };
  for (const node of document.body.querySelectorAll('*')) {
    const style = getComputedStyle(node);
    const told = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
    if (node.localName === 'title') continue;
    const isDrawn = node.namespaceURI.endsWith('svg');
    if (told) note('text', parsed(isDrawn ? style.fill : style.color), behind(node));
    if (node.matches('.live, .failure')) note('shape', parsed(style.fill), behind(node.closest('figure')));
    const before = getComputedStyle(node, '::before');
    if (before.content.includes('attr') || /^".+"$/.test(before.content)) note('text', parsed(before.color), behind(node));
  }
  return found;
})()"""

OVERFLOWING = """[...document.body.querySelectorAll('*')]
  .filter(node => !node.closest('svg') && node.getClientRects().length)
  .filter(node => node.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(node => node.outerHTML.slice(0, 200))"""

BROKEN_WORDS = """[...document.querySelectorAll('time, code, .badge, .name, .count')]
  .flatMap(node => [...node.childNodes].filter(child => child.nodeType === 3))
  .filter(text => { const range = document.createRange(); range.selectNode(text);
                    return range.getClientRects().length > 1; })
  .map(text => text.data)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.browser() as opened:
        yield opened


@pytest.fixture
def address(tmp_path: Path) -> Callable[[HistoryPage], str]:
    def written(page: HistoryPage) -> str:
        file = tmp_path / "page.html"
        file.write_text(page.html(), encoding="utf-8")
        return f"file://{file}"

    return written


@pytest.mark.parametrize(("width", "dark"), LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_fetched_nothing_complains_and_all_can_be_read(
    name: str, width: int, dark: bool, browser: Browser, address: Callable[[HistoryPage], str]
) -> None:
    where = address(PAGES[name]())
    browser.show(where, width, dark=dark)
    browser.value("document.querySelectorAll('details').forEach(each => each.open = true)")
    if pictures := os.environ.get("RELSTORE_TEST_PICTURES"):
        browser.picture(Path(pictures) / f"{name}-{width}-{'dark' if dark else 'light'}.png")
    assert browser.messages == []
    assert browser.requests == [where]
    contrasts = browser.value(CONTRASTS)
    assert len(contrasts) > 10
    assert {pair: ratio for pair, ratio in contrasts.items() if ratio < (4.5 if pair[0] == "t" else 3)} == {}
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.value(OVERFLOWING) == []
    if name == "ordinary":
        assert browser.value(BROKEN_WORDS) == []
        assert (browser.value("getComputedStyle(document.body).color") == "rgb(27, 32, 38)") != dark


def test_it_is_read_without_a_script(browser: Browser, address: Callable[[HistoryPage], str]) -> None:
    where = address(pages.ordinary())
    browser.show(where, 1280, dark=False, script=False)
    tree = browser.ask("Accessibility.getFullAXTree")["nodes"]
    assert "storefront on deploy@web2" in {node.get("name", {}).get("value") for node in tree}
    assert browser.requests == [where]


@pytest.mark.parametrize("width", [1280, 390])
def test_those_who_hear_it_hear_tables_at_any_width(
    width: int, browser: Browser, address: Callable[[HistoryPage], str]
) -> None:
    browser.show(address(pages.ordinary()), width, dark=False)
    tree = browser.ask("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in tree if not node["ignored"]]
    captions = [node["name"]["value"] for node in tree if node.get("role", {}).get("value") == "table"]
    assert "Activations: the newest 20 of 40" in captions
    assert roles.count("rowheader") >= 40
    assert roles.count("columnheader") >= 12
    assert {"heading", "main", "image", "time", "link", "cell"} <= set(roles)


def test_a_page_that_would_fetch_something_is_seen(browser: Browser, tmp_path: Path) -> None:
    """The test itself can fail."""
    file = tmp_path / "page.html"
    file.write_text(
        "<!doctype html><img src='x.png'><p style='color: #888; background: #999'>x<script>nothing()</script>"
    )
    browser.show(f"file://{file}", 390, dark=False)
    assert len(browser.requests) == 2
    assert browser.messages != []
    assert min(browser.value(CONTRASTS).values()) < 3


def test_the_policy_stops_what_gets_in_all_the_same(browser: Browser, tmp_path: Path) -> None:
    inside = "<img src='http://127.0.0.1:9/x.png'><script>document.title = 'run'</script><p style='color: red'>x</p>"
    file = tmp_path / "page.html"
    file.write_text(pages.ordinary().html().replace("<main>", "<main>" + inside), encoding="utf-8")
    browser.show(f"file://{file}", 390, dark=False)
    assert browser.value("document.title").startswith("History of")
    assert browser.value("getComputedStyle(document.querySelector('main > p')).color") == "rgb(27, 32, 38)"
    assert browser.value("document.querySelector('img').naturalWidth") == 0
    assert len(browser.messages) >= 3
