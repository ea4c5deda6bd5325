"""Failed tests run once more, alone, and the record says which passed then."""

from pathlib import Path

import pytest
from tests.ci.records import Record, read
from tests.ci.rerun import MAX_RERUNS, run_twice

PLUGINS = ("-p", "xdist", "-p", "no:cacheprovider")
FAILS_ONCE = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_fails_once(number):
    ran = Path(__file__).with_name(f"ran {{number}}")
    if not ran.exists():
        ran.touch()
        raise RuntimeError(f"number {{number}} runs first")
"""
FAILS = "def test_fails(): assert 1 == 2\n"
PASSES = """
from pathlib import Path
import pytest

def test_passes():
    with Path(__file__).with_name("runs").open("a") as file:
        file.write("x")

@pytest.mark.skip
def test_is_skipped(): ...
"""


@pytest.fixture(autouse=True)
def only_needed_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing all installed plugins takes seconds."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def _run(directory: Path, *options: str, whole_files: bool = False) -> tuple[int, Record]:
    path = directory / "record.json"
    arguments = (*PLUGINS, f"--rootdir={directory}", *options, str(directory))
    code = run_twice(path, arguments, whole_files=whole_files)
    record = read(path)
    assert record is not None
    return code, record


def test_flaky_test_is_recorded_and_passes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_a.py").write_text(FAILS_ONCE.format(count=1))
    (tmp_path / "test_b.py").write_text(PASSES)

    code, record = _run(tmp_path, "--numprocesses=2")

    assert 0 == code
    assert (2, 1, ()) == (record.passed, record.skipped, record.failed)
    (flaky,) = record.flaky
    line = "FLAKY test_a.py::test_fails_once[0] - RuntimeError: number 0 runs first"
    assert line == flaky.told("FLAKY")
    assert line == capfd.readouterr().out.splitlines()[-1]
    assert "x" == (tmp_path / "runs").read_text(), "only the failed test runs again"


def test_test_that_fails_twice_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(FAILS_ONCE.format(count=2))
    (tmp_path / "test_b.py").write_text(FAILS)

    code, record = _run(tmp_path)

    assert pytest.ExitCode.TESTS_FAILED == code
    assert ["test_b.py::test_fails"] == [failure.test for failure in record.failed]
    assert "assert 1 == 2" == record.failed[0].reason
    assert 2 == len(record.flaky) == record.passed


def test_tests_do_not_run_again_if_many_fail(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(FAILS_ONCE.format(count=MAX_RERUNS + 1))

    code, record = _run(tmp_path)

    assert pytest.ExitCode.TESTS_FAILED == code
    assert MAX_RERUNS + 1 == len(record.failed)
    assert () == record.flaky


def test_whole_files_of_failed_tests_can_run_again(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(PASSES + FAILS_ONCE.format(count=1))

    code, record = _run(tmp_path, whole_files=True)

    assert (0, 1) == (code, len(record.flaky))
    assert "xx" == (tmp_path / "runs").read_text()


def test_file_that_cannot_be_imported_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("import nothing_of_this_name\n")
    (tmp_path / "test_b.py").write_text(PASSES)

    code, record = _run(tmp_path)

    assert pytest.ExitCode.INTERRUPTED == code
    assert () == record.flaky


def test_error_in_a_fixture_counts_as_a_failure(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import pytest\n"
        "@pytest.fixture\n"
        "def broken(): yield; raise RuntimeError('cleanup')\n"
        "def test_uses_it(broken): ...\n"
    )

    code, record = _run(tmp_path)

    assert pytest.ExitCode.TESTS_FAILED == code
    assert ["RuntimeError: cleanup"] == [failure.reason for failure in record.failed]
    assert 0 == record.passed
