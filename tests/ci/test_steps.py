"""A step shows what its tests recorded, or else its exit code."""

import sys
from pathlib import Path

import pytest
from tests.ci.records import Failure, Record, write
from tests.ci.steps import Step, run

FAILURE = Failure(test="tests/a.py::test_it", reason="lost")
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


def test_step_without_tests_is_tried_again(tmp_path: Path) -> None:
    record = run(_fails_once(tmp_path, tried_again=True), tmp_path).record

    assert () == record.failed
    assert ["FLAKY demo - exit code 3"] == [flaky.told("FLAKY") for flaky in record.flaky]


def test_other_steps_fail_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    record = run(_fails_once(tmp_path, tried_again=False), tmp_path).record

    assert [("demo", "the last line")] == [(it.test, it.report) for it in record.failed]
    assert "the last line\n" in capfd.readouterr().out


def test_failed_tests_stand_for_their_step(tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.json"
    write(recorded, Record(passed=1, skipped=0, failed=(FAILURE,)))
    script = f"import shutil, sys; shutil.copy({str(recorded)!r}, sys.argv[1]); sys.exit(1)"
    command = (sys.executable, "-c", script, str(tmp_path / "tests.json"))

    outcome = run(Step(name="tests", command=command), tmp_path)

    assert Record(passed=1, skipped=0, failed=(FAILURE,)) == outcome.record


def test_old_record_does_not_count(tmp_path: Path) -> None:
    write(tmp_path / "tests.json", Record(passed=0, skipped=0, failed=(FAILURE,)))

    outcome = run(Step(name="tests", command=(sys.executable, "-c", "")), tmp_path)

    assert () == outcome.record.failed
