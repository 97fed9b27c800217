"""On which line a key stands, however the text is written."""

from __future__ import annotations

import pytest

from relstore.client.config.lines import find_line

TEXT = '''\
# app = "in a comment"
app = "web"

build = """
app = "in a text"
[env.fake]
"""
to = [
  "a",  # [env.fake]
  "b",
]
restart-timeout = "1s"
"keep" = 3
[env.a]
keep = 1
[ env . "b.c" ]
  keep = 2
nested = { to = "x" }
[[env.list]]
keep = 4
'''


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("app",), 2),
        (("build",), 4),
        (("to",), 8),
        (("restart-timeout",), 12),
        (("keep",), 13),
        (("env",), 14),
        (("env", "a"), 14),
        (("env", "a", "keep"), 15),
        (("env", "b.c"), 16),
        (("env", "b.c", "keep"), 17),
        (("env", "b.c", "nested", "to"), 18),
        (("env", "list"), 19),
        (("env", "fake"), 0),
        (("env", "a", "to"), 0),
        (("missing",), 0),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_finds(keys: tuple[str, ...], line: int, line_end: str) -> None:
    assert find_line(TEXT.replace("\n", line_end), keys) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("env.a.keep = 1", 1),
        ("\nenv = { a = { keep = 1 } }", 2),
        ("[env]\na.keep = 1", 2),
        ("[env]\n[env.b]\n[env.a]\n'keep' = 1", 4),
        ("[env.a.deeper]\nkeep = 1", 0),
    ],
)
def test_finds_a_key_in_all_its_spellings(text: str, line: int) -> None:
    assert find_line(text, ("env", "a", "keep")) == line
