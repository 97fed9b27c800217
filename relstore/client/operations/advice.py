"""What a person should know about a recipe that protects less than it seems to. Pure.

Not for what is wrong with a recipe; reading it refuses that (``config``).
"""

from __future__ import annotations

import re
import shlex

from relstore.formats.command import Command
from relstore.formats.recipe import Recipe

_BARE_RESTART = re.compile(
    r"\s*(?P<sudo>sudo\s+(-n\s+)?(--\s+)?)?(\S*/)?systemctl\s+(?P<user>--user\s+)?restart"
    r"(?P<units>(\s+[\w@.:][\w@.:-]*)+)\s*"
)
_NOTHING_CHECKS = (
    "Nothing checks whether the release works once it is live. Set `unit`, or a probe (`http`, `tcp`, "
    "`health-command`), and the host rolls back by itself when it does not."
)


def advice(recipe: Recipe) -> str:
    """One sentence, or ``""`` when there is nothing to say."""
    better = _better_line(recipe.restart) if not recipe.units.names else ""
    if better:
        return better
    return _NOTHING_CHECKS if recipe.checks_nothing else ""


def _better_line(command: Command | None) -> str:
    """For a command that does no more than `systemctl restart`: the keys that do the same and check it."""
    line = "" if command is None else _line(command)
    match = _BARE_RESTART.fullmatch(line)
    if match is None:
        return ""
    units = [f'"{unit.removesuffix(".service")}"' for unit in match["units"].split()]
    keys = [f"unit = {units[0] if len(units) == 1 else '[' + ', '.join(units) + ']'}"]
    if match["user"]:
        keys.append("user = true")
    elif match["sudo"]:
        keys.append('become = "sudo"')
    return (
        f"`{line}` succeeds even for a program that crashes a second later. With "
        f"{' and '.join(keys)} instead of `restart`, the host checks that the release stays up, and rolls "
        "back when it does not."
    )


def _line(command: Command) -> str:
    return command.words[2] if command.words[:2] == ("sh", "-c") else shlex.join(command.words)
