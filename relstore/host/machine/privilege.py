"""Runs what needs root: directly, or through sudo.

``sudo -n`` is tried first. Only if that asks for a password is one given, on sudo's own standard input, with
nothing after it for the command to read. A password is never an argument, in the environment, in a file or
in a message. Not for the deployer's own commands (``service.commands``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from relstore.formats.recipe import SUDO, Escalation
from relstore.host.machine import tools
from relstore.host.machine.tools import ToolResult

_REFUSAL = "a password is required"


class Privilege:
    """Runs commands as root. ``become``: how to get there from another account."""

    def __init__(self, become: Escalation = "", password: str = "") -> None:
        self._sudo = become == SUDO and os.geteuid() != 0
        self._password = password

    def run(self, words: Sequence[str], *, seconds: float) -> ToolResult:
        """As ``tools.run``. If sudo refuses, the result says why."""
        if not self._sudo:
            return tools.run(words, seconds=seconds)
        result = tools.run(["sudo", "-n", "--", *words], seconds=seconds)
        if result.code == 0 or _REFUSAL not in result.err:
            return result
        if not self._password:
            return result._replace(
                err="sudo needs a password: give --ask-become-pass, or install the rules of "
                "`relstore sudoers`"
            )
        # -k: sudo asks in any case, so that the password cannot be left over for the command.
        asked = tools.run(
            ["sudo", "-S", "-k", "-p", "", "--", *words],
            seconds=seconds,
            given=self._password.encode() + b"\n",
        )
        if asked.code != 0 and "incorrect password" in asked.err:
            return asked._replace(err="sudo did not accept the password")
        return asked

    def can(self, words: Sequence[str]) -> str:
        """Why sudo would not run ``words``, or ``""`` if it would. Does not run them."""
        if not self._sudo:
            return ""
        result = tools.run(["sudo", "-n", "-l", "--", *words], seconds=10)
        if result.code == 0:
            return ""
        if _REFUSAL in result.err and self._password:
            result = tools.run(
                ["sudo", "-S", "-k", "-p", "", "-l", "--", *words],
                seconds=10,
                given=self._password.encode() + b"\n",
            )
            if result.code == 0:
                return ""
            if "incorrect password" in result.err or "password" in result.err:
                return "sudo did not accept the password"
        if _REFUSAL in result.err:
            return "sudo needs a password"
        return f"sudo: {result.said}"
