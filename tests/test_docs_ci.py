"""The files for CI in docs/ci.md: they are YAML of the right shape, their scripts are shell, and relstore takes their words.

Not for what GitHub and GitLab make of them.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from relstore.cli.exit_codes import MEANINGS
from relstore.cli.main import main
from relstore.client.config.load import load

PAGE = (Path(__file__).resolve().parents[1] / "docs/ci.md").read_text()
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n\n```yaml\n(.*?)```", PAGE, re.S))
GITHUB, GITLAB = (yaml.safe_load(FILES[name]) for name in (".github/workflows/deploy.yml", ".gitlab-ci.yml"))
JOBS: dict[str, dict[str, Any]] = GITHUB["jobs"]
GITLAB_JOBS: dict[str, dict[str, Any]] = {
    name: job for name, job in GITLAB.items() if isinstance(job, dict) and not name.startswith(".")
}
STEP_KEYS = {"name", "id", "uses", "with", "run", "env", "if"}


def scripts() -> Iterator[tuple[str, str]]:
    for name, job in JOBS.items():
        for step in job["steps"]:
            if "run" in step:
                yield f"github {name}", step["run"]
    for name, job in GITLAB_JOBS.items():
        lines = [*(GITLAB[job["extends"]]["before_script"] if "extends" in job else ()), *job["script"]]
        yield f"gitlab {name}", "\n".join(lines)


def commands() -> Iterator[list[str]]:
    """The words of every command line of relstore; what a variable holds is one of them."""
    for _, script in scripts():
        for line in script.splitlines():
            found = re.match(r"\s*(relstore [^|;]*)", line)
            if found:
                yield shlex.split(found[1])[1:]


def test_the_workflow_has_the_shape_that_github_wants() -> None:
    assert set(GITHUB) == {
        "name",
        True,
        "permissions",
        "concurrency",
        "env",
        "jobs",
    }  # YAML 1.1 reads `on` so
    assert GITHUB["concurrency"] == {"group": "deploy-production", "cancel-in-progress": False}
    for job in JOBS.values():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(JOBS)
        assert job["runs-on"]
        for step in job["steps"]:
            assert set(step) <= STEP_KEYS
            assert ("run" in step) != ("uses" in step)
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))


@pytest.mark.parametrize("job", JOBS)
def test_what_a_job_refers_to_is_there(job: str) -> None:
    """Outputs of its steps, and of the jobs that it needs."""
    text = yaml.safe_dump(JOBS[job])
    assert set(re.findall(r"steps\.(\w+)\.outputs", text)) <= {
        step["id"] for step in JOBS[job]["steps"] if "id" in step
    }
    for needed, output in re.findall(r"needs\.(\w+)\.outputs\.(\w+)", text):
        assert needed in JOBS[job]["needs"]
        assert output in JOBS[needed]["outputs"]
    for output in re.findall(r"steps\.\w+\.outputs\.(\w+)", text):
        assert f'echo "{output}=' in text.replace("\\", "")


def test_the_pipeline_has_the_shape_that_gitlab_wants() -> None:
    assert set(GITLAB_JOBS) == {"build", "canary", "promote", "revert"}
    for job in GITLAB_JOBS.values():
        assert job["stage"] in GITLAB["stages"]
        assert set(job.get("needs", [])) <= set(GITLAB_JOBS)
        assert job.get("extends", ".relstore") in GITLAB
        assert all(isinstance(line, str) for line in job["script"])
    assert all(isinstance(line, str) for line in GITLAB[".relstore"]["before_script"])
    assert [GITLAB_JOBS[name]["rules"][0]["when"] for name in ("promote", "revert")] == ["manual", "manual"]
    assert GITLAB[".relstore"]["resource_group"] == "production"


def test_a_pause_is_no_failure_and_has_the_code_that_is_documented() -> None:
    (code,) = GITLAB_JOBS["canary"]["allow_failure"]["exit_codes"]
    assert f"{code}) echo" in FILES[".github/workflows/deploy.yml"]
    assert f"**Exit code {code}**" in PAGE
    assert "waits for a person" in MEANINGS[code]


@pytest.mark.parametrize(("job", "script"), list(scripts()))
def test_every_script_is_shell(job: str, script: str) -> None:
    ran = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_relstore_takes_every_command_line(words: list[str]) -> None:
    found = re.sub(r"\|\|.*", "", shlex.join(words).replace("'||'", "||"))
    name, *rest = shlex.split(found)
    with main.make_context("relstore", [name], resilient_parsing=True) as context:
        command = main.get_command(context, name)
        assert isinstance(command, click.Command)
        command.make_context(name, rest, parent=click.Context(main, info_name="relstore")).close()


def test_the_commands_are_those_of_a_pause_and_what_comes_after_it() -> None:
    firsts = [tuple(words[:2]) for words in commands()]
    expected = [("push", "-m"), ("rollout", "promote"), ("rollout", "revert")]
    assert firsts == expected * 2


def test_its_relstore_toml_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    path = tmp_path / "relstore.toml"
    path.write_text(text)
    load(path, "production", str(tmp_path))
