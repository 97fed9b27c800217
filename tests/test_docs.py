"""The documents against the program: what they name exists, and the reference is current.

Not for what the commands in them do (``test_docs_stories``) nor for JSON (``test_docs_json``).
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.cli import exit_codes
from relstore.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _commands(text: str) -> Iterator[str]:
    """Every relstore command line of a document, in blocks and in running text."""
    blocks = FENCE.findall(text)
    for _language, block in blocks:
        for line in block.splitlines():
            found = re.search(r"(?:^|[\s;|&])(relstore .*)", line.removeprefix("$ "))
            if found and not line.lstrip().startswith("#"):
                yield found[1]
    yield from re.findall(r"`(relstore [^`]+)`", FENCE.sub("", text))


def _words(line: str) -> Iterator[str]:
    """The words of the first command in ``line``, as a shell takes them; what follows ``--`` is another program's."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for word in lexer:
        if word == "--" or not word.strip("();<>|&"):
            return
        yield word


def _problem(line: str) -> str:
    """What is wrong with a command line, or an empty text."""
    words = list(_words(line))[1:]
    name = next((word for word in words if not word.startswith("-")), None)
    # click keeps the help option of the first context that asks for it, so it must be the program's own.
    context = main.make_context("relstore", [], resilient_parsing=True)
    known = {flag for option in main.get_params(context) for flag in (*option.opts, *option.secondary_opts)}
    if name is not None and name.islower():
        command = main.get_command(context, name)
        if command is None:
            return f"there is no command {name}"
        known |= {
            flag for option in command.get_params(context) for flag in (*option.opts, *option.secondary_opts)
        }
    given = [word.split("=")[0] for word in words if re.match(r"-[^0-9]", word)]
    return f"there is no option {given}" if set(given) - known else ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_command_and_option_that_is_named_exists(document: Path) -> None:
    problems = [(line, _problem(line)) for line in _commands(document.read_text())]
    assert [found for found in problems if found[1]] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("relstore push ./x --dry-run", False),
        ("relstore switch-generation -1", False),
        ("relstore gc --keep 3 | tee log", False),
        ("relstore publish", True),
        ("relstore gc --forever", True),
    ],
)
def test_a_command_that_does_not_exist_is_seen(line: str, wrong: bool) -> None:
    assert bool(_problem(line)) is wrong


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.*)$", FENCE.sub("", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken_links(document: Path) -> list[str]:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", document.read_text())):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_links_lead_somewhere(document: Path) -> None:
    assert _broken_links(document) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One two\n[a](#one-two) [b](#three) [c](gone.md) [d](page.md#one-two)\n")
    assert _broken_links(page) == ["#three", "gone.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_files_that_are_named_exist(document: Path) -> None:
    named = re.findall(r"`((?:relstore|tests|docs|bench)/[\w./-]*)`", document.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_all_decisions_are_in_the_index() -> None:
    decisions = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (decisions / "README.md").read_text())
    assert listed == sorted(path.name for path in decisions.glob("[0-9]*.md"))


@pytest.mark.parametrize("name", ["generate_reference.py", "generate_schemas.py", "generate_man_pages.py"])
def test_what_is_generated_is_current(name: str) -> None:
    generator = ROOT / "docs" / name
    result = subprocess.run(
        [sys.executable, str(generator), "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_every_exit_code_has_a_meaning_and_advice() -> None:
    constants = {
        value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)
    }
    assert constants == set(exit_codes.MEANINGS)
    explained = (ROOT / "docs/troubleshooting.md").read_text()
    listed = (ROOT / "docs/reference.md").read_text().split("\n## Exit codes\n")[1].split("\n## ")[0]
    for text in (explained, listed):
        rows = re.findall(r"(?m)^\| `(\d+)` \|", text)
        assert sorted({int(code) for code in rows}) == sorted(constants)


def _texts(tree: ast.AST) -> Iterator[str]:
    """What a module can print: its strings, and the fixed parts of those with values in them; no docstrings."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_every_message_that_is_explained_is_one_that_the_program_has() -> None:
    modules = [path.read_text() for path in (ROOT / "relstore").glob("**/*.py")]
    texts = "\0".join(text for module in modules for text in _texts(ast.parse(module)))
    rows = re.findall(r"(?m)^\| `\d+` \| (.+?) \|", (ROOT / "docs/troubleshooting.md").read_text())
    explained = [message for row in rows for message in re.findall("`([^`]+)`", row)]
    assert len(explained) > 40
    assert [message for message in explained if message not in texts] == []


def test_a_message_is_no_comment_and_no_docstring() -> None:
    module = ast.parse('"""the host"""\nx = f"it {1} fails"  # in vain\n')
    assert list(_texts(module)) == ["it ", " fails"]
