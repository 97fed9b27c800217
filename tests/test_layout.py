"""One list of what runs on a host (``relstore.HOST_MODULES``): every check of the host side follows it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import relstore

ROOT = Path(__file__).parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
ON_HOSTS = {*relstore.HOST_MODULES, "remote_stage", *relstore.HOST_PACKAGES}


def test_ruff_holds_what_runs_on_hosts_to_python_3_9() -> None:
    files = {f"relstore/{name}.py" for name in (*relstore.HOST_MODULES, "remote_stage")}
    folders = {f"relstore/{name}/**" for name in relstore.HOST_PACKAGES}
    assert SETTINGS["ruff"]["per-file-target-version"] == dict.fromkeys(files | folders, "py39")


def test_nothing_that_runs_on_hosts_may_import_what_does_not() -> None:
    contracts = {contract["name"]: contract for contract in SETTINGS["importlinter"]["contracts"]}
    held = contracts["Never from the host side to the client side"]["source_modules"]
    assert {name.removeprefix("relstore.") for name in held} == ON_HOSTS - {"__init__", "errors"}


def test_the_client_loads_no_module_of_the_store() -> None:
    """``push`` imports everything of the client but asyncssh; a module of the host would come along."""
    code = (
        "import importlib, pkgutil, sys, relstore.client\n"
        "for found in pkgutil.walk_packages(relstore.client.__path__, 'relstore.client.'):\n"
        "    if not found.name.endswith('__main__'): importlib.import_module(found.name)\n"
        "sides = ('relstore.store', 'relstore.gc', 'relstore.host', 'relstore.remote')\n"
        "print([name for name in sys.modules if name.startswith(sides)])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout == "[]\n"


def test_no_two_classes_share_a_name() -> None:
    """A reader who meets a name in an error or in a search finds one thing."""
    files = [path for path in (ROOT / "relstore").rglob("*.py") if "vendored" not in path.parts]
    names = Counter(
        name for path in files for name in re.findall(r"^class ([A-Z]\w*)", path.read_text("utf-8"), re.M)
    )
    assert [name for name, count in names.items() if count > 1] == []
