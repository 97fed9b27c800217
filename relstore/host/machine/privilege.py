"""Runs what needs root: directly, or through sudo.

``sudo -n`` is tried first. Only if that does not do is a password given, on sudo's own standard input, with
nothing after it for the command to read. A password is never an argument, in the environment, in a file or
in a message. What sudo allows is judged by trying and by exit codes: its words differ between versions,
languages and implementations. Not for the deployer's own commands (``service.commands``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple, Optional

from relstore.formats.recipe import SUDO, Escalation
from relstore.host.machine import tools
from relstore.host.machine.tools import ToolResult
from relstore.store.root import account

_ASK_S = 10
_WARNING = "unable to resolve host"
"""sudo says so before it goes on as usual, so this is never the reason."""


class Refusal(NamedTuple):
    """Why sudo does not run a command, and what to do."""

    what: str
    hint: str
    of_command: bool = False
    """Whether sudo may still allow other commands."""


class Privilege:
    """Runs commands as root. ``become``: how to get there from another account."""

    def __init__(self, become: Escalation = "", password: str = "") -> None:
        self._sudo = become == SUDO and os.geteuid() != 0
        self._password = password

    def run(self, words: Sequence[str], *, seconds: float) -> ToolResult:
        """As ``tools.run``. If sudo refuses, the result says why."""
        if not self._sudo:
            return tools.run(words, seconds=seconds)
        result = _without_warnings(tools.run(["sudo", "-n", "--", *words], seconds=seconds))
        if result.code in (0, tools.NOT_FOUND, tools.TIMED_OUT):
            return result
        # sudo's exit code for a refusal is also one that the command may have.
        refusal = self.refusal(words)
        if refusal is not None:
            return result._replace(err=f"{refusal.what}: {refusal.hint}")
        if not self._password or _needs_no_password():
            return result
        return _without_warnings(self._with_password(["--", *words], seconds=seconds))

    def refusal(self, words: Sequence[str]) -> Optional[Refusal]:
        """Why sudo would not run ``words``, or None if it would. Does not run them."""
        if not self._sudo:
            return None
        listing = ["-l", "--", *words]
        result = tools.run(["sudo", "-n", *listing], seconds=_ASK_S)
        if result.code == 0 or (self._password and self._with_password(listing).code == 0):
            return None
        if result.code == tools.NOT_FOUND:
            return Refusal("sudo is not installed", "Install sudo, or deploy as root.")
        if _needs_no_password() or (self._password and self._with_password(["-v"]).code == 0):
            return Refusal(
                "sudo does not allow this", "`relstore sudoers` prints the rule that allows it.", True
            )
        if self._needs_terminal(listing):
            name = account(os.geteuid())
            return Refusal(
                "sudo wants a terminal (requiretty)",
                f"Add the line `Defaults:{name} !requiretty` to its rules, with `visudo`.",
            )
        if self._password:
            return Refusal(
                "sudo did not accept the password, or does not allow this",
                "`relstore sudoers` prints a rule that needs no password.",
            )
        return Refusal(
            "sudo needs a password, or a rule that allows this without one",
            "`relstore sudoers` prints the rule that allows it; or give --ask-become-pass.",
        )

    def asks_for(self, words: Sequence[str]) -> Optional[Refusal]:
        """What ``refusal`` cannot tell: whether sudo wants a password for a command that it allows.

        Runs ``words``, which must do no harm, if there is no other way to find out.
        """
        if not self._sudo or self._password or _needs_no_password():
            return None
        if tools.run(["sudo", "-n", "--", *words], seconds=_ASK_S).code == 0:
            return None
        return Refusal(
            "sudo needs a password",
            "Give --ask-become-pass, or install the rules of `relstore sudoers`.",
        )

    def _with_password(
        self, words: Sequence[str], *, seconds: float = _ASK_S, terminal: bool = False
    ) -> ToolResult:
        # -k: sudo asks in any case, so that the password cannot be left over for the command.
        asking = ["sudo", "-S", "-k", "-p", "", *words]
        return tools.run(asking, seconds=seconds, given=self._password.encode() + b"\n", terminal=terminal)

    def _needs_terminal(self, listing: Sequence[str]) -> bool:
        if self._password:
            return self._with_password(listing, terminal=True).code == 0
        return tools.run(["sudo", "-n", *listing], seconds=_ASK_S, terminal=True).code == 0


def _needs_no_password() -> bool:
    """Whether sudo asks this account for a password for nothing that it allows."""
    return tools.run(["sudo", "-n", "-v"], seconds=_ASK_S).code == 0


def _without_warnings(result: ToolResult) -> ToolResult:
    lines = [line for line in result.err.splitlines() if _WARNING not in line]
    return result._replace(err="\n".join(lines))
