"""The list of what a release brings along has everything that it does, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from importlib.metadata import distribution, requires
from pathlib import Path
from typing import Any

import make_sbom
import pytest
import vendored
from packaging.requirements import Requirement

import relstore

ROOT = Path(__file__).parents[2]


TOOL = "vermin"
"""Something else that is installed there: a tool of relstore's developers."""


def needed() -> dict[str, str]:
    """The versions of what relstore needs, and of what that needs, as pip would install it."""
    found: dict[str, str] = {}
    left = ["relstore"]
    while left:
        name = left.pop()
        found[make_sbom._normal(name)] = distribution(name).version
        wants = [Requirement(line) for line in requires(name) or ()]
        wants = [want for want in wants if want.marker is None or want.marker.evaluate({"extra": ""})]
        left += [want.name for want in wants if make_sbom._normal(want.name) not in found]
    return found


@pytest.fixture(scope="module")
def sbom(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of an environment that says it has what a user gets, and a tool."""
    directory = tmp_path_factory.mktemp("sbom")
    venv.create(directory / "venv", with_pip=False)
    (packages,) = directory.glob("venv/lib/python*/site-packages")
    for name in (*needed(), TOOL):
        described = Path(str(distribution(name)._path))  # type: ignore[attr-defined]
        (packages / described.name).symlink_to(described)
    python = directory / "venv" / "bin" / "python"
    script, output = ROOT / "packaging" / "make_sbom.py", directory / "sbom.json"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, str(script), str(output), str(python)], check=True, env=clean)
    made: dict[str, Any] = json.loads(output.read_text())
    return made


def test_its_root_is_relstore(sbom: dict[str, Any]) -> None:
    root = sbom["metadata"]["component"]
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert (root["name"], root["version"], root["type"]) == ("relstore", relstore.__version__, "application")
    assert str(ROOT) not in json.dumps(sbom)


def test_it_has_what_relstore_needs_and_no_tools_of_developers(sbom: dict[str, Any]) -> None:
    found = {make_sbom._normal(each["name"]): each["version"] for each in sbom["components"]}
    assert {"asyncssh", "cryptography", "msgpack", "click"} <= found.keys()
    assert {**found, "relstore": relstore.__version__} == needed()


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
