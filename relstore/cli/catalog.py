"""The commands that there are, in the groups and with the words of `relstore help`.

The words stand here, so that no command has to be imported to be listed. Not for running one (``main``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ListedCommand:
    """A command in the list."""

    module: str
    """The one of ``cli.commands`` that has it."""
    short: str
    """What it does, in one line of 80 columns beside its name."""
    alias: str = ""
    """A shorter name."""

    def names(self, name: str) -> str:
        return f"{name}, {self.alias}" if self.alias else name


GROUPS: Mapping[str, Mapping[str, ListedCommand]] = {
    "Release": {
        "push": ListedCommand("push", "Send a build to the hosts and make it live."),
        "switch-generation": ListedCommand("switch_generation", "Make another generation current.", "switch"),
        "rollback": ListedCommand("switch_generation", "Go back, and mark what is left as bad."),
        "restart": ListedCommand("restart", "Restart what is current, and check it."),
        "rollout": ListedCommand("rollout", "Look at a rollout, go on with it, or end it."),
        "attach": ListedCommand("attach", "Follow a job until it has ended."),
    },
    "Look": {
        "status": ListedCommand("status", "What is current, and whether anything is wrong."),
        "list-generations": ListedCommand("list_generations", "All generations, newest last.", "list"),
        "log": ListedCommand("log", "Each activation, how it ended, and why."),
        "history": ListedCommand("history", "A page of all that happened, for a browser."),
        "logs": ListedCommand("logs", "What the service writes, on all hosts."),
        "metrics": ListedCommand("metrics", "The same for Prometheus."),
        "show": ListedCommand("show", "The record of a generation, and its files."),
        "diff": ListedCommand("diff", "How the files of two generations differ."),
        "export": ListedCommand("export", "Write a build to a directory, or as a tar."),
    },
    "Keep": {
        "pin": ListedCommand("pin", "Keep a generation until `unpin`."),
        "unpin": ListedCommand("pin", "Remove a pin."),
        "mark": ListedCommand("mark", "Mark a generation as good or bad."),
        "delete-generations": ListedCommand("delete_generations", "Delete single generations."),
        "app": ListedCommand("app", "Remove an app and all that only it needs."),
        "gc": ListedCommand("gc", "Free what nothing needs."),
        "verify": ListedCommand("verify", "Check everything in the store, and repair it."),
    },
    "Hosts": {
        "check": ListedCommand("check", "Whether every host is ready for a push."),
        "hold": ListedCommand("hold", "Refuse activations until `unhold`."),
        "unhold": ListedCommand("hold", "Allow activations again."),
        "unit": ListedCommand("unit", "Print a systemd unit for the app, or install it."),
        "sudoers": ListedCommand("sudoers", "Print the sudo rule that a deployment needs."),
    },
    "Set up": {
        "adopt": ListedCommand("adopt", "Take over what another tool deployed."),
        "init": ListedCommand("init", "Write a relstore.toml with every key explained."),
        "demo": ListedCommand("demo", "Watch three releases on this machine alone."),
        "cache": ListedCommand("cache", "Show or clear what this machine keeps."),
        "completion": ListedCommand("completion", "Print the completion code for your shell."),
        "help": ListedCommand("help", "Show this, or what a command does."),
    },
}

COMMANDS: Mapping[str, ListedCommand] = {
    name: listed for group in GROUPS.values() for name, listed in group.items()
}

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
