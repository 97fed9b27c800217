"""A session loads what it is asked for, and no more; a job is complete before it is forked."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import relstore
from relstore import protocol
from relstore.host.answers import Answers
from relstore.host.connection import Wire
from relstore.host.helpers import Bundle
from tests.support.host_side import program

SYSTEMD = "relstore.host.service.systemd"
JOB = "relstore.host.job.process"
COLLECTOR = "relstore.gc.plan"
FRONT = "relstore.host.service.haproxy"
LOADED_BY_PYPY = {"socket", "traceback"} if sys.implementation.name == "pypy" else set[str]()
"""By what PyPy has in Python and CPython in C."""


def loaded(code: str) -> set[str]:
    """The modules that are there after ``code``, in a process of their own."""
    ran = subprocess.run(
        program(f"{code}\nimport json\nprint(json.dumps(sorted(sys.modules)))"),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(ran.stdout))


def after(*requests: str) -> set[str]:
    """The modules that are there when the handlers of these requests are known."""
    lines = [
        "from relstore import protocol, remote_helper",
        "from relstore.host.answers import Answers",
        "from relstore.host.connection import Wire",
        "answers = Answers('/nowhere', None, Wire(sys.stdin.buffer, sys.stdout.buffer))",
        *(f"answers.of(protocol.{request})" for request in requests),
    ]
    return loaded("\n".join(lines))


@pytest.mark.parametrize("request_class", protocol.REQUESTS, ids=lambda each: each.__name__)
def test_every_request_has_its_handler(request_class: type) -> None:
    with open("/dev/null", "rb") as source, open("/dev/null", "wb") as sink:
        answers = Answers("/nowhere", Bundle("0" * 64, "/nowhere"), Wire(source, sink))
        assert callable(answers.of(request_class))
        answers.close()


@pytest.mark.parametrize(
    ("requests", "unneeded"),
    [
        ((), {SYSTEMD, JOB, COLLECTOR, FRONT, "subprocess", "socket", "traceback", "platform", "ctypes"}),
        (("Preflight", "Compare"), {SYSTEMD, JOB, COLLECTOR, FRONT, "subprocess", "socket", "ctypes"}),
        (("Apps", "Past", "List", "Log"), {SYSTEMD, JOB, COLLECTOR, FRONT, "subprocess", "socket"}),
        (("Status",), {JOB, COLLECTOR}),
        (("Collect",), {JOB, FRONT}),
        (("Pin", "Hold", "Mark"), {SYSTEMD, JOB, COLLECTOR, FRONT, "subprocess"}),
    ],
)
def test_a_session_loads_what_it_is_asked_for(requests: tuple[str, ...], unneeded: set[str]) -> None:
    assert not after(*requests) & (unneeded - LOADED_BY_PYPY)


def test_a_job_needs_nothing_that_was_not_loaded_before_it_was_forked() -> None:
    """The helper's file may be closed in the job, or be gone, or be unreadable after the switch."""
    there = {name for name in after("Activate") if name.startswith("relstore.")}
    assert JOB in there
    of_the_session = {"relstore.host.answers", "relstore.host.requests.preflight", "relstore.remote_helper"}
    missing = {
        (name, later)
        for name in there - of_the_session
        for later in imported_later(name)
        if later not in there
    }
    assert missing == set()


def imported_later(module: str) -> Iterator[str]:
    """The modules of relstore that functions of ``module`` import."""
    tree = ast.parse(source_of(module).read_text("utf-8"))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and str(node.module).startswith("relstore"):
                    for alias in node.names:
                        inner = f"{node.module}.{alias.name}"
                        yield inner if source_of(inner).exists() else str(node.module)


def source_of(module: str) -> Path:
    path = Path(relstore.__file__).parent.parent / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
