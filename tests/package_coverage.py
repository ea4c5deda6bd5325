"""
Compares the branch coverage of each package in two files of `coverage json`.

`python -m tests.package_coverage before.json after.json` exits with 1 if the coverage of any
package is lower than before.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path


def branch_coverage(path: Path) -> Mapping[str, float]:
    """Return the percentage of covered branches of each package."""
    branches: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    for file, measured in json.loads(path.read_text())["files"].items():
        package = _package(Path(file))
        branches[package] += measured["summary"]["num_branches"]
        covered[package] += measured["summary"]["covered_branches"]
    return {name: 100 * covered[name] / count for name, count in branches.items() if count}


def _package(file: Path) -> str:
    """Return the package of *file*. Subpackages of the core count as separate packages."""
    parts = file.parts[file.parts.index("src") + 1 : -1]
    return ".".join(parts[: 2 if parts[0] == "pushpaka_core" else 1])


def main(file_before: Path, file_after: Path) -> int:
    """Print both percentages of each package. Return 1 if one is lower than before."""
    earlier, later = branch_coverage(file_before), branch_coverage(file_after)
    for package in sorted({*earlier, *later}):
        shares = earlier.get(package, 0.0), later.get(package, 0.0)
        change = shares[1] - shares[0]
        sys.stdout.write(f"{package:32} {shares[0]:6.1f} {shares[1]:6.1f} {change:+6.1f}\n")
    return any(later.get(package, 0.0) < share for package, share in earlier.items())


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
