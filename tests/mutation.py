"""
Tests a fixed sample of mutants: `python -m tests.mutation --per-group 60`.

A mutant is a function with one small change. A test has to fail for each, or the behavior that
changed is not tested. mutmut makes the mutants, and runs the tests that call the changed function.

The report names each mutant of the sample and its result, so that two commits can be compared
with `diff`. The same source always gives the same sample.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name

SOURCE = Path("src/pushpaka_core")
GROUPS: Mapping[str, Sequence[Path]] = {
    "domain": sorted((SOURCE / "domain").rglob("*.py")),
    "detector": [SOURCE / "detection/detector.py"],
    "pipeline": [SOURCE / "services/pipeline/pipeline.py"],
    "queueing": [SOURCE / "services/deployments/queueing.py"],
    "deployments": [SOURCE / "services/deployments/deployments.py"],
}
"""The files to mutate, by group. `tool.mutmut` in pyproject.toml lists the same files."""

_KILLED = ("killed", "timeout")


def sample(paths: Iterable[Path], size: int) -> Sequence[str]:
    """Return the names of *size* mutants of *paths*, from as many functions as possible."""
    by_function: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        for name in mutate_file_contents(str(path), path.read_text()).mutant_names:
            mutant = get_mutant_name(path, name)
            by_function[mutant.partition("__mutmut_")[0]].append(mutant)
    ranked = [
        (rank, _digest(mutant), mutant)
        for mutants in by_function.values()
        for rank, mutant in enumerate(sorted(mutants, key=_digest))
    ]
    return [mutant for _, _, mutant in sorted(ranked)[:size]]


def _digest(mutant: str) -> str:
    """Return a sort key that orders mutants arbitrarily, but in the same way in every run."""
    return hashlib.sha256(mutant.encode()).hexdigest()


def run(mutants: Iterable[str], processes: int) -> Mapping[str, str]:
    """Run the tests for each of *mutants*, and return the statuses by mutant."""
    shutil.rmtree("mutants", ignore_errors=True)
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = ("mutmut", "run", f"--max-children={processes}", *mutants)
    subprocess.run(command, check=True, stdout=sys.stderr, env=environment)
    results = subprocess.run(
        ("mutmut", "results", "--all=true"), check=True, capture_output=True, text=True
    )
    statuses = (line.strip().rpartition(": ") for line in results.stdout.splitlines())
    return {mutant: status for mutant, _, status in statuses}


def report(samples: Mapping[str, Sequence[str]], statuses: Mapping[str, str]) -> Iterable[str]:
    """Yield lines with the score of each group, and then with the status of each mutant."""
    for group, mutants in samples.items():
        counts = Counter(statuses[mutant] for mutant in mutants)
        killed = sum(counts[status] for status in _KILLED)
        details = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        yield f"{group}: {killed / len(mutants):.0%} of {len(mutants)} killed ({details})"
    for group, mutants in samples.items():
        yield from (f"{group} {mutant} {statuses[mutant]}" for mutant in sorted(mutants))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Test a fixed sample of mutants.")
    parser.add_argument("--per-group", type=int, default=60, help="number of mutants per group")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    samples = {group: sample(paths, arguments.per_group) for group, paths in GROUPS.items()}
    statuses = run((name for names in samples.values() for name in names), arguments.processes)
    sys.stdout.writelines(f"{line}\n" for line in report(samples, statuses))
