"""
Runs the harness: deploys while faults are injected, and prints a report.

`python -m tests.faults.harness --help` lists the options. The exit code is 1 if a problem was
found.
"""

import sys
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path

import anyio
from anyio import create_task_group
from tests.faults.harness.cluster import Database
from tests.faults.harness.run import Plan, run


def main() -> None:
    """Run the harness with the options on the command line."""
    options = _options()
    sys.stdout.write(f"seed {options.seed}\n")
    sys.exit(0 if anyio.run(_run_all, options) else 1)


def _options() -> Namespace:
    parser = ArgumentParser(prog="faults", description="Deploys while faults are injected.")
    default = Plan()
    parser.add_argument("--deployments", type=int, default=default.deployments)
    parser.add_argument("--faults", type=int, default=default.faults)
    parser.add_argument("--seed", type=int, default=default.seed, help="decides the order")
    parser.add_argument(
        "--databases", type=Database, nargs="+", default=list(Database), help="at the same time"
    )
    parser.add_argument("--logs", type=Path, help="a directory for the logs of the programs")
    return parser.parse_args()


async def _run_all(options: Namespace) -> bool:
    """Run on all databases at the same time, and return True if no problem was found."""
    plan = Plan(options.deployments, options.faults, options.seed, options.logs)
    results = []

    async def run_on(database: Database) -> None:
        report = await run(database, plan)
        results.append(report.is_good)
        sys.stdout.write("".join(f"{line}\n" for line in report.lines()))
        sys.stdout.flush()

    async with create_task_group() as tasks:
        for database in options.databases:
            tasks.start_soon(partial(run_on, database))
    return all(results)


main()
