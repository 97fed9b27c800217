"""The hooks on this machine, once a deployment: before it, and after it by how it ended.

One that runs before may stop the deployment; one that runs after changes nothing about how that ended, so its
failure is only said. Not for the hooks on hosts, which run there for each release (``host.job.hooks``).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from relstore.cli import text
from relstore.cli.console import SCHEMA, error_fields
from relstore.cli.hook_process import run_hook
from relstore.cli.invocation import Invocation
from relstore.client.config.keys.hooks import LOCAL_AFTER, LOCAL_BEFORE, LOCAL_HOOK_TIMEOUT, LOCAL_ON_FAILURE
from relstore.client.config.setting import Setting
from relstore.errors import RelstoreError
from relstore.formats.names import AppName

_ACTIVE = "active"
_WITHDRAWN = "withdrawn"
_WITHOUT_FAILURE = (_ACTIVE, "unchanged", "skipped", _WITHDRAWN)
"""The outcomes of hosts on which nothing failed; what is withdrawn there is, for the sake of others."""
_OF_ALL = ("generation", "build", "commit")
"""What a result has that is a variable too, where all hosts have the same."""


class LocalHooks:
    """Those of one deployment."""

    def __init__(self, command: str, app: AppName | None, invocation: Invocation) -> None:
        self._command = command
        self._app = app
        self._invocation = invocation
        self._reports: list[dict[str, str]] = []

    @contextmanager
    def around(self) -> Iterator[None]:
        """Run the one before the block, and the one for failures when the block raises.

        Raises RelstoreError when the one before fails; the block is not entered then.
        """
        try:
            self._before()
            yield
        except RelstoreError as error:
            self._after(LOCAL_ON_FAILURE, {"error": error_fields(error)}, "error")
            raise
        except KeyboardInterrupt:
            self._after(LOCAL_ON_FAILURE, {}, "interrupted")
            raise

    def ended(self, document: Mapping[str, Any], *, well: bool) -> list[dict[str, str]]:
        """Run the one for how it ended; what ran, for the JSON document. ``document``: the result."""
        outcomes = [host["outcome"] for host in document["hosts"]]
        if well:
            self._after(LOCAL_AFTER, document, _ACTIVE if _ACTIVE in outcomes else "unchanged")
        else:
            failures = [each for each in outcomes if each not in _WITHOUT_FAILURE]
            failures += [each for each in outcomes if each == _WITHDRAWN]
            self._after(LOCAL_ON_FAILURE, document, next(iter(failures), "error"))
        return self._reports

    def _before(self) -> None:
        problem = self._run(LOCAL_BEFORE, {"app": self._app}, {})
        if problem:
            raise RelstoreError(
                f"the {LOCAL_BEFORE.name} command failed: {problem}",
                state="Nothing was sent.",
                hint="Its output is above.",
            )

    def _after(self, setting: Setting[tuple[str, ...]], document: Mapping[str, Any], outcome: str) -> None:
        hosts = document.get("hosts", ())
        values = {name: {str(host[name] or "") for host in hosts} for name in _OF_ALL}
        found = {f"RELSTORE_{name.upper()}": _the_one(value) for name, value in values.items()}
        problem = self._run(setting, {"app": self._app, **document}, {**found, "RELSTORE_OUTCOME": outcome})
        if problem:
            self._invocation.console.note(
                f"the {setting.name} command failed: {problem}; that changes nothing about the deployment"
            )

    def _run(
        self, setting: Setting[tuple[str, ...]], document: Mapping[str, Any], more: Mapping[str, str]
    ) -> str:
        """``""`` when it went well or there is none, else what went wrong."""
        invocation = self._invocation
        words = invocation.settings.get(setting)
        if words is None:
            return ""
        path = invocation.config.path
        targets = [str(target) for target in invocation.targets]
        variables = {
            **os.environ,
            "RELSTORE_HOOK": setting.name,
            "RELSTORE_COMMAND": self._command,
            "RELSTORE_APP": str(document.get("app") or ""),
            "RELSTORE_TO": " ".join(targets),
            "RELSTORE_ENV": invocation.config.env or "",
            "RELSTORE_WHO": invocation.who,
            **more,
        }
        said = {"schema": SCHEMA, "command": self._command, "hook": setting.name, "to": targets, **document}
        problem = run_hook(
            words,
            variables,
            path.parent if path else Path.cwd(),
            json.dumps(said).encode() + b"\n",
            invocation.settings.get(LOCAL_HOOK_TIMEOUT),
            self._show,
        )
        self._reports.append({"hook": setting.name, "problem": problem})
        return problem

    def _show(self, line: str) -> None:
        if not self._invocation.console.quiet:
            sys.stderr.write(f"  | {text.escape(line)}\n")
            sys.stderr.flush()


def _the_one(values: set[str]) -> str:
    return values.pop() if len(values) == 1 else ""
