"""
Runs pytest, and then runs each test that failed once more, alone.

    python -m tests.ci.rerun NAME [--whole-files] PYTEST-ARGUMENT...

A test that passes the second time is flaky: the program prints a line that begins with `FLAKY`,
and its exit code stays 0. A test that fails twice fails the run. The outcome is written to
`build/records/NAME.json`. `--whole-files` repeats the files of failed tests, for tests that need
those before them.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.ci.records import DIRECTORY, read, write

MAX_RERUNS = 20
"""If more tests fail, they do not fail by chance, and none is run again."""


def run_twice(record: Path, arguments: Sequence[str], *, whole_files: bool = False) -> int:
    """
    Run pytest with *arguments*, repeat its failed tests, and return the exit code of pytest.

    Writes the outcome to *record*.
    """
    record.unlink(missing_ok=True)
    again = record.with_suffix(".again.json")
    code = _pytest(*arguments, "--record", str(record))
    first = read(record)
    if (
        code != pytest.ExitCode.TESTS_FAILED
        or first is None
        or not 0 < len(first.failed) <= MAX_RERUNS
    ):
        return code

    print(f"Running {len(first.failed)} failed tests again, alone.", flush=True)
    again.unlink(missing_ok=True)
    selection = ("--only-failed-of", str(record), *(["--whole-files"] if whole_files else []))
    alone = ("--numprocesses=0", "--record", str(again), *selection)
    code = _pytest(*arguments, *alone)
    second = read(again)
    if second is None or code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        return code
    outcome = first.after(second)
    write(record, outcome)
    for failure in outcome.flaky:
        print(failure.told("FLAKY"), flush=True)
    return code


def _pytest(*arguments: str) -> int:
    command = (sys.executable, "-m", "pytest", "-p", "tests.ci.recorder", *arguments)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    name, *given = sys.argv[1:]
    files = "--whole-files" in given
    given = [argument for argument in given if argument != "--whole-files"]
    sys.exit(run_twice(DIRECTORY / f"{name}.json", given, whole_files=files))
