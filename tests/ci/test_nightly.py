"""The night goes on after failures, can be resumed, and ends with a table of all sessions."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.ci.nightly import (
    PYTHONS,
    SESSIONS,
    Night,
    Result,
    chosen,
    main,
    parse_arguments,
    read,
    write,
)
from tests.ci.records import Failure, Record

FAILURE = Failure(test="tests/a.py::test_it", reason="lost", report="the traceback")
FLAKY = Failure(test="tests/b.py::test_them", reason="too late")
NIGHT = Night(
    commit="1234",
    results=(
        Result(
            session="integration",
            outcome="failed",
            seconds=321,
            record=Record(passed=8, skipped=1, failed=(FAILURE,), flaky=(FLAKY,)),
        ),
        Result(session="audit", outcome="skipped", seconds=4, record=Record(passed=0, skipped=0)),
    ),
)
NOX = """\
#!{python}
# Stands for nox: fails `engine`, and writes the report of a session.
import json, sys
report, session = sys.argv[3], sys.argv[5]
print("arguments:", *sys.argv[5:])
failed = session == "engine"
result = "failed" if failed else "success"
open(report, "w").write(json.dumps({{"sessions": [{{"name": session, "result": result}}]}}))
sys.exit(failed)
"""


def test_all_sessions_are_chosen() -> None:
    given = parse_arguments([])

    assert list(SESSIONS) == chosen(Night(commit="1234"), given.sessions, resume=given.resume)


def test_unknown_session_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["engin"])

    assert "'engin' is not a session. Use pythons-3.11, " in capsys.readouterr().err


def test_named_sessions_run_in_their_order() -> None:
    assert [*PYTHONS, "audit"] == chosen(NIGHT, ["audit", "pythons"], resume=False)


def test_resumed_night_runs_what_has_no_result() -> None:
    rest = [name for name in SESSIONS if name not in {"integration", "audit"}]

    assert rest == chosen(NIGHT, [], resume=True)


def test_results_are_kept_for_their_commit(tmp_path: Path) -> None:
    write(NIGHT, tmp_path)

    assert NIGHT == read("1234", tmp_path)
    assert Night(commit="5678") == read("5678", tmp_path)


def test_changed_files_have_no_results(tmp_path: Path) -> None:
    write(Night(commit="1234+", results=NIGHT.results), tmp_path)

    assert Night(commit="1234+") == read("1234+", tmp_path)


def test_new_result_replaces_the_old_one() -> None:
    again = Result(
        session="integration", outcome="success", seconds=9, record=Record(passed=9, skipped=0)
    )
    earlier = Result(
        session="pythons-3.11", outcome="success", seconds=1, record=Record(passed=1, skipped=0)
    )

    night = NIGHT.with_result(again).with_result(earlier)

    assert [earlier, again, NIGHT.results[1]] == list(night.results)


def test_summary_ends_with_the_table() -> None:
    text, code = NIGHT.summary()

    assert 1 == code
    assert [
        "--- tests/a.py::test_it",
        "the traceback",
        "",
        "FLAKY tests/b.py::test_them - too late",
        "FAILED tests/a.py::test_it - lost",
        "",
        "Commit 1234",
        "",
        "| session | outcome | tests | passed | failed | flaky | skipped | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| integration | failed | 10 | 8 | 1 | 1 | 1 | 321 |",
        "| audit | skipped |  |  |  |  |  | 4 |",
    ] == text.strip().splitlines()


def test_night_goes_on_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    nox = tmp_path / "nox"
    nox.write_text(NOX.format(python=sys.executable))
    nox.chmod(0o755)
    (tmp_path / "build").mkdir()
    identity = ("-c", "user.name=Jane", "-c", "user.email=jane@example.com")
    subprocess.run(("git", "init", "--quiet"), check=True)
    empty = ("commit", "--quiet", "--allow-empty", "--message=Begin")
    subprocess.run(("git", *identity, *empty), check=True)

    code = main(str(nox), ["engine", "bench"])

    output = capfd.readouterr().out
    assert 1 == code
    assert "arguments: bench -- --quick" in output
    assert "| bench | success |" in output.splitlines()[-1]
    assert "FAILED engine - exit code 1" in output
