"""Writes what a release brings along, as CycloneDX: ``make sbom`` does it for the pure wheel in dist/.

``python packaging/make_sbom.py OUTPUT [PYTHON]`` looks at the environment in which relstore is installed.
cyclonedx-bom lists what is there; this keeps relstore and what it needs, makes relstore the root, and adds
the msgpack that travels to hosts (``relstore/vendored``), which no metadata of a package names.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import vendored
from compile_matcher import ROOT
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

Bom = dict[str, Any]

SPEC = "1.6"
NAME = "relstore"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("python", nargs="?", default=sys.executable, help="default: this one")
    options = parser.parse_args()
    bom = of_release(installed(options.python), vendored.msgpack(ROOT), declared_dependencies())
    text = json.dumps(bom, indent=1, sort_keys=True) + "\n"
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise SystemExit(f"not as CycloneDX {SPEC} says: {problem}")
    options.output.write_text(text, encoding="utf-8")
    return 0


def installed(python: str) -> Bom:
    """What cyclonedx-bom says of the environment."""
    words = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "environment",
        "--spec-version",
        SPEC,
        "--output-reproducible",
    ]
    ran = subprocess.run([*words, python], check=True, capture_output=True, text=True)
    bom: Bom = json.loads(ran.stdout)
    return bom


def declared_dependencies() -> set[str]:
    """The names of what relstore needs, without extras such as the developers' tools."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {_normal(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in project["dependencies"]}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def of_release(bom: Bom, bundled: vendored.Vendored, declared: Collection[str]) -> Bom:
    """Of everything that is installed, what belongs to relstore. ``declared``: the names of what it needs.

    Raises SystemExit where relstore is not there.
    """
    by_reference = {each["bom-ref"]: each for each in bom["components"]}
    needs = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    root = next((ref for ref, each in by_reference.items() if each["name"] == NAME), None)
    if root is None:
        raise SystemExit(f"{NAME} is not installed there")
    needs[root] = [each for each in needs.get(root, []) if _normal(by_reference[each]["name"]) in declared]
    wanted, left = set(), [root]
    while left:
        reference = left.pop()
        if reference not in wanted:
            wanted.add(reference)
            left += needs.get(reference, [])
    part = component(bundled)
    main_component = {**by_reference[root], "type": "application", "components": [part]}
    # Where it was installed from is a path of the machine that looked.
    main_component.pop("externalReferences", None)
    return {
        **bom,
        "metadata": {**bom["metadata"], "component": main_component},
        "components": [by_reference[each] for each in sorted(wanted - {root})],
        "dependencies": [
            *({"ref": each, "dependsOn": sorted(needs.get(each, []))} for each in sorted(wanted - {root})),
            {"ref": root, "dependsOn": sorted([*needs.get(root, []), part["bom-ref"]])},
            {"ref": part["bom-ref"], "dependsOn": []},
        ],
    }


def component(bundled: vendored.Vendored) -> dict[str, Any]:
    """What is vendored, with a digest for each of its files."""
    return {
        "type": "library",
        "bom-ref": f"vendored-{bundled.name}=={bundled.version}",
        "name": bundled.name,
        "version": bundled.version,
        "purl": f"pkg:pypi/{bundled.name}@{bundled.version}",
        "licenses": [{"license": {"id": bundled.licence}}],
        "description": "pure-Python files of the release, which relstore sends to hosts",
        "components": [_file(path, digest) for path, digest in sorted(bundled.files.items())],
    }


def _file(path: str, digest: str) -> Mapping[str, Any]:
    return {"type": "file", "name": path, "hashes": [{"alg": "SHA-256", "content": digest}]}


if __name__ == "__main__":
    sys.exit(main())
