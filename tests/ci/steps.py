"""One command of `.ci/run` or `.ci/nightly`, and what it has shown."""

import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve, frozen
from tests.ci.records import DIRECTORY, Failure, Record, read

_LAST_LINES = 20


@frozen(kw_only=True)
class Step:
    """A command that has to end with exit code 0."""

    name: str
    """For a nox session, its name. Sessions that run tests write the record with this name."""
    command: Sequence[str]
    tried_again: bool = False
    """
    Run the command again if it fails.

    Sessions that run tests repeat their failed tests by themselves, see `tests.ci.rerun`.
    """


@frozen(kw_only=True)
class Outcome:
    """What a step has shown."""

    step: str
    seconds: float
    record: Record
    """If the command failed although no test did, the step itself is the failure."""


def run(step: Step, records: Path = DIRECTORY) -> Outcome:
    """Run *step*, and return what its tests, or else its exit code, have shown."""
    began = time.monotonic()
    record_path = records / f"{step.name}.json"
    record_path.unlink(missing_ok=True)
    failed = _run_command(step)
    flaky: tuple[Failure, ...] = ()
    if failed and step.tried_again:
        first, failed = failed, _run_command(step)
        flaky = () if failed else first
    record = read(record_path) or Record(passed=0, skipped=0, flaky=flaky)
    # If no test failed, pytest or nox did.
    record = evolve(record, failed=failed and (record.failed or failed))
    return Outcome(step=step.name, seconds=time.monotonic() - began, record=record)


def _run_command(step: Step) -> tuple[Failure, ...]:
    """Run the command of *step* and show its output. Return nothing if its exit code is 0."""
    print(f"=== {step.name}: {' '.join(step.command)}", flush=True)
    last_lines: deque[str] = deque(maxlen=_LAST_LINES)
    with subprocess.Popen(
        step.command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            last_lines.append(line)
    if process.returncode == 0:
        return ()
    reason, report = f"exit code {process.returncode}", "".join(last_lines).rstrip()
    return (Failure(test=step.name, reason=reason, report=report),)


def failure_reports(records: Sequence[Record]) -> Sequence[str]:
    """Return the report of each failure, then a line for each flaky and each failed test."""
    failed = [failure for record in records for failure in record.failed]
    flaky = [failure for record in records for failure in record.flaky]
    lines: list[str] = []
    for failure in failed:
        lines += ["", f"--- {failure.test}", failure.report]
    lines += ["", *(failure.told("FLAKY") for failure in flaky)]
    return [*lines, *(failure.told("FAILED") for failure in failed)]
