"""What is said about a recipe that protects less than it seems to."""

from __future__ import annotations

import pytest

from relstore.client.operations.advice import advice
from relstore.formats.command import Command
from relstore.formats.names import UnitName
from relstore.formats.recipe import Health, Http, Recipe, Units

PROBED = Health(http=(Http("http://127.0.0.1:8080/"),))
WATCHED = Units((UnitName("web.service"),))


def line(text: str) -> Command:
    return Command(("sh", "-c", text), 60)


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        (line("sudo systemctl restart web"), 'unit = "web" and become = "sudo"'),
        (line("systemctl restart web.service"), 'unit = "web" instead'),
        (line(" sudo -n /usr/bin/systemctl restart web "), 'unit = "web" and become = "sudo"'),
        (line("systemctl --user restart web"), 'unit = "web" and user = true'),
        (line("sudo systemctl restart web worker@2"), 'unit = ["web", "worker@2"] and become = "sudo"'),
        (Command(("sudo", "systemctl", "restart", "web"), 60), 'unit = "web" and become = "sudo"'),
    ],
)
@pytest.mark.parametrize("health", [Health(), PROBED])
def test_a_bare_restart_is_answered_with_the_better_keys(command: Command, keys: str, health: Health) -> None:
    assert f"With {keys}" in advice(Recipe(restart=command, health=health))


@pytest.mark.parametrize(
    "text",
    [
        "supervisorctl restart web",
        "systemctl reload web",
        "systemctl restart",
        "systemctl restart --no-block web",
        "systemctl restart web && curl -f http://127.0.0.1:8080/",
        "systemctl restart $UNIT",
        "systemctl restart web; true",
        "echo systemctl restart web",
    ],
)
def test_any_other_command_is_not(text: str) -> None:
    assert advice(Recipe(restart=line(text))).startswith("Nothing checks")
    assert advice(Recipe(restart=line(text), health=PROBED)) == ""


@pytest.mark.parametrize(
    ("recipe", "silent"),
    [
        (Recipe(), False),
        (Recipe(units=WATCHED), True),
        (Recipe(units=WATCHED, restart=line("systemctl restart web")), True),
        (Recipe(health=PROBED), True),
        (Recipe(health=Health(tcp=("127.0.0.1:80",))), True),
        (Recipe(health=Health(commands=(line("true"),))), True),
    ],
)
def test_a_recipe_that_checks_nothing_is_named(recipe: Recipe, silent: bool) -> None:
    assert (advice(recipe) == "") is silent
    assert recipe.checks_nothing is not silent
