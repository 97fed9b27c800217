"""The deployer's commands around an activation, and the variables that each of their commands is given."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from relstore.formats.command import Command
from relstore.formats.generation import Generation
from relstore.formats.names import AppName
from relstore.host.job.log import JobLog
from relstore.host.service import commands


class Hooks:
    """Runs them in the build that they are about."""

    def __init__(
        self,
        root: str,
        app: AppName,
        link: str,
        log: JobLog,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """``environment``: the variables that the deployer gave this host."""
        self._root = root
        self._app = app
        self._link = link
        self._log = log
        self._environment = environment

    def run(
        self,
        name: str,
        command: Command,
        generation: Generation,
        other: Generation | None,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """``""`` when it went well, else what went wrong. ``more``: variables for this command alone."""
        self._log.say(f"running the {name} command")
        problem = commands.run(
            command.words,
            variables={**self.variables(generation, other), **more},
            directory=self._tree(generation),
            output=self._log,
            seconds=command.timeout,
        ).problem
        return f"the {name} command failed: {problem}" if problem else ""

    def variables(self, generation: Generation, other: Generation | None) -> dict[str, str]:
        """What a command is told of ``generation``, which takes the place of ``other``."""
        return {
            **self._environment,
            "RELSTORE_APP": self._app,
            "RELSTORE_GENERATION": str(generation.number),
            "RELSTORE_BUILD": generation.build,
            "RELSTORE_PATH": self._tree(generation),
            "RELSTORE_PREVIOUS_PATH": self._tree(other) if other else "",
            "RELSTORE_CURRENT": self._link,
        }

    def _tree(self, generation: Generation) -> str:
        return f"{self._root}/builds/{generation.build}/tree"
