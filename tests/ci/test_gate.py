"""The end of the gate's output names flaky tests and failures, and its exit code follows."""

import sys
from pathlib import Path

import pytest
from tests.ci.gate import MAX_FLAKY, Outcome, Step, run, summary
from tests.ci.records import Failure, Record, write

PROGRAM = """
import sys
from pathlib import Path
ran = Path(sys.argv[1])
first = not ran.exists()
ran.touch()
print("the last line")
sys.exit(3 if first else 0)
"""


def _fails_once(tmp_path: Path, *, tried_again: bool) -> Step:
    command = (sys.executable, "-c", PROGRAM, str(tmp_path / "ran"))
    return Step(name="demo", command=command, tried_again=tried_again)


def _failures(count: int) -> tuple[Failure, ...]:
    return tuple(Failure(test=f"tests/a.py::test_{n}", reason="lost") for n in range(count))


def test_step_without_tests_is_tried_again(tmp_path: Path) -> None:
    outcome = run(_fails_once(tmp_path, tried_again=True), tmp_path)

    assert () == outcome.failed
    assert ["FLAKY demo - exit code 3"] == [flaky.told("FLAKY") for flaky in outcome.flaky]


def test_other_steps_fail_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run(_fails_once(tmp_path, tried_again=False), tmp_path)

    assert [("demo", "the last line")] == [(it.test, it.report) for it in outcome.failed]
    assert "the last line\n" in capfd.readouterr().out


def test_failed_tests_stand_for_their_step(tmp_path: Path) -> None:
    (failure,) = _failures(1)
    (tmp_path / "source.json").touch()
    record = tmp_path / "source.json"
    write(record, Record(passed=1, skipped=0, failed=(failure,)))
    script = f"import shutil, sys; shutil.copy({str(record)!r}, sys.argv[1]); sys.exit(1)"
    command = (sys.executable, "-c", script, str(tmp_path / "tests.json"))

    outcome = run(Step(name="tests", command=command), tmp_path)

    assert (failure,) == outcome.failed


def test_old_record_does_not_count(tmp_path: Path) -> None:
    write(tmp_path / "tests.json", Record(passed=0, skipped=0, failed=_failures(1)))

    outcome = run(Step(name="tests", command=(sys.executable, "-c", "")), tmp_path)

    assert () == outcome.failed


def test_flaky_tests_are_named_last_and_pass() -> None:
    text, code = summary([Outcome(step="tests", seconds=1, flaky=_failures(MAX_FLAKY))])

    assert 0 == code
    assert "FLAKY tests/a.py::test_4 - lost" == text.splitlines()[-1]


def test_many_flaky_tests_fail_the_gate() -> None:
    docs = Outcome(step="docs", seconds=1, flaky=_failures(MAX_FLAKY))
    tests = Outcome(step="tests", seconds=1, flaky=_failures(1))

    text, code = summary([docs, tests])

    assert 1 == code
    assert text.splitlines()[-1].startswith("FAILED: 6 tests failed at first")


def test_failure_is_named_in_the_last_lines() -> None:
    report = "\n".join(f"line {number}" for number in range(50))
    failure = Failure(test="tests/a.py::test_it", reason="assert 1 == 2", report=report)

    text, code = summary(
        [
            Outcome(step="tests", seconds=1, failed=(failure,), flaky=_failures(1)),
            Outcome(step="docs", seconds=1),
        ]
    )

    assert 1 == code
    assert "FAILED tests/a.py::test_it - assert 1 == 2" == text.splitlines()[-1]
    assert "line 49" in text


def test_nothing_is_told_of_a_gate_that_passes() -> None:
    text, code = summary([Outcome(step="lint", seconds=2)])

    assert ("lint: 2 s", 0) == (text.strip(), code)
