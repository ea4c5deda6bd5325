"""Records the durations of tests and fixtures, and writes a page with them.

As a pytest plugin, `-p tests.durations --durations-file NAME.jsonl` writes one JSON object per test
to that file. As a program, `python -m tests.durations` reads the files below `build/durations`, one
per nox session, and writes `docs/contributing/tests.md`.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path

import pytest
from attrs import define, field, frozen
from pluggy import Result

RECORDS = Path("build/durations")
PAGE = Path("docs/contributing/tests.md")
_SLOWEST = 15
_PROPERTY = "fixture_seconds"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--durations-file`."""
    parser.addoption("--durations-file", type=Path, help="write each test's duration to this file")


def pytest_configure(config: pytest.Config) -> None:
    """Record fixtures in processes that run tests, and write records in the main process."""
    path = config.getoption("--durations-file")
    # The second run of failed tests, see `tests/ci/rerun.py`, would replace the file of the first.
    if path is None or config.getoption("--only-failed-of", None) is not None:
        return
    config.pluginmanager.register(_FixtureTimer(), "fixture-timer")
    # Processes of pytest-xdist only report to the main process.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Writer(path), "durations-writer")


@define(eq=False)
class _FixtureTimer:
    """Adds the setup time of fixtures to the report of the test that used them first."""

    _seconds: dict[str, float] = field(factory=dict)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object]
    ) -> Generator[None, Result[object], None]:
        begun = time.perf_counter()
        yield
        name = f"{fixturedef.baseid}::{fixturedef.argname}"
        self._seconds[name] = self._seconds.get(name, 0) + time.perf_counter() - begun

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, Result[pytest.TestReport], None]:
        result = yield
        if call.when == "setup":
            report = result.get_result()
            report.user_properties.append((_PROPERTY, json.dumps(self._seconds)))
            self._seconds.clear()


@define(eq=False)
class _Writer:
    """Writes a line for each completed test."""

    _path: Path
    _unfinished: dict[str, dict[str, object]] = field(factory=lambda: defaultdict(dict))
    _begun: float = field(factory=time.perf_counter)

    def pytest_sessionstart(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        record = self._unfinished[report.nodeid]
        record[str(report.when)] = round(report.duration, 4)
        if report.when == "setup":
            record["fixtures"] = json.loads(str(dict(report.user_properties).get(_PROPERTY, "{}")))
        if report.when == "teardown":
            del self._unfinished[report.nodeid]
            self._append({"test": report.nodeid, **record})

    def pytest_sessionfinish(self) -> None:
        self._append({"session": round(time.perf_counter() - self._begun, 1)})

    def _append(self, record: Mapping[str, object]) -> None:
        with self._path.open("a") as file:
            file.write(f"{json.dumps(record)}\n")


@frozen
class _Run:
    """The recorded durations of one pytest run."""

    name: str
    seconds: float
    """Elapsed time of the whole run."""
    tests: Sequence[Mapping[str, object]]

    @classmethod
    def read(cls, path: Path) -> "_Run":
        records = [json.loads(line) for line in path.read_text().splitlines()]
        seconds = next((r["session"] for r in records if "session" in r), 0.0)
        return cls(path.stem, seconds, [r for r in records if "test" in r])


def page(runs: Sequence[_Run]) -> str:
    """Return the page: a table of the runs, then the folders, tests and fixtures of each run."""
    rows = [
        f"| `{run.name}` | {len(run.tests)} | {run.seconds / 60:.1f} min |"
        f" {_sum(run, 'setup'):.0f} s | {_sum(run, 'call'):.0f} s | {_sum(run, 'teardown'):.0f} s |"
        for run in runs
    ]
    return "\n".join(
        [
            "# Test durations\n",
            "<!-- written by `python -m tests.durations` from records of the nox sessions -->\n",
            "`Time` is the elapsed time of a run. The other columns are sums over all tests.\n",
            "| Run | Tests | Time | Setup | Call | Teardown |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            *(line for run in runs for line in _details(run)),
        ]
    )


def _details(run: _Run) -> Iterable[str]:
    yield f"\n## {run.name}\n"
    yield from _table("Folder", _totals(run, _folder))
    yield from _table("Test, with all parameters", _totals(run, _test))
    yield from _table("Fixture setup", _fixtures(run))


def _folder(record: Mapping[str, object]) -> str:
    return str(Path(str(record["test"]).partition("::")[0]).parent)


def _test(record: Mapping[str, object]) -> str:
    return str(record["test"]).partition("[")[0]


def _table(title: str, seconds: Mapping[str, float]) -> Iterable[str]:
    slowest = sorted(seconds.items(), key=lambda item: -item[1])[:_SLOWEST]
    yield from (f"| {title} | Seconds |", "| --- | --- |")
    yield from (f"| `{name}` | {value:.1f} |" for name, value in slowest)
    yield ""


def _totals(run: _Run, key: Callable[[Mapping[str, object]], str]) -> Mapping[str, float]:
    totals: dict[str, float] = defaultdict(float)
    for record in run.tests:
        totals[key(record)] += _seconds(record)
    return totals


def _fixtures(run: _Run) -> Mapping[str, float]:
    totals: dict[str, float] = defaultdict(float)
    for record in run.tests:
        for name, seconds in dict(record.get("fixtures", {})).items():  # type: ignore[call-overload]
            totals[name] += seconds
    return totals


def _seconds(record: Mapping[str, object]) -> float:
    return sum(float(str(record.get(phase, 0))) for phase in ("setup", "call", "teardown"))


def _sum(run: _Run, phase: str) -> float:
    return sum(float(str(record.get(phase, 0))) for record in run.tests)


if __name__ == "__main__":
    found = sorted(RECORDS.glob("*.jsonl"))
    if not found:
        sys.exit(f"{RECORDS} has no records. Run the nox sessions first.")
    PAGE.write_text(page([_Run.read(path) for path in found]))
