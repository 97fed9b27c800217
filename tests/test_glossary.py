"""The glossary's words are those that the program and the documents use, each explained once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
ROWS = re.findall(r"(?m)^\| (\*.+?\*) \| (.+) \|$", GLOSSARY.read_text())
TERMS = [term for cell, _ in ROWS for term in re.findall(r"\*([^*]+)\*", cell)]
USED = "\n".join(
    path.read_text()
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "man").rglob("*.[15]")]
    if path != GLOSSARY
).lower()


def test_there_are_terms() -> None:
    assert len(TERMS) > 40


def test_each_is_explained_once() -> None:
    assert sorted(TERMS) == sorted(set(TERMS))


@pytest.mark.parametrize("term", TERMS)
def test_each_is_used(term: str) -> None:
    assert len(re.findall(rf"\b{re.escape(term)}(?:s|es)?\b", USED)) >= 2


@pytest.mark.parametrize(("cell", "meaning"), ROWS, ids=[cell for cell, _ in ROWS])
def test_a_meaning_names_other_terms_by_their_names(cell: str, meaning: str) -> None:
    """What stands in italics in a meaning has a row too, or is explained right there."""
    others = re.findall(r"(?<![`\w*])\*([^*]+)\*", meaning)
    assert [term for term in others if term not in TERMS and term != "matcher"] == []
