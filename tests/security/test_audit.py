"""The audit reports known vulnerabilities of dependencies, and failed checks."""

from typing import Any

import pytest
from tests.dependency_audit import Verdict, problem_lines, verdict_on

SOUND = {"name": "attrs", "version": "25.1.0", "vulns": []}
FLAW = {"id": "PYSEC-2026-1", "fix_versions": ["2.12.0"], "aliases": [], "description": "forged"}
FLAWED = {"name": "pyjwt", "version": "2.11.0", "vulns": [FLAW]}
PASSED_OVER = {"name": "idna", "skip_reason": "Dependency not found on PyPI: idna (3.7)"}


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        ([SOUND, SOUND], Verdict.SOUND),
        ([SOUND, FLAWED], Verdict.VULNERABLE),
        ([SOUND, PASSED_OVER], Verdict.VULNERABLE),
        ([PASSED_OVER, PASSED_OVER], Verdict.NOT_AUDITED),
        ([], Verdict.NOT_AUDITED),
    ],
)
def test_a_missing_package_is_not_sound(report: list[dict[str, Any]], verdict: Verdict) -> None:
    assert verdict == verdict_on(report)


def test_a_flaw_is_reported_with_the_fixed_version() -> None:
    lines = list(problem_lines([SOUND, FLAWED, PASSED_OVER]))

    assert [
        "pyjwt 2.11.0: PYSEC-2026-1, mended in 2.12.0",
        "idna: Dependency not found on PyPI: idna (3.7)",
    ] == lines
