"""The list of what a release brings along has everything that it does, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import distribution, requires
from pathlib import Path
from typing import Any

import make_sbom
import pytest
import vendored

import relstore

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sbom(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """That of the environment of the tests, which holds much that no user gets."""
    output = tmp_path_factory.mktemp("sbom") / "sbom.json"
    subprocess.run([sys.executable, str(ROOT / "packaging" / "make_sbom.py"), str(output)], check=True)
    made: dict[str, Any] = json.loads(output.read_text())
    return made


def test_its_root_is_relstore(sbom: dict[str, Any]) -> None:
    root = sbom["metadata"]["component"]
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert (root["name"], root["version"], root["type"]) == ("relstore", relstore.__version__, "application")
    assert str(ROOT) not in json.dumps(sbom)


def test_it_has_what_relstore_needs_and_no_tools_of_developers(sbom: dict[str, Any]) -> None:
    found = {make_sbom._normal(each["name"]): each["version"] for each in sbom["components"]}
    needed, left = set(), set(make_sbom.declared_dependencies())
    while left:
        name = left.pop()
        needed.add(name)
        lines = [line for line in requires(name) or () if "extra ==" not in line]
        names = {make_sbom._normal(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines}
        left |= {each for each in names if _is_installed(each)} - needed
    assert {"asyncssh", "cryptography", "msgpack", "click"} <= found.keys()
    assert found.keys() >= {each for each in needed if _is_installed(each)}
    assert found == {name: distribution(name).version for name in found}
    assert not {"pytest", "mypy", "ruff", "cyclonedx-bom"} & found.keys()


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except ModuleNotFoundError:
        return False
    return True


def test_it_has_the_bundled_msgpack_file_by_file(sbom: dict[str, Any]) -> None:
    bundled = vendored.msgpack(ROOT)
    (part,) = sbom["metadata"]["component"]["components"]
    assert (part["name"], part["version"]) == ("msgpack", bundled.version)
    assert part["purl"] == f"pkg:pypi/msgpack@{bundled.version}"
    assert part["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert {each["name"]: each["hashes"][0]["content"] for each in part["components"]} == bundled.files


def test_every_dependency_leads_to_a_component(sbom: dict[str, Any]) -> None:
    root = sbom["metadata"]["component"]
    known = {each["bom-ref"] for each in (*sbom["components"], root, *root["components"])}
    assert {each["ref"] for each in sbom["dependencies"]} == known
    assert {name for each in sbom["dependencies"] for name in each["dependsOn"]} <= known
    (of_root,) = [each["dependsOn"] for each in sbom["dependencies"] if each["ref"] == root["bom-ref"]]
    assert root["components"][0]["bom-ref"] in of_root


def test_an_environment_without_relstore_is_refused() -> None:
    with pytest.raises(SystemExit, match="relstore is not installed there"):
        make_sbom.of_release({"components": [], "dependencies": []}, vendored.msgpack(ROOT), set())
