"""No text gets into a page unescaped."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.cli.history_page.html import Html, element, joined

HOSTILE = (
    "<script>alert(1)</script>",
    "</td></tr></table><h1>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "&lt;img src=x&gt; &amp;",
    "<!-- -->]]>",
    "</style><style>*{display:none}",
    "</title><script>",
    "\x00\x07\x1b[31m\x7f\x9b",
    "\ufdd0\ufffe\uffff\U0001ffff\U0010fffe",
    "\u202e\u2066\u200f",
    "javascript:alert(1)",
    "{{7*7}}${7*7}",
    "<\u0000script>",
    "\ud800",
)


class Read(HTMLParser):
    """What an element has inside and on it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def _check(value: str) -> None:
    made = element("p", value, title=value)
    made.encode()
    read = Read()
    read.feed(made)
    read.close()
    assert read.tags == ["p"]
    assert [name for name, _ in read.attributes] == ["title"]
    assert read.attributes[0][1] == read.text
    assert not [letter for letter in read.text if ord(letter) < 32 and letter not in "\n\t"]
    assert not [
        letter for letter in read.text if ord(letter) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(letter) <= 0xFDEF
    ]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_is_text(value: str) -> None:
    _check(value)


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_is_text(value: str) -> None:
    _check(value)


def test_elements_are_put_together() -> None:
    assert element("br_x", None, "a<", element("b", "c")) == "<br_x>a&lt;<b>c</b></br_x>"
    assert element("meta", charset="utf-8", http_equiv="x", class_="y") == (
        '<meta charset="utf-8" http-equiv="x" class="y">'
    )
    assert (
        element("details", open=True, id=None, hidden=False, width=3) == '<details open width="3"></details>'
    )
    assert joined(["<", Html("<b>"), None], " & ") == "&lt; &amp; <b>"


def test_text_that_was_put_together_elsewhere_is_text_again() -> None:
    """An operation of ``str`` gives a ``str``."""
    assert element("p", element("b") + "x") == "<p>&lt;b&gt;&lt;/b&gt;x</p>"
