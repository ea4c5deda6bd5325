"""Asks those who know of flaws about each package: `python -m tests.audit requirements.txt`."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

SOURCES = ("pypi", "osv")
"""Who is asked, one after the other, until somebody knows the packages."""


class Verdict(StrEnum):
    """What is known of the packages."""

    SOUND = "No known flaw."
    FLAWED = "KNOWN FLAWS, or packages that nobody knows: see above."
    NOT_AUDITED = "NOT AUDITED: no source of known flaws can be reached."


def main(requirements: str) -> int:
    """Print what is known of the packages in a file of *requirements*, each with its version."""
    verdict = Verdict.NOT_AUDITED
    for source in SOURCES:
        report = asked(source, requirements)
        verdict = verdict_on(report)
        sys.stdout.writelines(f"{line}\n" for line in complaints(report))
        if verdict is not Verdict.NOT_AUDITED:
            break
    sys.stdout.write(f"{verdict}\n")
    return verdict is Verdict.FLAWED


def asked(source: str, requirements: str) -> Sequence[Mapping[str, Any]]:
    """Return what *source* tells of each package; nothing where it cannot be asked."""
    options = ("--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off")
    command = [sys.executable, "-m", "pip_audit", *options, "--vulnerability-service", source]
    command += ["--requirement", requirements]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        told: Sequence[Mapping[str, Any]] = json.loads(ended.stdout)["dependencies"]
    except ValueError:
        sys.stdout.write(f"{source}: {ended.stderr.strip().rpartition(chr(10))[2]}\n")
        return ()
    return told


def verdict_on(report: Sequence[Mapping[str, Any]]) -> Verdict:
    """Return what follows from a *report*: a package that was passed over is not a sound one."""
    known = [package for package in report if "skip_reason" not in package]
    if not known:
        return Verdict.NOT_AUDITED
    is_sound = len(known) == len(report) and not any(package["vulns"] for package in known)
    return Verdict.SOUND if is_sound else Verdict.FLAWED


def complaints(report: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each flaw, and for each package of which nothing is known."""
    for package in report:
        if "skip_reason" in package:
            yield f"{package['name']}: {package['skip_reason']}"
            continue
        for flaw in package["vulns"]:
            mended = ", ".join(flaw["fix_versions"]) or "nowhere"
            yield f"{package['name']} {package['version']}: {flaw['id']}, mended in {mended}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
