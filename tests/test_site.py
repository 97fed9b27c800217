"""The site of the documents: what makes it of them, and what looks at it. `make docs` builds it (mkdocs.yml)."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md"))


def script(name: str) -> ModuleType:
    """A module of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hooks = script("site_hooks")
check = script("check_site")


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    named = set(re.findall(r"(?m)(?:: |- )\"?([\w/-]+\.md)\"?$", navigation))
    assert [page for page in PAGES if page not in named and not page.startswith("decisions/0")] == []


def test_every_diagram_has_its_drawing_and_no_drawing_is_left_over() -> None:
    texts = (path.read_text() for path in ROOT.glob("docs/**/*.md"))
    wanted = {hooks.drawing_of(match[1]) for text in texts for match in hooks.DIAGRAM.finditer(text)}
    assert wanted == set(hooks.DIAGRAMS.glob("*.svg")), "run `make diagrams`"


@pytest.mark.parametrize(
    ("name", "link", "led"),
    [
        ("index.md", "docs/guide.md#directories", "guide.md#directories"),
        ("index.md", "docs/images/store.svg", "images/store.svg"),
        ("index.md", "CHANGELOG.md", "changelog.md"),
        ("index.md", "#install", "#install"),
        ("changelog.md", "docs/secrets.md", "secrets.md"),
        ("guide.md", "../README.md", "index.md"),
        ("recipes/service.md", "../../CONTRIBUTING.md", "../contributing.md"),
        ("recipes/service.md", "../guide.md", "../guide.md"),
        ("guide.md", "https://example.org/docs/x", "https://example.org/docs/x"),
    ],
)
def test_a_link_leads_to_the_same_page_in_the_site(name: str, link: str, led: str) -> None:
    assert hooks.as_page(f"[a]({link})\n", name) == f"[a]({led})\n"


def test_code_is_left_as_it_is() -> None:
    text = "```text\n[a](docs/guide.md)\n```\n"
    assert hooks.as_page(text, "index.md") == text


def test_a_block_that_becomes_a_file_has_its_name_and_what_only_tests_run_is_left_out() -> None:
    text = "A\n\n`x/y`:\n\n<!-- file: x/y -->\n\n```sh\na\n```\n\n<!-- setup\nb\n-->\n\nOn the host, `/z`:\n\n<!-- host file: /z -->\n\n```\nc\n```\n"
    assert hooks.as_page(text, "guide.md") == (
        'A\n\n```sh title="x/y"\na\n```\n\n``` title="On the host, /z"\nc\n```\n'
    )


def test_a_diagram_that_has_changed_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="make diagrams"):
        hooks.as_page("```mermaid\nflowchart LR\n  a --> other\n```\n", "guide.md")


def test_what_is_wrong_with_a_site_is_named(tmp_path: Path) -> None:
    (tmp_path / "guide").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="guide/#one">a</a><a href="guide/#two">b</a><a href="gone/">c</a><a href="https://example.org/">d</a>'
        '<script src="https://example.org/x.js"></script><img src="data:,"><a href="#here" id="here">e</a>'
    )
    (tmp_path / "guide/index.html").write_text('<h2 id="one"></h2><a href="..">up</a><a href="./#one">f</a>')
    assert check.problems(tmp_path) == [
        "index.html: guide/#two: there is no such place on guide/index.html",
        "index.html: gone/ leads nowhere",
        "index.html: <script> loads https://example.org/x.js",
    ]


def test_pictures_are_well_formed_and_load_nothing() -> None:
    pictures = [*ROOT.glob("docs/images/**/*.svg"), ROOT / "docs/performance.svg"]
    assert len(pictures) > 3
    for picture in pictures:
        text = picture.read_text()
        assert not re.search(r"(?:href|src)=[\"']https?:|url\([\"']?https?:|<script", text), picture
        words = [sys.executable, "-c", "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])", str(picture)]
        subprocess.run(words, check=True)


def test_the_recording_is_of_the_demo_as_it_is() -> None:
    """Its commands, and the heart of it: the release that undoes itself."""
    story = (ROOT / "relstore/client/demo/story.py").read_text()
    shown = re.findall(r">([^<]+)</text>", (ROOT / "docs/images/demo.svg").read_text())
    for told in (
        "From here on somebody calls",
        "Release 3 is broken: it ends",
        "The host went back by itself;",
    ):
        assert told in story
        assert any(line.startswith(told) for line in shown), "run docs/make_recording.py"
    commands = [line.split()[2] for line in shown if line.startswith("$ relstore")]
    assert commands == ["push", "push", "push", "list-generations"]
    assert any("generation 3 failed and the host went back" in line for line in shown)
    assert any(" 0 failed " in line for line in shown)
