"""``relstore metrics``: read by Prometheus' own parser, named as its conventions say, written whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import Result
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from relstore.cli.exposition import Gauge, MetricSample, exposition
from relstore.cli.main import main
from relstore.cli.metrics_view import HostState, gauges
from relstore.formats.names import AppName
from tests.cli.test_status_check import GOOD, ROW
from tests.support.json_output import RelstoreRunner
from tests.support.user import make_site

HOSTS = [
    HostState(
        "deploy@web1:/srv/web", [(AppName("web"), GOOD), (AppName("api"), GOOD._replace(current=None))]
    ),
    HostState("deploy@web2:/srv/web", None),
]
BASE_UNITS = ("_seconds", "_bytes", "_inodes", "_info", "_generation", "_generations", "_files", "_builds")
STATES = ("relstore_up", "_active", "_running", "_unresolved", "_held", "_drift")


def parsed(text: str) -> dict[str, Metric]:
    families: Iterable[Metric] = text_string_to_metric_families(text)
    return {family.name: family for family in families}


def test_prometheus_reads_them() -> None:
    found = parsed(exposition(gauges(HOSTS, 1_790_000_000.5)))
    assert {sample.labels["target"]: sample.value for sample in found["relstore_up"].samples} == {
        "deploy@web1:/srv/web": 1,
        "deploy@web2:/srv/web": 0,
    }
    assert [sample.value for sample in found["relstore_current_generation"].samples] == [42, 0]
    (info,) = found["relstore_current_info"].samples
    assert info.labels == {
        "target": "deploy@web1:/srv/web",
        "app": "web",
        "build": ROW.build.short,
        "commit": "",
    }
    assert len(found["relstore_store_free_bytes"].samples) == 1
    assert found["relstore_collected_timestamp_seconds"].samples[0].value == 1_790_000_000.5


def test_each_has_a_help_and_a_type_and_a_name_by_the_conventions() -> None:
    for name, family in parsed(exposition(gauges(HOSTS, 1))).items():
        assert re.fullmatch(r"relstore_[a-z_]+", name)
        assert name.endswith((*BASE_UNITS, *STATES)), name
        assert family.type == "gauge"
        assert family.documentation.endswith(".")


HOSTILE = 'a"b\\c\nd\x1b[2J}{ \u202e\udcff'


def test_labels_are_escaped() -> None:
    text = exposition([Gauge("x", "Line\none \\ two", [MetricSample({"target": HOSTILE, "b": "\\n"}, 1.25)])])
    assert len(text.encode().splitlines()) == 3
    (family,) = parsed(text).values()
    (sample,) = family.samples
    assert sample.value == 1.25
    assert sample.labels["b"] == "\\n"
    assert sample.labels["target"] == 'a"b\\c\\nd\\x1b[2J}{ \\u202e\\udcff'


def test_without_a_sample_there_is_no_metric() -> None:
    assert exposition([Gauge("x", "Nothing.", [])]) == ""


def run(directory: Path, *words: object) -> Result:
    ours = {name: None for name in os.environ if name.startswith("RELSTORE_")}
    return RelstoreRunner(env=ours).invoke(main, [*map(str, words), "--to", str(directory / "store")])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    site = make_site(tmp_path / "site", "1")
    for app in ("web", "api"):
        assert run(tmp_path, "push", site, "--app", app).exit_code == 0
    return tmp_path


def test_all_apps_of_a_store_are_in_it(store: Path) -> None:
    result = run(store, "metrics")
    assert result.exit_code == 0
    assert set(parsed(run(store, "metrics", "--output", "-").stdout)) == set(parsed(result.stdout))
    apps = [sample.labels["app"] for sample in parsed(result.stdout)["relstore_current_generation"].samples]
    assert apps == ["api", "web"]


def test_the_file_is_replaced_whole(store: Path) -> None:
    file = store / "out" / "relstore.prom"
    file.parent.mkdir()
    file.write_text("old")
    old = os.open(file, os.O_RDONLY)
    try:
        assert run(store, "metrics", "--output", file).exit_code == 0
        assert os.read(old, 100) == b"old"  # who reads it meanwhile has all of the old one
    finally:
        os.close(old)
    assert "relstore_up" in parsed(file.read_text())
    assert [path.name for path in file.parent.iterdir()] == ["relstore.prom"]


def test_a_file_that_cannot_be_written_is_an_error(store: Path) -> None:
    result = run(store, "metrics", "--output", store / "nowhere" / "x.prom")
    assert result.exit_code == 2
    assert "there is no directory" in result.output
    (store / "directory.prom").mkdir()
    assert run(store, "metrics", "--output", store / "directory.prom").exit_code == 2


def test_a_host_that_cannot_be_asked_is_in_it_too(store: Path) -> None:
    file = store / "x.prom"
    result = run(store, "metrics", "--output", file, "--to", "nobody@127.0.0.1:1:/x")
    assert result.exit_code == 4
    assert sorted(sample.value for sample in parsed(file.read_text())["relstore_up"].samples) == [0, 1]


@pytest.mark.parametrize("command", ["status", "list-generations", "log"])
def test_commands_that_read_show_all_apps(command: str, store: Path) -> None:
    shown = run(store, command).stdout
    assert "web on " in shown
    assert "api on " in shown
    assert "api on " not in run(store, command, "--app", "web").stdout
    assert run(store, command, "--app", "nothing").exit_code == 1


def test_the_check_of_all_apps(store: Path) -> None:
    result = run(store, "status", "--check")
    assert result.exit_code == 0
    assert [line.partition(" on ")[0] for line in result.stdout.splitlines()] == ["OK: api", "OK: web"]
    current = store / "store" / "apps" / "web" / "current"
    current.unlink()
    result = run(store, "status", "--check")
    assert result.exit_code == 2
    assert result.stdout.splitlines()[0].startswith("CRITICAL: web on ")
    lost = run(store, "status", "--check", "--to", "nobody@127.0.0.1:1:/x", "--app", "api")
    assert lost.exit_code == 3
    assert lost.stdout.splitlines()[0].startswith("UNKNOWN: nobody@127.0.0.1:1: ")
