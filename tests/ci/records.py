"""What a pytest run recorded: how many tests passed and were skipped, and which failed and why.

Needs nothing but the Python that runs nox, because `.ci/run` reads records too.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, frozen

DIRECTORY = Path("build/records")
"""Has one file for each nox session that runs tests."""


@frozen(kw_only=True)
class Failure:
    """A test, or a whole step of the gate, that failed."""

    test: str
    """The node id of the test, or the name of the step."""
    reason: str
    """One line, such as `AssertionError: assert 1 == 2`."""
    report: str = ""
    """The end of the traceback and of what the test printed, or of what the step printed."""

    def told(self, word: str) -> str:
        """Return one line that begins with *word*, such as `FLAKY tests/test_a.py::test_b`."""
        return f"{word} {self.test} - {self.reason}"


@frozen(kw_only=True)
class Record:
    """The outcome of one run of pytest, or of a run and the second one of its failed tests."""

    passed: int
    skipped: int
    failed: tuple[Failure, ...] = ()
    flaky: tuple[Failure, ...] = ()
    """Tests that failed first and passed when they ran again, alone."""

    def after(self, second: "Record") -> "Record":
        """Return the outcome once *second* has run the failed tests again."""
        still_failing = {failure.test for failure in second.failed}
        flaky = tuple(failure for failure in self.failed if failure.test not in still_failing)
        return evolve(self, passed=self.passed + len(flaky), failed=second.failed, flaky=flaky)


def write(path: Path, record: Record) -> None:
    """Write *record* to *path*, and create the directory for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(record), indent=1))


def read(path: Path) -> Record | None:
    """Return the record at *path*, or None if the run has not written one."""
    return parse(json.loads(path.read_text())) if path.exists() else None


def parse(fields: Mapping[str, Any]) -> Record:
    """Return the record that was written as *fields* of JSON."""
    failures = {
        name: tuple(Failure(**failure) for failure in fields[name]) for name in ("failed", "flaky")
    }
    return Record(passed=fields["passed"], skipped=fields["skipped"], **failures)
