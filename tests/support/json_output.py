"""What a test's relstore printed with ``--json``, held to the schemas of docs/schemas: no field less, and none more.

Every process that a test starts through ``RelstoreProcess`` and every command that it runs in its own process through
``RelstoreRunner`` is held to them, whatever else the test looks at; and so are their exit codes to the documented ones.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from click.testing import CliRunner, Result

from relstore.cli import exit_codes

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas"
PRINT_TEXT = {"help", "completion", "--help", "-h", "--version"}
"""Words of a command line with which ``--json`` changes nothing."""
MAY_SAY_NOTHING = {exit_codes.INTERRUPTED, exit_codes.OUTPUT_LOST}
"""Ended with one of these, a command may not have come to its document."""


class RelstoreProcess(subprocess.Popen[str]):
    """relstore in a process of its own."""

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str, str]:  # noqa: A002
        out, err = super().communicate(input, timeout)
        assert isinstance(self.args, list)
        hold_to_documents(self.args, out, self.returncode)
        return out, err


class RelstoreRunner(CliRunner):
    """relstore in the process of the tests."""

    def invoke(self, cli: Any, args: Any = None, *more: Any, **named: Any) -> Result:
        result = super().invoke(cli, args, *more, **named)
        hold_to_documents(list(args or ()), result.stdout, result.exit_code)
        return result


def hold_to_documents(words: Sequence[object], out: str | None, code: int) -> None:
    """``words``: the command line. Fails where the code or the output is not as documented."""
    said = [str(word) for word in words]
    assert code in exit_codes.MEANINGS or code < 0, f"{said}: exit code {code} is not documented"
    if "--events" in said:
        hold_to_events(Path(said[said.index("--events") + 1]))
    if "--json" not in said or out is None or PRINT_TEXT & set(said):
        return
    lines = out.splitlines()
    logs = "logs" in said
    if code >= 0 and code not in MAY_SAY_NOTHING and not logs:
        assert len(lines) == 1, f"{said}: {len(lines)} lines instead of one document: {out[:400]}"
    assert code < 0 or problems(lines) == [], said


def hold_to_events(file: Path) -> None:
    """The lines that ``--events`` has written so far; there is no file after a wrong command line."""
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            assert wrong(json.loads(line), "events") == []


def problems(lines: Sequence[str]) -> list[str]:
    """Where these documents, a line each, are not as their schemas say."""
    found = []
    for line in lines:
        document = json.loads(line)
        name = document.get("command") if isinstance(document, dict) else None
        found += wrong(document, str(name) if name else "error")
    return found


def wrong(document: Any, name: str) -> list[str]:
    """Where one document is not as the schema of that name says."""
    found = sorted(_validator(name).iter_errors(document), key=lambda error: list(error.absolute_path))
    return [_said(error) for error in found]


def _said(error: jsonschema.ValidationError) -> str:
    """The reason, and of a document that fits none of several choices the one that lies deepest."""
    while error.context:
        error = max(error.context, key=lambda each: len(each.absolute_path))
    return f"{error.json_path}: {error.message[-300:]}"


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(closed(schema))


def closed(schema: Any) -> Any:
    """The same schema, which allows no field that it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        made["additionalProperties"] = False
    return made
