"""Results of benchmarks, stored as JSON and shown with the machine that they were measured on."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cattrs
import psutil
from benchmarks.rounds import COLUMNS, Comparison
from benchmarks.rows import BENCHMARKS
from benchmarks.tables import table

_HEAD = """\
# Performance

This page compares Pushpaka with other programs, or with the same work done by hand. Each ratio
compares two medians that were measured alternately in the same run, because the speed of a machine
varies. The minimum and maximum are in parentheses. The benchmarks are informational and never fail
CI.

`nox -s bench -- NAME` runs one benchmark and `nox -s bench` runs all.
`--report docs/contributing/performance.md` writes this page from the latest results.
[Benchmarks](benchmarks.md) describes each benchmark, and what happens to requests during
deployments.
"""
_converter = cattrs.Converter()


def machine() -> Mapping[str, Any]:
    """Return the relevant properties of this machine, including its load."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 1),
        "measured_at": datetime.now(UTC).date().isoformat(),
    }


def store_results(
    directory: Path, name: str, description: str, comparisons: Sequence[Comparison]
) -> None:
    """Store the values of all rounds of one benchmark."""
    directory.mkdir(parents=True, exist_ok=True)
    found = {
        "asked": description,
        "machine": machine(),
        "comparisons": [_converter.unstructure(comparison) for comparison in comparisons],
    }
    (directory / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")


def comparison_table(comparisons: Sequence[Comparison]) -> str:
    """Return the table of one benchmark."""
    return table(COLUMNS, [comparison.row for comparison in comparisons])


def report(directory: Path) -> str:
    """Return the page with the latest results of all benchmarks that have some."""
    files = {name: directory / f"{name}.json" for name in BENCHMARKS}
    kept = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    return "\n".join([_HEAD, *(_section(name, found) for name, found in kept.items())])


def _section(name: str, found: Mapping[str, Any]) -> str:
    comparisons = [_converter.structure(each, Comparison) for each in found["comparisons"]]
    on = found["machine"]
    summary = (
        f"{on['cores']} cores, {on['memory_gib']} GiB, Linux {on['kernel']}, Python {on['python']},"
        f" a load average of {on['load_average']}, on {on['measured_at']}."
    )
    return f"## {name}\n\n{found['asked']}\n\n{summary}\n\n{comparison_table(comparisons)}\n"
