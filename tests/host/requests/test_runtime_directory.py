"""What only the host knows of a recipe is filled in before anything reads it."""

from __future__ import annotations

import os

import pytest

from relstore.formats.cut_over import LINK, CutOver
from relstore.formats.names import AppName, TemplateName
from relstore.formats.recipe import Recipe, Units
from relstore.host.requests import runtime_directory
from relstore.protocol import Apps, Restart

WEB = CutOver(TemplateName.parse("web@"), LINK, "{runtime}/web-{slot}/sock", 60, False, 10_000)


@pytest.mark.parametrize("user", [False, True])
def test_a_recipe_gets_the_directory_of_its_units_manager(user: bool) -> None:
    recipe = Recipe(units=Units(user=user), cut_over=WEB)
    filled = runtime_directory.filled_in(Restart(AppName("web"), 1, "ada", recipe, False))
    own = f"/run/user/{os.geteuid()}" if user else "/run"
    assert filled.recipe.cut_over.socket_of("a") == f"{own}/web-a/sock"


def test_what_has_no_recipe_stays_as_it_is() -> None:
    assert runtime_directory.filled_in(Apps()) == Apps()
