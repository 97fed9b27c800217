"""What runs on a host imports only what Debian's python3-minimal has, wherever in a file the import stands.

``minimal_python_modules.txt`` has the modules of python3.11-minimal and libpython3.11-minimal, by ``dpkg -L``, and
those that are built into that interpreter; without private ones and those that Python 3.9 or 3.13 does not have.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from relstore.client.connection.bundle import bundle
from relstore.client.connection.opening import stage_source

HERE = Path(__file__).parent
MINIMAL = frozenset((HERE / "minimal_python_modules.txt").read_text().split())
BROUGHT = {"relstore", "msgpack"}
PYPY = {"__pypy__"}
"""msgpack imports it on PyPy alone."""

TRIED_BEFORE = {
    ("relstore/host/upload/patch_columns.py", "lzma"),
    ("relstore/host/upload/decoders.py", "lzma"),
    ("relstore/host/upload/libzstd.py", "ctypes"),
}
"""What is imported to undo a codec, which is offered only where that worked (``decoders.available``)."""


class Import(NamedTuple):
    """``guarded``: where the module is missing, the program goes on without it."""

    module: str
    guarded: bool


def imports(node: ast.AST, *, guarded: bool = False) -> Iterator[Import]:
    """All imports below ``node``; an ``import_module`` of a computed name is one of the module ``?``."""
    if isinstance(node, ast.Import):
        yield from (Import(name.name, guarded) for name in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield Import(node.module or "?", guarded)
    elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__"):
        name = node.args[0]
        yield Import(str(name.value) if isinstance(name, ast.Constant) else "?", guarded)
    inner = guarded or suppresses_import_error(node)
    in_try = guarded or (isinstance(node, ast.Try) and any(catches(each.type) for each in node.handlers))
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                protected = in_try if isinstance(node, ast.Try) and field == "body" else inner
                yield from imports(child, guarded=protected)


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def suppresses_import_error(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any(
        isinstance(item.context_expr, ast.Call)
        and called(item.context_expr) == "suppress"
        and any(catches(argument) for argument in item.context_expr.args)
        for item in node.items
    )


def catches(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(
        isinstance(each, ast.Name) and each.id in ("ImportError", "ModuleNotFoundError") for each in kinds
    )


def missing(path: str, source: str) -> list[str]:
    """The modules that the file needs and a host may lack."""
    return [
        found.module
        for found in imports(ast.parse(source))
        if found.module.partition(".")[0] not in MINIMAL | BROUGHT | PYPY
        and not found.guarded
        and (path, found.module) not in TRIED_BEFORE
    ]


def host_sources() -> dict[str, str]:
    """All that runs on a host, by its path in the bundle."""
    with zipfile.ZipFile(io.BytesIO(bundle().data)) as archive:
        sources = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")}
    return {**sources, "relstore/remote_stage.py": stage_source().decode()}


def test_every_import_is_of_a_module_that_a_host_has() -> None:
    lacking = {path: missing(path, source) for path, source in host_sources().items()}
    assert {path: modules for path, modules in lacking.items() if modules} == {}


def test_every_exception_is_still_needed() -> None:
    sources = host_sources()
    stale = [
        pair for pair in TRIED_BEFORE if Import(pair[1], False) not in imports(ast.parse(sources[pair[0]]))
    ]
    assert stale == []


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import os, json", ["json"]),
        ("import concurrent.futures", ["concurrent.futures"]),
        ("from concurrent.futures import ThreadPoolExecutor", ["concurrent.futures"]),
        ("def f():\n import lzma", ["lzma"]),
        ("importlib.import_module('lzma')", ["lzma"]),
        ("importlib.import_module(name)", ["?"]),
        ("__import__('lzma')", ["lzma"]),
        ("try:\n import lzma\nexcept ImportError:\n lzma = None", []),
        ("try:\n import lzma\nexcept (OSError, ModuleNotFoundError):\n lzma = None", []),
        ("try:\n import lzma\nexcept OSError:\n lzma = None", ["lzma"]),
        ("try:\n import zlib\nexcept ImportError:\n import lzma", ["lzma"]),
        ("with suppress(ImportError):\n import_module(name)", []),
        ("with suppress(OSError):\n import_module('lzma')", ["lzma"]),
        ("from . import fallback", []),
    ],
)
def test_what_the_check_finds(source: str, modules: list[str]) -> None:
    assert missing("module.py", source) == modules


BLOCKED = """
import sys
ALLOWED = {allowed!r}
class Block:
    def find_spec(self, name, path=None, target=None):
        if name in sys.stdlib_module_names and not name.startswith("_") and name not in ALLOWED:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Block())
sys.path.insert(0, sys.argv[1])
import pkgutil, importlib, relstore, relstore.remote_helper
for name in relstore.HOST_PACKAGES:
    package = importlib.import_module("relstore." + name)
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
from relstore.store.durable import load_syncfs
assert load_syncfs("6.1.0") is None
print("all imported")
"""


def test_the_bundle_loads_without_all_other_modules(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle().data)
    code = BLOCKED.replace("{allowed!r}", repr(set(MINIMAL)))
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert ran.stdout == "all imported\n", ran.stderr
