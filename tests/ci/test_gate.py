"""The end of the gate's output names flaky tests and failures, and its exit code follows."""

from tests.ci.gate import MAX_FLAKY, summary
from tests.ci.records import Failure, Record
from tests.ci.steps import Outcome


def _failures(count: int) -> tuple[Failure, ...]:
    return tuple(Failure(test=f"tests/a.py::test_{n}", reason="lost") for n in range(count))


def _outcome(
    step: str, *, failed: tuple[Failure, ...] = (), flaky: tuple[Failure, ...] = ()
) -> Outcome:
    return Outcome(
        step=step, seconds=2, record=Record(passed=1, skipped=0, failed=failed, flaky=flaky)
    )


def test_flaky_tests_are_named_last_and_pass() -> None:
    text, code = summary([_outcome("tests", flaky=_failures(MAX_FLAKY))])

    assert 0 == code
    assert "FLAKY tests/a.py::test_4 - lost" == text.splitlines()[-1]


def test_many_flaky_tests_fail_the_gate() -> None:
    docs = _outcome("docs", flaky=_failures(MAX_FLAKY))
    tests = _outcome("tests", flaky=_failures(1))

    text, code = summary([docs, tests])

    assert 1 == code
    assert text.splitlines()[-1].startswith("FAILED: 6 tests failed at first")


def test_failure_is_named_in_the_last_lines() -> None:
    report = "\n".join(f"line {number}" for number in range(50))
    failure = Failure(test="tests/a.py::test_it", reason="assert 1 == 2", report=report)

    text, code = summary(
        [
            _outcome("tests", failed=(failure,), flaky=_failures(1)),
            _outcome("docs"),
        ]
    )

    assert 1 == code
    assert "FAILED tests/a.py::test_it - assert 1 == 2" == text.splitlines()[-1]
    assert "line 49" in text


def test_nothing_is_told_of_a_gate_that_passes() -> None:
    text, code = summary([_outcome("lint")])

    assert ("lint: 2 s", 0) == (text.strip(), code)
