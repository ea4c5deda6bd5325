"""What was measured, kept as JSON, and shown with the machine that it was measured on."""

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
from benchmarks.rows import ROWS
from benchmarks.tables import table

_HEAD = """\
# Performance

Each figure is a ratio, measured side by side in one run, as machines are noisy: by turns, after a
round to warm up, as medians with the least and the most in brackets. `nox -s bench -- NAME`
measures one row, `nox -s bench` all of them, and `--report docs/performance.md` writes this page
from the last results of each. It reports, and fails nothing. [Benchmarks](benchmarks.md) tells more
of what happens to requests while versions come and go.
"""
_converter = cattrs.Converter()


def machine() -> Mapping[str, Any]:
    """Return what matters of this machine; how busy it is as well."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 1),
        "measured_at": datetime.now(UTC).date().isoformat(),
    }


def keep(directory: Path, name: str, asked: str, comparisons: Sequence[Comparison]) -> None:
    """Keep all values of all rounds of one row."""
    directory.mkdir(parents=True, exist_ok=True)
    found = {
        "asked": asked,
        "machine": machine(),
        "comparisons": [_converter.unstructure(comparison) for comparison in comparisons],
    }
    (directory / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")


def shown(comparisons: Sequence[Comparison]) -> str:
    """Return the table of one row."""
    return table(COLUMNS, [comparison.row for comparison in comparisons])


def report(directory: Path) -> str:
    """Return the page that shows the last results of each row that has some."""
    files = {name: directory / f"{name}.json" for name in ROWS}
    kept = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    return "\n".join([_HEAD, *(_section(name, found) for name, found in kept.items())])


def _section(name: str, found: Mapping[str, Any]) -> str:
    comparisons = [_converter.structure(each, Comparison) for each in found["comparisons"]]
    on = found["machine"]
    told = (
        f"{on['cores']} cores, {on['memory_gib']} GiB, Linux {on['kernel']}, Python {on['python']},"
        f" a load average of {on['load_average']}, on {on['measured_at']}."
    )
    return f"## {name}\n\n{found['asked']}\n\n{told}\n\n{shown(comparisons)}\n"
