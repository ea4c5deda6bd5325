"""Known flaws in what this stands on are told, and never taken for none where nobody was asked."""

from typing import Any

import pytest
from tests.audit import Verdict, complaints, verdict_on

SOUND = {"name": "attrs", "version": "25.1.0", "vulns": []}
FLAW = {"id": "PYSEC-2026-1", "fix_versions": ["2.12.0"], "aliases": [], "description": "forged"}
FLAWED = {"name": "pyjwt", "version": "2.11.0", "vulns": [FLAW]}
PASSED_OVER = {"name": "idna", "skip_reason": "Dependency not found on PyPI: idna (3.7)"}


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        ([SOUND, SOUND], Verdict.SOUND),
        ([SOUND, FLAWED], Verdict.FLAWED),
        ([SOUND, PASSED_OVER], Verdict.FLAWED),
        ([PASSED_OVER, PASSED_OVER], Verdict.NOT_AUDITED),
        ([], Verdict.NOT_AUDITED),
    ],
)
def test_silence_is_no_good_news(report: list[dict[str, Any]], verdict: Verdict) -> None:
    """Who tells nothing of any package was not reached; who leaves some out has not audited."""
    assert verdict == verdict_on(report)


def test_a_flaw_is_told_with_what_mends_it() -> None:
    """Whoever reads it knows what to install."""
    told = list(complaints([SOUND, FLAWED, PASSED_OVER]))

    assert [
        "pyjwt 2.11.0: PYSEC-2026-1, mended in 2.12.0",
        "idna: Dependency not found on PyPI: idna (3.7)",
    ] == told
