"""What is chosen for real contents is nearly the best way; ``bench/choice.py`` measured every way and wrote this."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relstore.client.transfer import cost_model
from relstore.client.transfer.cost_model import Case, PatchSample, Sample

KEPT = json.loads(Path(__file__).with_name("choices.json").read_text())
KINDS = list(dict.fromkeys(content["kind"] for content in KEPT))
LINKS = (5, 20, 100, 1000)
MOST = 1.15


def case_of(values: Any, mbit: float) -> Case:
    size, (ratio, speed, on_base, patch), base, _, codecs, early = values
    link = mbit * 1e6 / 8
    patched = PatchSample(*patch) if patch and link < cost_model.PATCH_LINK else None
    return Case(size, Sample(ratio, speed, on_base, patched), base, link, tuple(codecs), early)


def seconds(content: Any, link: int) -> dict[str, float]:
    return {way["way"]: way["seconds"][link] for way in content["ways"]}


def test_there_are_contents_of_many_kinds() -> None:
    assert len(KINDS) >= 12


@pytest.mark.parametrize("link", range(len(LINKS)), ids=[f"{mbit} Mbit/s" for mbit in LINKS])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_chosen_takes_little_longer_than_the_best(kind: str, link: int) -> None:
    """All streams of a pair together, as a push sends them."""
    taken = best = 0.0
    chosen = []
    for content in KEPT:
        if content["kind"] == kind:
            option = cost_model.best(case_of(content["case"], LINKS[link]))
            taken += seconds(content, link)[str(option)]
            best += min(seconds(content, link).values())
            chosen.append(str(option))
    assert taken <= MOST * best, chosen
