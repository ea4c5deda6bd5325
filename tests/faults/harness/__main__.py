"""
Deploys under faults, and says what has become of every deployment.

`python -m tests.faults.harness --help` tells what may be chosen; the exit code is 1
where a promise was broken.
"""

import shutil
import sys
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from random import Random
from secrets import randbelow

import anyio
import httpx
from anyio import current_time, fail_after, sleep
from tests.faults.harness.crowd import Crowd, Ledger
from tests.faults.harness.faults import Misfortune
from tests.faults.harness.judge import judged
from tests.faults.harness.report import LET_GO, REFUSALS, Report, fell, say, times_said, tracebacks
from tests.faults.harness.world import Database, World, open_world
from tests.served import answers

_LONGEST_PAUSE = 10
"""Seconds without another fault."""
_TIMEOUT_SECONDS = 10


def main() -> None:
    """Run as the command line says."""
    wanted = _wanted()
    say(f"seed {wanted.seed}")
    reports = [anyio.run(partial(_run, database, wanted)) for database in wanted.databases]
    sys.exit(0 if all(report.is_good for report in reports) else 1)


def _wanted() -> Namespace:
    parser = ArgumentParser(prog="faults", description="Deploys under faults.")
    parser.add_argument("--deployments", type=int, default=100)
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--seed", type=int, default=randbelow(10**6), help="decides what happens")
    parser.add_argument(
        "--databases", type=Database, nargs="+", default=list(Database), help="one after the other"
    )
    parser.add_argument("--logs", type=Path, help="a directory for what the programs say")
    return parser.parse_args()


async def _run(database: Database, wanted: Namespace) -> Report:
    begun = current_time()
    ledger = Ledger(wanted.deployments)
    async with (
        open_world(database) as world,
        httpx.AsyncClient(timeout=10, trust_env=False) as http,
    ):
        await _until_up(world, http)
        crowd = await Crowd.gather(world, http, ledger, _random(wanted, "people"))
        misfortune = Misfortune(world, _random(wanted, "faults"))
        try:
            await _suffer(crowd, misfortune, wanted)
            verdict = await judged(world, crowd)
        finally:
            if wanted.logs is not None:
                _keep_logs(world, wanted.logs / database)
        report = Report(
            title=f"{database}, seed {wanted.seed}",
            seconds=current_time() - begun,
            misfortune=misfortune,
            ledger=ledger,
            verdict=verdict,
            fell=fell(world),
            tracebacks=tracebacks(world),
            leases_let_go=times_said(world, LET_GO),
            stale_writes=times_said(world, REFUSALS),
        )
    for line in report.lines():
        say(line)
    return report


async def _suffer(crowd: Crowd, misfortune: Misfortune, wanted: Namespace) -> None:
    """Deploy and let things go wrong, evenly over all deployments."""

    async def pace(nth: int) -> None:
        await crowd.pace(nth * wanted.deployments // (wanted.faults + 1), _LONGEST_PAUSE)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(crowd.deploy)
        tasks.start_soon(misfortune.strike, wanted.faults, pace)


async def _until_up(world: World, http: httpx.AsyncClient) -> None:
    with fail_after(60):
        for port in world.ports:
            while not await answers(http, f"http://127.0.0.1:{port}/api/v1/health"):
                await sleep(0.1)


def _random(wanted: Namespace, what: str) -> Random:
    return Random(f"{wanted.seed} {what}")  # noqa: S311 - to be had again, not to be secret


def _keep_logs(world: World, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for log in world.logs:
        if log.exists():
            shutil.copy(log, directory)


main()
