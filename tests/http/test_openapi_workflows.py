"""A served API conforms to its OpenAPI document in sequences of requests."""

import os
from pathlib import Path
from secrets import randbelow

import pytest
from tests.http.workflows import explore, serve_api

SECONDS = int(os.environ.get("PUSHPAKA_TEST_SECONDS", "0"))
"""How long to send random requests, in seconds. 0 sends the same few requests in each run."""
pytestmark = [pytest.mark.timeout(600 + 2 * SECONDS), pytest.mark.suite("integration")]


def test_responses_to_sequences_of_requests_are_documented(tmp_path: Path) -> None:
    """Created resources can be read, deleted ones cannot, and operations require their tokens."""
    seed = randbelow(2**32) if SECONDS else 1
    log = tmp_path / "log"

    with serve_api(f"sqlite:///{tmp_path / 'pushpaka.db'}", log) as address:
        findings = explore(address, seconds=SECONDS, seed=seed)

    assert {} == findings.failures, f"seed {seed}\n" + "\n\n".join(findings.failures.values())
    assert "A request failed" not in log.read_text()
    # The success of later calls depends on the progress of the worker.
    assert "POST /api/v1/projects" in findings.succeeded()
