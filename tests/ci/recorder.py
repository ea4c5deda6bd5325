"""
A pytest plugin that records the outcome of a run, and can repeat the failed tests of a record.

`-p tests.ci.recorder --record FILE` writes the record to FILE when the run ends.
`--only-failed-of FILE` runs just the tests that failed in the record FILE, and with
`--whole-files` all tests of their files.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import define, field
from tests.ci.records import Failure, Record, read, write

_REPORT_CHARACTERS = 1500


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this plugin."""
    parser.addoption("--record", type=Path, help="write the outcome of the run to this file")
    parser.addoption("--only-failed-of", type=Path, help="run the failed tests of this record")
    parser.addoption(
        "--whole-files", action="store_true", help="with --only-failed-of: run their whole files"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Record in the main process, which gets the reports of all processes of pytest-xdist."""
    path = config.getoption("--record")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Recorder(path), "recorder")
    failed_in = config.getoption("--only-failed-of")
    if failed_in is not None:
        record = read(failed_in)
        failed = record.failed if record else ()
        config.pluginmanager.register(
            _Selection(
                tests=frozenset(failure.test for failure in failed),
                whole_files=config.getoption("--whole-files"),
            ),
            "selection",
        )


@define(eq=False)
class _Recorder:
    _path: Path
    # Lists, because Schemathesis runs several tests with the same id.
    _passed: list[str] = field(factory=list)
    _skipped: list[str] = field(factory=list)
    _failed: dict[str, Failure] = field(factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            failure = Failure(
                test=report.nodeid,
                reason=_reason(report),
                report=report.longreprtext[-_REPORT_CHARACTERS:],
            )
            self._failed.setdefault(report.nodeid, failure)
        elif report.skipped:
            self._skipped.append(report.nodeid)
        elif report.when == "call":
            self._passed.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        record = Record(
            passed=sum(test not in self._failed for test in self._passed),
            skipped=sum(test not in self._failed for test in self._skipped),
            failed=tuple(self._failed.values()),
        )
        write(self._path, record)


def _reason(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = (crash.message if crash else report.longreprtext).strip().splitlines()
    if not lines:
        return "no reason was given"
    return str(lines[0] if crash else lines[-1]).strip()


@define(eq=False)
class _Selection:
    """Limits a run to some tests, or to the files that they are in."""

    _tests: frozenset[str]
    _whole_files: bool

    def pytest_ignore_collect(self, collection_path: Path, config: pytest.Config) -> bool | None:
        files = {config.rootpath / test.partition("::")[0] for test in self._tests}
        return True if collection_path.is_file() and collection_path not in files else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        if self._whole_files:
            return
        others: Sequence[pytest.Item] = [item for item in items if item.nodeid not in self._tests]
        items[:] = [item for item in items if item.nodeid in self._tests]
        config.hook.pytest_deselected(items=others)
