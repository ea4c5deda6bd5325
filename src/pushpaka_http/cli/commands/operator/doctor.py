"""The command `pushpaka doctor`."""

import json
import logging
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import anyio
import click

if TYPE_CHECKING:
    from pushpaka_http.cli.doctor.findings import Finding

_COLORS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command("doctor")
@click.option("--json", "is_json", is_flag=True, help="Print the findings as JSON.")
def command(*, is_json: bool) -> None:
    """
    Check this machine and the configuration for problems.

    Each problem is printed with a remedy. The command changes nothing, and can be run while an
    instance is running. The exit code is 1 if there is a problem, and 0 otherwise.
    """
    from pushpaka_http.cli.doctor.checklist import run_checks
    from pushpaka_http.cli.doctor.findings import Level

    # Logging would repeat what the findings report.
    logging.disable(logging.CRITICAL)
    found = anyio.run(run_checks)
    if is_json:
        checks = [_finding_object(name, finding) for name, finding in found.items()]
        click.echo(json.dumps({"checks": checks}, indent=2))
    else:
        _show(found)
    sys.exit(any(finding.level is Level.PROBLEM for finding in found.values()))


def _finding_object(name: str, finding: "Finding") -> Mapping[str, str | None]:
    return {
        "name": name,
        "level": finding.level,
        "message": finding.message,
        "advice": finding.advice or None,
    }


def _show(findings: Mapping[str, "Finding"]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    width = max(map(len, findings))
    for name, finding in findings.items():
        level = Text(f"{finding.level:8}", style=_COLORS[finding.level])
        console.print(level, Text(f"{name:{width}}  {finding.message}"))
        if finding.advice:
            console.print(Text(f"{'':{width + 11}}{finding.advice}"))
