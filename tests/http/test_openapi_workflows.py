"""The API holds what its description says over many calls, one after the other, when served."""

import os
from collections.abc import Iterator
from pathlib import Path
from secrets import randbelow

import pytest
from tests.http.workflows import explored, served_api
from tests.postgres import POSTGRES

SECONDS = int(os.environ.get("PUSHPAKA_TEST_SECONDS", "0"))
"""How long an API is called in ways that nobody has seen; 0 tries nearly the same each time."""
pytestmark = pytest.mark.timeout(300 + 2 * SECONDS)


@pytest.fixture(params=["sqlite", POSTGRES])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'pushpaka.db'}"
        return
    with request.getfixturevalue("postgres").database() as url:
        yield url


def test_every_answer_is_as_described_whatever_came_before(
    database_url: str, tmp_path: Path
) -> None:
    """
    No call, sound or not, gets an answer that is not described, and none is our fault.

    What was made is there, what was deleted is gone, and nothing is done without a token.
    """
    seed = randbelow(2**32) if SECONDS else 1
    log = tmp_path / "log"

    with served_api(database_url, log) as address:
        findings = explored(address, seconds=SECONDS, seed=seed)

    assert {} == findings.failures, f"seed {seed}\n" + "\n\n".join(findings.failures.values())
    assert "a request failed" not in log.read_text()
    if SECONDS == 0:  # Else the time may be over before something is made and deleted.
        assert {
            "POST /api/v1/projects",
            "POST /api/v1/deployments",
            "DELETE /api/v1/projects/{project_id}",
        } <= findings.succeeded()
