"""Checks packages for vulnerabilities: `python -m tests.dependency_audit requirements.txt`."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

SOURCES = ("pypi", "osv")
"""Vulnerability services, by priority. The next one is used if a service is not available."""


class Verdict(StrEnum):
    """The result for all packages."""

    SOUND = "No known flaw."
    VULNERABLE = "KNOWN FLAWS, or packages that nobody knows: see above."
    NOT_AUDITED = "NOT AUDITED: no source of known flaws can be reached."


def main(requirements: str) -> int:
    """Print the known vulnerabilities of the packages in the file *requirements*.

    Returns:
        1 if there are vulnerabilities, otherwise 0.
    """
    verdict = Verdict.NOT_AUDITED
    for source in SOURCES:
        report = query(source, requirements)
        verdict = verdict_on(report)
        sys.stdout.writelines(f"{line}\n" for line in problem_lines(report))
        if verdict is not Verdict.NOT_AUDITED:
            break
    sys.stdout.write(f"{verdict}\n")
    return verdict is Verdict.VULNERABLE


def query(source: str, requirements: str) -> Sequence[Mapping[str, Any]]:
    """Return the report of *source* on each package, or nothing if *source* is not available."""
    options = ("--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off")
    command = [sys.executable, "-m", "pip_audit", *options, "--vulnerability-service", source]
    command += ["--requirement", requirements]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        packages: Sequence[Mapping[str, Any]] = json.loads(ended.stdout)["dependencies"]
    except ValueError:
        sys.stdout.write(f"{source}: {ended.stderr.strip().rpartition(chr(10))[2]}\n")
        return ()
    return packages


def verdict_on(report: Sequence[Mapping[str, Any]]) -> Verdict:
    """Return the verdict on a *report*. A skipped package does not count as safe."""
    known = [package for package in report if "skip_reason" not in package]
    if not known:
        return Verdict.NOT_AUDITED
    is_sound = len(known) == len(report) and not any(package["vulns"] for package in known)
    return Verdict.SOUND if is_sound else Verdict.VULNERABLE


def problem_lines(report: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each vulnerability and for each skipped package."""
    for package in report:
        if "skip_reason" in package:
            yield f"{package['name']}: {package['skip_reason']}"
            continue
        for flaw in package["vulns"]:
            mended = ", ".join(flaw["fix_versions"]) or "nowhere"
            yield f"{package['name']} {package['version']}: {flaw['id']}, mended in {mended}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
