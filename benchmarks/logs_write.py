"""
How fast does Pushpaka mask, number and commit the log lines of a program?

The baseline inserts the same rows in the same batches with the same driver, without decoding,
splitting and masking, and without publishing them. Processor time is the time of the benchmark's
process alone, without the PostgreSQL server.

Why they differ: for each line, Pushpaka decodes, splits and masks the output (2.5 µs), assigns a
number (0.85 µs) and creates a row (0.6 µs). For each batch of 500 lines, it updates the counter of
the deployment in the same transaction. Part of this work happens while the previous batch is
committed, so the difference is larger in processor time.
"""

from collections.abc import Mapping, Sequence
from time import perf_counter, process_time
from typing import Any, Self

import sqlalchemy as sa
from attrs import define
from benchmarks.databases import DATABASES, open_database
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, alternate

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.sql.connections.connection_pool import ConnectionPool
from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, open_connection_pools
from pushpaka_core.adapters.sql.schema import log_lines
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.bootstrap.options import utc_now
from pushpaka_core.converters import to_row
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.ports.processes import OutputChunk, OutputStream
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.logs.log_batches import BATCH_LINES
from pushpaka_core.services.logs.log_writer import LogWriter
from pushpaka_core.testing.stored_objects import store_deployment

_CHUNK = 16 * 1024
_SECRETS = [f"s3cr3t-{number}/of the+project" for number in range(20)]
_LINES = (
    "[{n:6}] Compiling src/pages/product-{n}.tsx -> .next/server/app/product-{n}.js (42 ms)",
    "npm warn deprecated some-package@{n}: this version is no longer supported",
    "  key={secret}",
    "",
)
_LINES_WRITTEN = 20_000
_GOAL = Goal(ratio=0.7, is_minimum=True)


@define
class Stopwatch:
    """Elapsed time and processor time of a block, in seconds."""

    seconds: float = 0
    processor: float = 0

    def __enter__(self) -> Self:
        self.seconds, self.processor = -perf_counter(), -process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += perf_counter()
        self.processor += process_time()

    def rates(self, lines: int) -> Figures:
        """Return the lines per second of elapsed time and of processor time."""
        return {"seconds": lines / self.seconds, "processor": lines / self.processor}


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Write the same lines with both in turn, on each database."""
    output = _output(run_options.amount(_LINES_WRITTEN, 400))
    return [
        comparison
        for database in DATABASES
        for comparison in await _measure_on(database, output, run_options.rounds_of(7))
    ]


async def _measure_on(database: str, output: bytes, rounds: int) -> Sequence[Comparison]:
    async with (
        open_database(database) as url,
        open_storage(url, migrate=True) as storage,
        open_connection_pools(url, wait_timeout=WAIT_TIMEOUT) as (writing, _),
    ):
        _, deployment = await _by_us(storage, output)
        rows = await _rows(storage, deployment)

        async def ours() -> Figures:
            spent, _ = await _by_us(storage, output)
            return spent.rates(len(rows))

        async def bare() -> Figures:
            return (await _bare(writing, storage, rows)).rates(len(rows))

        samples = await alternate({OURS: ours, "bare": bare}, rounds)
    return [
        Comparison.of(samples, "seconds", what=database, unit="lines/s", goal=_GOAL),
        Comparison.of(
            samples, "processor", what=f"{database}, by processor time", unit="lines/s", goal=_GOAL
        ),
    ]


async def _by_us(storage: Storage, output: bytes) -> tuple[Stopwatch, Deployment]:
    deployment = await store_deployment(storage)
    writing = LogWriter(storage, MemoryEventBus(), utc_now)
    redactor = Redactor.of(_SECRETS)
    with Stopwatch() as spent:
        async with writing.open(deployment.id, redactor) as log:
            program = log.open_output(Phase.BUILD)
            for start in range(0, len(output), _CHUNK):
                await program(_chunk(output[start : start + _CHUNK]))
            program.finish()
    return spent, deployment


def _chunk(data: bytes) -> OutputChunk:
    return OutputChunk(stream=OutputStream.STDOUT, data=data, written_at=utc_now(), position="")


async def _bare(
    writing: ConnectionPool, storage: Storage, rows: Sequence[Mapping[str, Any]]
) -> Stopwatch:
    """Insert the same rows for another deployment, in the same batches with the same driver."""
    deployment = await store_deployment(storage)
    rows = [{**row, "deployment_id": deployment.id} for row in rows]
    async with writing.engine.connect() as connection:
        with Stopwatch() as spent:
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
