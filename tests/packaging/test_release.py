"""What a release is made by: the versions agree, and the workflow trusts nothing that can change."""

from __future__ import annotations

import re
from pathlib import Path

import check_release
import pytest

import relstore

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RELEASE = (ROOT / ".github" / "workflows" / "release.yml").read_text()
CHANGELOG = "# Changelog\n\n{}## 0.2.0 - 2027-01-31\n\n- new\n\n## 0.1.0\n\n- old\n"


def test_the_program_and_the_changelog_say_the_same_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    version = check_release.version_of(ROOT)
    assert version == relstore.__version__
    found = check_release.problems(f"v{version}", version, changelog)
    assert [line for line in found if "not released" not in line] == []


@pytest.mark.parametrize(
    ("tag", "version", "unreleased", "problem"),
    [
        ("v0.2.0", "0.2.0", "", None),
        ("v0.2.0", "0.2.0", "## Unreleased\n\n", None),
        ("v0.2.0", "0.2.0", "## Unreleased\n\n- something\n\n", "changes that are not released"),
        ("v0.2.1", "0.2.0", "", "the tag is v0.2.1"),
        ("0.2.0", "0.2.0", "", "the tag is 0.2.0"),
        ("v0.3.0", "0.3.0", "", "the newest version in CHANGELOG.md is 0.2.0"),
    ],
)
def test_what_keeps_a_release(tag: str, version: str, unreleased: str, problem: str | None) -> None:
    found = check_release.problems(tag, version, CHANGELOG.format(unreleased))
    assert len(found) == (problem is not None)
    assert problem is None or problem in found[0]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_commits(workflow: Path) -> None:
    used = re.findall(r"uses: *(\S+)(.*)", workflow.read_text())
    assert used
    for action, remark in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", remark), f"{action}: which version that is"


def jobs(workflow: str) -> dict[str, str]:
    """The text of each job, by its name."""
    parts = re.split(r"(?m)^  ([a-z]+):\n", workflow.partition("\njobs:\n")[2])
    return dict(zip(parts[1::2], parts[2::2]))


def permissions(job: str) -> set[str]:
    block = re.search(r"(?m)^    permissions:\n((?:      .+\n)+)", job)
    assert block is not None, "a job without permissions of its own has those of the repository"
    return set(re.findall(r"(?m)^      (\S+: \S+)$", block[1]))


def test_no_job_may_do_more_than_it_must() -> None:
    assert re.search(r"(?m)^permissions: \{\}$", RELEASE)
    assert {name: permissions(job) for name, job in jobs(RELEASE).items()} == {
        "build": {"contents: read"},
        "attest": {"contents: read", "id-token: write", "attestations: write"},
        "publish": {"id-token: write"},
        "announce": {"contents: write"},
    }


def test_only_a_tag_starts_it_and_nobody_has_a_password() -> None:
    assert re.search(r"(?m)^on:\n  push:\n    tags: ", RELEASE)
    assert "secrets." not in RELEASE
    assert "password" not in jobs(RELEASE)["publish"]
    assert "environment: release\n" in jobs(RELEASE)["publish"]


def test_no_expression_is_put_into_a_shell_line() -> None:
    shell = re.findall(r"(?m)^        run: (?!\|)(.+)$|^          (.+)$", RELEASE)
    lines = [one or two for one, two in shell]
    assert any("check_release.py" in line for line in lines)
    expressions = [line for line in lines if "${{" in line and not re.match(r"[A-Z_]+: ", line)]
    assert expressions == []


def test_what_the_workflow_and_the_makefile_run_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.search(r"run: make (.+)", RELEASE)[1].split():  # type: ignore[index]
        assert re.search(rf"(?m)^{target}:", makefile), target
    for script in re.findall(r"packaging/[\w-]+\.\w+", RELEASE + makefile):
        assert (ROOT / script).is_file(), script
    tools = (ROOT / "packaging" / "build-tools.txt").read_text().splitlines()
    assert all(re.fullmatch(r"#.*|[\w-]+==[\w.]+", line) for line in tools)
