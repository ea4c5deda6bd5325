"""
Runs the steps of `.ci/run`, and prints at the very end which tests were flaky and what failed.

    python -m tests.ci.gate NOX

NOX is the path of the program nox. The exit code is 1 if a step failed, or if more than five tests
failed at first and passed when they ran again.
"""

import os
import sys
from collections.abc import Sequence

from tests.ci.steps import Outcome, Step, failure_reports, run

MAX_FLAKY = 5
"""More flaky tests than these fail the gate, since they hardly fail by chance."""
_CHECKS = ("lint", "types", "imports", "docs")


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


def summary(outcomes: Sequence[Outcome]) -> tuple[str, int]:
    """Return the last lines of the output, and the exit code, for *outcomes* of all steps."""
    lines = [f"{outcome.step}: {outcome.seconds:.0f} s" for outcome in outcomes]
    lines += failure_reports([outcome.record for outcome in outcomes])
    failed = any(outcome.record.failed for outcome in outcomes)
    flaky = sum(len(outcome.record.flaky) for outcome in outcomes)
    if flaky > MAX_FLAKY:
        lines.append(
            f"FAILED: {flaky} tests failed at first and passed alone. "
            f"At most {MAX_FLAKY} may. Fix them, or move them to the nightly suites."
        )
    return "\n".join(lines), int(failed or flaky > MAX_FLAKY)


if __name__ == "__main__":
    (nox_path,) = sys.argv[1:]
    text, code = summary([run(step) for step in steps(nox_path)])
    print(text, flush=True)
    sys.exit(code)
