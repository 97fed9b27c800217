"""Doing what needs root: as we are, or through sudo.

``sudo -n`` is asked first; only where that says that it wants a password is one given, and then on
sudo's own standard input, with nothing after it for the command to read. A password is never an
argument, in the environment, in a file or in a message.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from relstore.formats.recipe import SUDO
from relstore.host.machine import tools
from relstore.host.machine.tools import Result

_WANTS_ONE = "a password is required"


class Privilege:
    """How to run what needs root; ``become`` is empty or ``sudo``."""

    def __init__(self, become: str = "", password: str = "") -> None:
        self._sudo = become == SUDO and os.geteuid() != 0
        self._password = password

    def run(self, words: Sequence[str], *, seconds: float) -> Result:
        """As ``tools.run``. Where sudo refuses, the result says so."""
        if not self._sudo:
            return tools.run(words, seconds=seconds)
        result = tools.run(["sudo", "-n", "--", *words], seconds=seconds)
        if result.code == 0 or _WANTS_ONE not in result.err:
            return result
        if not self._password:
            return result._replace(
                err="sudo wants a password: give --ask-become-pass, or a rule of `relstore sudoers`"
            )
        # -k: it asks in any case, so that the password cannot be left over for the command.
        asked = tools.run(
            ["sudo", "-S", "-k", "-p", "", "--", *words],
            seconds=seconds,
            given=self._password.encode() + b"\n",
        )
        if asked.code != 0 and "incorrect password" in asked.err:
            return asked._replace(err="sudo did not accept the password")
        return asked

    def can(self, words: Sequence[str]) -> str:
        """Whether sudo would run ``words``: ``""``, or why not. Runs nothing of it."""
        if not self._sudo:
            return ""
        result = tools.run(["sudo", "-n", "-l", "--", *words], seconds=10)
        if result.code == 0:
            return ""
        if _WANTS_ONE in result.err and self._password:
            result = tools.run(
                ["sudo", "-S", "-k", "-p", "", "-l", "--", *words],
                seconds=10,
                given=self._password.encode() + b"\n",
            )
            if result.code == 0:
                return ""
            if "incorrect password" in result.err or "password" in result.err:
                return "sudo did not accept the password"
        if _WANTS_ONE in result.err:
            return "sudo wants a password"
        return f"sudo: {result.said}"
