"""Every suite is run by a nox session, by `.ci/run` or `.ci/nightly`."""

import re
from pathlib import Path

import pytest
from tests.ci.nightly import SESSIONS
from tests.suites import SUITES

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_is_run(suite: str) -> None:
    """If a suite were missing, its tests would silently never run."""
    sessions = re.findall(r"run_suite\(session, \"(\w+)\"", (ROOT / "noxfile.py").read_text())

    assert suite in sessions
    assert suite in ("tests", *SESSIONS)
