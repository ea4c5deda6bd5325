"""Measures on this machine; `python -m benchmarks --help` tells what may be chosen."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import anyio
from benchmarks.plans import Plan
from benchmarks.results import keep, report, shown
from benchmarks.rows import ROWS, row_named


def main() -> None:
    """Measure what the command line says, print a table of each row, and keep its figures."""
    wanted = _wanted()
    plan = Plan(
        rounds=wanted.rounds,
        is_quick=wanted.quick,
        sizes=tuple(wanted.sizes),
        minutes=wanted.minutes,
        runtimes=wanted.runtimes,
        readers=wanted.readers,
    )
    if plan.is_quick:
        sys.stdout.write("Each row is only tried: nothing is to be judged by these figures.\n")
    with TemporaryDirectory(prefix="pushpaka-bench-") as nowhere:
        results = Path(nowhere) if plan.is_quick else wanted.results
        for name in wanted.rows or ROWS:
            begun = perf_counter()
            asked, measure = row_named(name)
            comparisons = anyio.run(measure, plan)
            keep(results, name, asked, comparisons)
            lasted = f"{perf_counter() - begun:.0f} s"
            sys.stdout.write(f"\n## {name} ({lasted})\n\n{shown(comparisons)}\n")
            sys.stdout.flush()
        if wanted.report:
            wanted.report.write_text(report(results))


def _wanted() -> Namespace:
    parser = ArgumentParser(prog="benchmarks", description="Measures on this machine.")
    add = parser.add_argument
    add("rows", nargs="*", metavar="NAME", help=f"of {', '.join(ROWS)}; all without any")
    add("--quick", action="store_true", help="try only if all works; judge nothing by it")
    add("--rounds", type=int, help="how often each side has its turn")
    add("--results", type=Path, default=Path("benchmarks/results"), help="where JSON is kept")
    add("--report", type=Path, metavar="FILE", help="write what is kept as a page of Markdown")
    add(
        "--sizes",
        nargs=2,
        type=int,
        default=[1_000_000, 10_000_000],
        metavar=("DEPLOYMENTS", "LINES"),
        help="of scale",
    )
    add("--minutes", type=float, default=60, help="that constant lasts")
    add("--runtimes", nargs="+", default=["process", "docker"], help="of cutover; swarm as well")
    add("--readers", type=int, default=2, help="visitors of cutover who read all the time")
    wanted = parser.parse_args()
    if unknown := set(wanted.rows) - set(ROWS):
        parser.error(f"There is no {' or '.join(sorted(unknown))}.")
    return wanted


if __name__ == "__main__":
    main()
