"""
How fast are lines of a program in the log: masked, numbered and committed?

The bare side inserts the same rows in the same batches by the same driver, and does nothing else:
it decodes, cuts and masks nothing, and tells nobody. The processor time is that of this process
alone, without the server of PostgreSQL.

What differs: for each line ours decodes, cuts and masks (2.5 µs), numbers (0.85 µs) and makes a row
(0.6 µs); for each batch of 500 it counts in the row of the deployment, in a transaction. Part of
that is done while the batch before is committed, so that it shows more in processor time.
"""

from collections.abc import Mapping, Sequence
from time import perf_counter, process_time
from typing import Any, Self

import sqlalchemy as sa
from attrs import define
from benchmarks.databases import DATABASES, open_database
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Figures, Goal, by_turns

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.sql.engine import PATIENCE, open_lanes
from pushpaka_core.adapters.sql.lanes import Lane
from pushpaka_core.adapters.sql.schema import log_lines
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.bootstrap.options import utc_now
from pushpaka_core.converters import to_row
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.logs import LogFilter
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.ports.processes import Descriptor, OutputChunk
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.log_batches import BATCH_LINES
from pushpaka_core.services.log_writing import LogWriting
from pushpaka_core.testing.keeping import keep_deployment

_CHUNK = 16 * 1024
_SECRETS = [f"s3cr3t-{number}/of the+project" for number in range(20)]
_LINES = (
    "[{n:6}] Compiling src/pages/product-{n}.tsx -> .next/server/app/product-{n}.js (42 ms)",
    "npm warn deprecated some-package@{n}: this version is no longer supported",
    "  key={secret}",
    "",
)
_LINES_WRITTEN = 20_000
_GOAL = Goal(ratio=0.7, is_least=True)


@define
class Spent:
    """The time that a block takes, and how much of it this process has a processor."""

    seconds: float = 0
    processor: float = 0

    def __enter__(self) -> Self:
        self.seconds, self.processor = -perf_counter(), -process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += perf_counter()
        self.processor += process_time()

    def rates(self, lines: int) -> Figures:
        """Return how many lines that is a second."""
        return {"seconds": lines / self.seconds, "processor": lines / self.processor}


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Write the same lines by turns, on each database."""
    output = _output(plan.amount(_LINES_WRITTEN, 400))
    return [
        comparison
        for database in DATABASES
        for comparison in await _measure_on(database, output, plan.rounds_of(7))
    ]


async def _measure_on(database: str, output: bytes, rounds: int) -> Sequence[Comparison]:
    async with (
        open_database(database) as url,
        open_storage(url, migrate=True) as storage,
        open_lanes(url, patience=PATIENCE) as (writing, _),
    ):
        _, deployment = await _by_us(storage, output)
        rows = await _rows(storage, deployment)

        async def ours() -> Figures:
            spent, _ = await _by_us(storage, output)
            return spent.rates(len(rows))

        async def bare() -> Figures:
            return (await _bare(writing, storage, rows)).rates(len(rows))

        samples = await by_turns({OURS: ours, "bare": bare}, rounds)
    return [
        Comparison.of(samples, "seconds", what=database, unit="lines/s", goal=_GOAL),
        Comparison.of(
            samples, "processor", what=f"{database}, by processor time", unit="lines/s", goal=_GOAL
        ),
    ]


async def _by_us(storage: Storage, output: bytes) -> tuple[Spent, Deployment]:
    deployment = await keep_deployment(storage)
    writing = LogWriting(storage, MemoryEventBus(), utc_now)
    redactor = Redactor.of(_SECRETS)
    with Spent() as spent:
        async with writing.open(deployment.id, redactor) as log:
            program = log.output(Phase.BUILD)
            for start in range(0, len(output), _CHUNK):
                await program(_chunk(output[start : start + _CHUNK]))
            program.finish()
    return spent, deployment


def _chunk(data: bytes) -> OutputChunk:
    return OutputChunk(descriptor=Descriptor.STDOUT, data=data, written_at=utc_now(), position="")


async def _bare(writing: Lane, storage: Storage, rows: Sequence[Mapping[str, Any]]) -> Spent:
    """Insert the same rows for another deployment, in the same batches, by the same driver."""
    deployment = await keep_deployment(storage)
    rows = [{**row, "deployment_id": deployment.id} for row in rows]
    async with writing.engine.connect() as connection:
        with Spent() as spent:
            for start in range(0, len(rows), BATCH_LINES):
                await connection.execute(sa.insert(log_lines), rows[start : start + BATCH_LINES])
                await connection.commit()
    return spent


async def _rows(storage: Storage, deployment: Deployment) -> Sequence[Mapping[str, Any]]:
    async with storage.snapshot() as uow:
        return [to_row(line) for line in await uow.logs.lines(deployment, LogFilter())]


def _output(lines: int) -> bytes:
    texts = (
        _LINES[n % len(_LINES)].format(n=n, secret=_SECRETS[n % len(_SECRETS)])
        for n in range(lines)
    )
    return "".join(f"{text}\n" for text in texts).encode()
