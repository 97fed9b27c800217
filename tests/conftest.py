"""Fixtures that every test may use."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.support.distribution", "tests.support.hosts.fixtures")

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("relstore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("relstore")

# A run in the background of a shell ignores Ctrl-C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have failures printed as they happen, by the process that has the terminal."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_FailuresAtOnce(terminal))


class _FailuresAtOnce:
    """Prints each failure when it happens, so that a run that is cut off has said what failed by then."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.ensure_newline()
            self._terminal.line(f"{report.nodeid} failed in its {report.when}:")
            self._terminal.line(report.longreprtext[-4000:])


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_the_person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests push goes into a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield
