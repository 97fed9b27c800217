"""Records `relstore demo` as docs/images/demo.svg, the picture at the top of the README.

    python docs/make_recording.py

It runs the demo on a terminal and draws what that shows, each line at the time at which it came. Long waits
are shortened, and what comes after the list of generations is left out but for the end. A reader who has
asked for less motion, and a program that does not animate, see the last moment.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs/images/demo.svg"

_COLUMNS = 90
_LONGEST_WAIT_S = 0.9
_READING_S = 0.12
"""What each line is given at least, so that one can follow."""
_STAYS_S = 9.0
_LEFT_OUT = ("$ relstore switch-generation -1", "requests during the demo")
_WIDE, _HIGH, _MARGIN, _BAR = 8.43, 19, 18, 34
_KINDS = (
    (r"\$ relstore .*", "command"),
    (r" *error: .*|.*going back to .*| *(?:\| )?service 3: .*| *exit code \d|.* failed  .*", "bad"),
    (r"  generation \d is active.*|.* 0 failed .*|.*  (?:good|current)  .*", "good"),
    (r" +(?:now|next): .*", "advice"),
    (r"\S.*", "told"),
)


class Line(NamedTuple):
    at: float
    text: str


def record() -> list[Line]:
    """What the demo writes to a terminal, with the seconds since it began."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, _COLUMNS, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "TERM": "xterm"}
    words = [sys.executable, "-m", "relstore", "demo"]
    began = time.monotonic()
    lines: list[Line] = []
    rest = ""
    with subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT
    ) as process:
        os.close(theirs)
        while data := _read(ours):
            *whole, rest = (rest + data).split("\n")
            lines += [Line(time.monotonic() - began, line.rstrip()) for line in whole]
    os.close(ours)
    if process.returncode:
        sys.exit("the demo did not end as it should:\n" + "\n".join(line.text for line in lines))
    return lines


def _read(descriptor: int) -> str:
    try:
        return os.read(descriptor, 65536).decode().replace("\r", "")
    except OSError:  # how Linux says that nobody has the other end open
        return ""


def shown(lines: list[Line]) -> list[Line]:
    """The lines of the picture, without what is left out."""
    begin = next(number for number, line in enumerate(lines) if line.text.startswith(_LEFT_OUT[0]))
    end = next(number for number, line in enumerate(lines) if _LEFT_OUT[1] in line.text)
    gap = Line(lines[end].at, "(It goes back and forth by hand, collects what nobody needs, and ends.)")
    return [*lines[:begin], gap, lines[end]]


def paced(lines: list[Line]) -> list[Line]:
    """With times that a reader can follow."""
    found: list[Line] = []
    now, before = 0.0, 0.0
    for line in lines:
        now += min(max(line.at - before, _READING_S if line.text else 0.0), _LONGEST_WAIT_S)
        before = line.at
        found.append(Line(now, line.text))
    return found


def draw(lines: list[Line]) -> str:
    total = lines[-1].at + _STAYS_S
    width = round(_COLUMNS * _WIDE + 2 * _MARGIN)
    height = _BAR + len(lines) * _HIGH + _MARGIN
    words = escape(
        "; ".join(line.text.strip() for line in lines if line.text.startswith(("$", "  error", "The")))
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>relstore demo: {words}</title>",
        _STYLE,
        f'<rect class="screen" width="{width}" height="{height}" rx="8"/>',
        *(f'<circle class="dot" cx="{20 + 18 * dot}" cy="18" r="5"/>' for dot in range(3)),
        f'<text class="told" x="{width / 2}" y="23" text-anchor="middle">relstore demo</text>',
    ]
    rules = []
    for number, line in enumerate(lines):
        if not line.text:
            continue
        share = 100 * line.at / total
        rules.append(
            f"@keyframes l{number}{{0%,{share:.2f}%{{opacity:0}}{share + 0.01:.2f}%,100%{{opacity:1}}}}"
        )
        rules.append(f".l{number}{{animation:l{number} {total:.2f}s infinite}}")
        y = _BAR + _HIGH * number + 14
        parts.append(
            f'<text class="{_kind(line.text)} l{number}" x="{_MARGIN}" y="{y}" xml:space="preserve" '
            f'textLength="{len(line.text) * _WIDE:.1f}" lengthAdjust="spacingAndGlyphs">'
            f"{escape(line.text)}</text>"
        )
    motion = "@media (prefers-reduced-motion: no-preference) {\n" + "\n".join(rules) + "\n}"
    return "\n".join([*parts, f"<style>\n{motion}\n</style>", "</svg>"]) + "\n"


def _kind(text: str) -> str:
    return next((kind for pattern, kind in _KINDS if re.fullmatch(pattern, text)), "plain")


_STYLE = """<style>
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328;
white-space: pre; }
.screen { fill: #f6f8fa; stroke: #d1d9e0; }
.dot { fill: #c8d1da; }
.command { font-weight: 700; fill: #0a3069; }
.told { fill: #59636e; font-style: italic; }
.bad { fill: #b62324; }
.good { fill: #116329; }
.advice { fill: #7d4e00; }
@media (prefers-color-scheme: dark) {
text { fill: #d1d7e0; }
.screen { fill: #0d1117; stroke: #3d444d; }
.dot { fill: #3d444d; }
.command { fill: #79c0ff; }
.told { fill: #9198a1; }
.bad { fill: #ff7b72; }
.good { fill: #56d364; }
.advice { fill: #e3b341; }
}
</style>"""


if __name__ == "__main__":
    PICTURE.write_text(draw(paced(shown(record()))), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))
