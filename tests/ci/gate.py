"""
Runs the steps of `.ci/run`, and prints at the very end which tests were flaky and what failed.

    python -m tests.ci.gate NOX

NOX is the path of the program nox. The exit code is 1 if a step failed, or if more than five tests
failed at first and passed when they ran again.
"""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from tests.ci.records import DIRECTORY, Failure, read

MAX_FLAKY = 5
"""More flaky tests than these fail the gate, since they hardly fail by chance."""
_CHECKS = ("lint", "types", "imports", "docs")
_LAST_LINES = 20


@frozen(kw_only=True)
class Step:
    """One command of the gate."""

    name: str
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
    failed: tuple[Failure, ...] = ()
    flaky: tuple[Failure, ...] = ()


def steps(nox: str) -> Sequence[Step]:
    """Return the steps of the gate in their order. *nox* is the path of the program nox."""
    sessions = (Step(name=name, command=(nox, "-s", name)) for name in _CHECKS)
    return (
        *sessions,
        Step(name="demo", command=(nox, "-s", "demo", "--", "--once"), tried_again=True),
        *_demo_as_an_ordinary_user(),
        Step(name="tests", command=(nox, "-s", "tests")),
    )


def _demo_as_an_ordinary_user() -> Sequence[Step]:
    if os.geteuid() != 0:
        return ()
    command = ("bash", ".ci/demo-as-nobody")
    return (Step(name="demo as an ordinary user", command=command, tried_again=True),)


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
    if record := read(record_path):
        flaky = record.flaky
        # If no test failed, pytest or nox did.
        failed = failed and (record.failed or failed)
    seconds = time.monotonic() - began
    return Outcome(step=step.name, seconds=seconds, failed=failed, flaky=flaky)


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


def summary(outcomes: Sequence[Outcome]) -> tuple[str, int]:
    """Return the last lines of the output, and the exit code, for *outcomes* of all steps."""
    failed = [failure for outcome in outcomes for failure in outcome.failed]
    flaky = [failure for outcome in outcomes for failure in outcome.flaky]
    lines = [f"{outcome.step}: {outcome.seconds:.0f} s" for outcome in outcomes]
    for failure in failed:
        lines += ["", f"--- {failure.test}", failure.report]
    lines += ["", *(failure.told("FLAKY") for failure in flaky)]
    lines += [failure.told("FAILED") for failure in failed]
    if len(flaky) > MAX_FLAKY:
        lines.append(
            f"FAILED: {len(flaky)} tests failed at first and passed alone. "
            f"At most {MAX_FLAKY} may. Fix them, or move them to the nightly suites."
        )
    return "\n".join(lines), int(bool(failed) or len(flaky) > MAX_FLAKY)


if __name__ == "__main__":
    (nox_path,) = sys.argv[1:]
    text, code = summary([run(step) for step in steps(nox_path)])
    print(text, flush=True)
    sys.exit(code)
