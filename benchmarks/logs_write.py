"""How fast are lines of a program in the log: masked, numbered and committed?"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, Self

import sqlalchemy as sa
from attrs import define, frozen
from benchmarks.tables import table
from tests.postgres import lacks_postgres, running_server

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.sql.engine import PATIENCE, open_lanes
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
from pushpaka_core.services.deployment_log import BATCH_LINES
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
_COLUMNS = ("Database", "Lines a second", "Bare rows a second", "Ratio", "Ratio of processor time")


@frozen(kw_only=True)
class LogsWrite:
    """How long it took to write the same lines, by us and by nothing but the database."""

    database: str
    lines: int
    ours: Sequence["Spent"]
    bare: Sequence["Spent"]

    @property
    def row(self) -> Sequence[str]:
        """Show it as a line of a table."""
        ours, bare = (median(spent.seconds for spent in each) for each in (self.ours, self.bare))
        rates = f"{self.lines / ours:,.0f}", f"{self.lines / bare:,.0f}", f"{bare / ours:.2f}"
        busy = [median(spent.processor for spent in each) for each in (self.bare, self.ours)]
        return (self.database, *rates, f"{busy[0] / busy[1]:.2f}")


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


async def write_logs(*, lines: int, rounds: int) -> str:
    """Write so many lines over and over, by turns, and return a table."""
    measured = [await _measured("SQLite", _sqlite(), lines=lines, rounds=rounds)]
    if lacks_postgres() is None:
        measured.append(await _measured("PostgreSQL", _postgres(), lines=lines, rounds=rounds))
    return table(_COLUMNS, [each.row for each in measured])


async def _measured(
    database: str, opening: AbstractAsyncContextManager[str], *, lines: int, rounds: int
) -> LogsWrite:
    ours, bare = [], []
    output = _output(lines)
    async with opening as url, open_storage(url, migrate=True) as storage:
        for number in range(rounds + 1):
            spent, deployment = await _by_us(storage, output)
            rows = await _rows(storage, deployment)
            bare_spent = await _bare(url, storage, rows)
            if number:  # The first round is to warm up.
                ours.append(spent)
                bare.append(bare_spent)
    return LogsWrite(database=database, lines=len(rows), ours=ours, bare=bare)


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


async def _bare(url: str, storage: Storage, rows: Sequence[Mapping[str, Any]]) -> Spent:
    """Insert the same rows for another deployment, in the same batches, by the same driver."""
    deployment = await keep_deployment(storage)
    rows = [{**row, "deployment_id": deployment.id} for row in rows]
    async with (
        open_lanes(url, patience=PATIENCE) as (writing, _),
        writing.engine.connect() as connection,
    ):
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


@asynccontextmanager
async def _sqlite() -> AsyncIterator[str]:
    with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
        yield f"sqlite:///{Path(directory) / 'pushpaka.sqlite'}"


@asynccontextmanager
async def _postgres() -> AsyncIterator[str]:
    with running_server() as server, server.database(migrated=False) as url:
        yield url
