"""Measures on this machine; `python -m benchmarks --help` tells what may be chosen."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import anyio
from benchmarks.cutover import Cutover, cut_over
from benchmarks.logs_write import write_logs
from tests.acceptance.people import OWN_ADDRESSES, Person
from tests.served import open_served
from tests.swarm.machines import open_swarm


def main() -> None:
    """Measure what the command line says, and print a table of each."""
    wanted = _wanted()
    if wanted.benchmark == "logs-write":
        table = anyio.run(partial(write_logs, lines=wanted.lines, rounds=wanted.rounds))
        sys.stdout.write(f"{wanted.rounds} rounds of {wanted.lines} lines.\n\n{table}\n")
        return
    for runtime in wanted.runtimes:
        before = os.getloadavg()[0]
        with _settings_of(runtime) as settings:
            cutover = anyio.run(_cutover, settings, wanted)
        after = os.getloadavg()[0]
        done = (
            f"{wanted.deployments} deployments, {wanted.rollbacks} rollbacks, {wanted.kills} kills"
        )
        load = f"a load average of {before:.1f} before and {after:.1f} after"
        sys.stdout.write(f"\n### {runtime}\n\n")
        sys.stdout.write(f"{done}; {os.cpu_count()} cores, {load}.\n\n{cutover.table}\n")
        sys.stdout.writelines(f"{failure}\n" for failure in cutover.load.failures)
        sys.stdout.flush()


def _wanted() -> Namespace:
    parser = ArgumentParser(prog="benchmarks", description="Measures on this machine.")
    parser.add_argument("benchmark", choices=["cutover", "logs-write"], help="what is measured")
    parser.add_argument("--readers", type=int, default=2, help="visitors who read all the time")
    parser.add_argument("--deployments", type=int, default=20)
    parser.add_argument("--rollbacks", type=int, default=20)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runtimes", nargs="+", default=["process", "docker"])
    return parser.parse_args()


@contextmanager
def _settings_of(runtime: str) -> Iterator[Mapping[str, str]]:
    """Make what a runtime needs; a Swarm is of two machines that are both this one."""
    if runtime != "swarm":
        yield {"PUSHPAKA_RUNTIME": runtime}
        return
    with open_swarm() as swarm:
        swarm.load("python:3.13-slim")
        yield swarm.settings


async def _cutover(given: Mapping[str, str], wanted: Namespace) -> Cutover:
    settings = {**OWN_ADDRESSES, **given, "PUSHPAKA_DRAIN_TIMEOUT": "5"}
    async with open_served(**settings) as served, Person.signed_up(await served.start()) as ann:
        return await cut_over(
            ann,
            served.repositories,
            readers=wanted.readers,
            deployments=wanted.deployments,
            rollbacks=wanted.rollbacks,
            kills=wanted.kills,
        )


if __name__ == "__main__":
    main()
