"""The commands that there are, in the groups and with the words of `relstore help`.

The words stand here, so that no command has to be imported to be listed. Not for running one (``main``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Listed:
    """A command in the list."""

    module: str
    """The one of ``cli.commands`` that has it."""
    short: str
    """What it does, in one line of 80 columns beside its name."""
    alias: str = ""
    """A shorter name."""

    def names(self, name: str) -> str:
        return f"{name}, {self.alias}" if self.alias else name


GROUPS: Mapping[str, Mapping[str, Listed]] = {
    "Release": {
        "push": Listed("push", "Send a build to the hosts and make it live."),
        "switch-generation": Listed("switch_generation", "Make another generation current.", "switch"),
        "rollback": Listed("switch_generation", "Go back, and mark what is left as bad."),
        "restart": Listed("restart", "Restart what is current, and check it."),
        "attach": Listed("attach", "Follow a job until it has ended."),
    },
    "Look": {
        "status": Listed("status", "What is current, and whether anything is wrong."),
        "list-generations": Listed("list_generations", "All generations, newest last.", "list"),
        "log": Listed("log", "Each activation, how it ended, and why."),
        "show": Listed("show", "The record of a generation, and its files."),
        "diff": Listed("diff", "How the files of two generations differ."),
    },
    "Keep": {
        "pin": Listed("pin", "Keep a generation until `unpin`."),
        "unpin": Listed("pin", "Remove a pin."),
        "mark": Listed("mark", "Mark a generation as good or bad."),
        "delete-generations": Listed("delete_generations", "Delete single generations."),
        "gc": Listed("gc", "Free what nothing needs."),
        "verify": Listed("verify", "Check everything in the store, and repair it."),
    },
    "Hosts": {
        "hold": Listed("hold", "Refuse activations until `unhold`."),
        "unhold": Listed("hold", "Allow activations again."),
        "unit": Listed("unit", "Print a systemd unit for the app, or install it."),
        "sudoers": Listed("sudoers", "Print the sudo rule that a deployment needs."),
    },
    "Set up": {
        "init": Listed("init", "Write a relstore.toml with every key explained."),
        "demo": Listed("demo", "Watch three releases on this machine alone."),
        "cache": Listed("cache", "Show or clear what this machine keeps."),
        "completion": Listed("completion", "Print the completion code for your shell."),
        "help": Listed("help", "Show this, or what a command does."),
    },
}

COMMANDS: Mapping[str, Listed] = {name: listed for group in GROUPS.values() for name, listed in group.items()}

_ALIASES = {listed.alias: name for name, listed in COMMANDS.items() if listed.alias}


def meant(word: str) -> str | None:
    """The command that ``word`` names, by its name or its alias."""
    return word if word in COMMANDS else _ALIASES.get(word)


def resembling(word: str) -> str | None:
    """The command that may have been meant by a word that names none."""
    from difflib import get_close_matches  # only when something is wrong

    # A beginning counts more than a likeness.
    names = [*COMMANDS, *_ALIASES]
    close = [name for name in names if word and name.startswith(word)] or get_close_matches(word, names, n=1)
    return meant(close[0]) if close else None
