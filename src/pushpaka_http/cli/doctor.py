"""`pushpaka doctor`."""

import json
import logging
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import anyio
import click

if TYPE_CHECKING:
    from pushpaka_http.cli.examination.findings import Finding

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command("doctor")
@click.option("--json", "is_json", is_flag=True, help="Print what was found as JSON.")
def command(*, is_json: bool) -> None:
    """
    Tell what this machine and the settings lack, and what to do about it.

    Nothing is changed by it, and it can be asked while an instance is served. It ends with exit
    code 1 where there is a problem.
    """
    from pushpaka_http.cli.examination.checklist import examine
    from pushpaka_http.cli.examination.findings import Level

    # What the parts would log is told here.
    logging.disable(logging.CRITICAL)
    found = anyio.run(examine)
    if is_json:
        checks = [_as_json(name, finding) for name, finding in found.items()]
        click.echo(json.dumps({"checks": checks}, indent=2))
    else:
        _show(found)
    sys.exit(any(finding.level is Level.PROBLEM for finding in found.values()))


def _as_json(name: str, finding: "Finding") -> Mapping[str, str | None]:
    return {
        "name": name,
        "level": finding.level,
        "told": finding.told,
        "advice": finding.advice or None,
    }


def _show(found: Mapping[str, "Finding"]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    width = max(map(len, found))
    for name, finding in found.items():
        level = Text(f"{finding.level:8}", style=_COLOURS[finding.level])
        console.print(level, Text(f"{name:{width}}  {finding.told}"))
        if finding.advice:
            console.print(Text(f"{'':{width + 11}}{finding.advice}"))
