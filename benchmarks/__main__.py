"""Runs benchmarks on this machine. See `python -m benchmarks --help` for the options."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import anyio
from benchmarks.options import RunOptions
from benchmarks.results import comparison_table, report, store_results
from benchmarks.rows import BENCHMARKS, load_benchmark


def main() -> None:
    """Run the chosen benchmarks, print a table for each, and store the results."""
    wanted = _wanted()
    run_options = RunOptions(
        rounds=wanted.rounds,
        is_quick=wanted.quick,
        sizes=tuple(wanted.sizes),
        minutes=wanted.minutes,
        runtimes=wanted.runtimes,
        readers=wanted.readers,
    )
    if run_options.is_quick:
        sys.stdout.write("Quick mode only checks that the benchmarks work. Ignore the figures.\n")
    with TemporaryDirectory(prefix="pushpaka-bench-") as nowhere:
        results = Path(nowhere) if run_options.is_quick else wanted.results
        for name in wanted.rows or BENCHMARKS:
            begun = perf_counter()
            asked, measure = load_benchmark(name)
            comparisons = anyio.run(measure, run_options)
            store_results(results, name, asked, comparisons)
            lasted = f"{perf_counter() - begun:.0f} s"
            sys.stdout.write(f"\n## {name} ({lasted})\n\n{comparison_table(comparisons)}\n")
            sys.stdout.flush()
        if wanted.report:
            wanted.report.write_text(report(results))


def _wanted() -> Namespace:
    parser = ArgumentParser(prog="benchmarks", description="Run benchmarks on this machine.")
    add = parser.add_argument
    add("rows", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}. Default: all")
    add("--quick", action="store_true", help="only check that the benchmarks work")
    add("--rounds", type=int, help="rounds in which each side is measured")
    add(
        "--results",
        type=Path,
        default=Path("benchmarks/results"),
        help="directory for results as JSON",
    )
    add("--report", type=Path, metavar="FILE", help="write the latest results to a Markdown page")
    add(
        "--sizes",
        nargs=2,
        type=int,
        default=[1_000_000, 10_000_000],
        metavar=("DEPLOYMENTS", "LINES"),
        help="size of the large database in scale",
    )
    add("--minutes", type=float, default=60, help="duration of constant")
    add(
        "--runtimes",
        nargs="+",
        default=["process", "docker"],
        help="runtimes of cutover, including swarm",
    )
    add("--readers", type=int, default=2, help="clients of cutover that read continuously")
    wanted = parser.parse_args()
    if unknown := set(wanted.rows) - set(BENCHMARKS):
        parser.error(f"Unknown benchmark: {', '.join(sorted(unknown))}.")
    return wanted


if __name__ == "__main__":
    main()
