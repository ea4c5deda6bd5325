"""A Litestar application that runs the recorded statements of a request and nothing else."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import sqlalchemy as sa
from attrs import define, field, frozen
from litestar import Litestar, Request, get, post
from sqlalchemy.ext.asyncio import AsyncConnection

from pushpaka_core.adapters.sql.connections.connection_pool import ConnectionPool
from pushpaka_core.adapters.sql.storage import SqlStorage
from pushpaka_core.converters import from_row
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import PageResponse

_PATH = "/api/v1/deployments"
Rows: TypeAlias = Sequence[Mapping[str, Any]]


@frozen
class Transaction:
    """The statements of one transaction, with their parameters."""

    is_writing: bool
    statements: list[tuple[sa.Executable, Rows]] = field(factory=list)


@contextmanager
def recorded(storage: SqlStorage) -> Iterator[list[Transaction]]:
    """Record all executed statements. Only one request at a time may be in progress."""
    noted: list[Transaction] = []
    engines = {True: storage._write_pool.engine, False: storage._read_pool.engine}  # noqa: SLF001
    listeners: list[tuple[sa.Engine, str, Callable[..., None]]] = []
    for is_writing, engine in engines.items():

        def begin(_: sa.Connection, is_writing: bool = is_writing) -> None:
            noted.append(Transaction(is_writing))

        def execute(_: sa.Connection, clause: Any, many: Any, one: Any, __: Any) -> None:
            noted[-1].statements.append((clause, list(many) or [dict(one)]))

        listeners += [(engine.sync_engine, "begin", begin)]
        listeners += [(engine.sync_engine, "before_execute", execute)]
    for listener in listeners:
        sa.event.listen(*listener)
    try:
        yield noted
    finally:
        for listener in listeners:
            sa.event.remove(*listener)


@define
class BareApi:
    """Replays the recorded statements of each kind of request."""

    _writing: ConnectionPool
    _reading: ConnectionPool
    transactions: dict[str, Sequence[Transaction]] = field(factory=dict, init=False)
    """The transactions by kind of request."""

    @property
    def app(self) -> Litestar:
        """Return the Litestar application."""

        @get(f"{_PATH}/{{deployment_id:str}}")
        async def show(deployment_id: str) -> DeploymentResponse:  # noqa: ARG001 - replayed
            replay = await self._run("get")
            return _shown(replay.found[0])

        @get(_PATH)
        async def page(limit: int) -> PageResponse[DeploymentResponse]:
            replay = await self._run("list")
            data = [_shown(row) for row in replay.found]
            return PageResponse(data=data, total=replay.number, limit=limit, offset=0)

        @post(_PATH)
        async def create(request: Request[Any, Any, Any]) -> DeploymentResponse:
            await request.json()
            replay = await self._run("create")
            return _shown(replay.inserted)

        return Litestar([show, page, create], openapi_config=None)

    async def _run(self, kind: str) -> "_Replay":
        replay = _Replay()
        for transaction in self.transactions[kind]:
            lane = self._writing if transaction.is_writing else self._reading
            async with lane.limiter, lane.engine.connect() as connection:
                for clause, rows in transaction.statements:
                    given = [replay.renewed(clause, row) for row in rows]
                    replay.note(await _answer(connection, clause, given))
                if transaction.is_writing:
                    await connection.commit()
        return replay


@define
class _Replay:
    """
    Replays one request with new ids for inserted rows and current ids for updated ones.

    Each deployment supersedes the previous one, as it did when the request was recorded.
    """

    found: Rows = field(factory=list, init=False)
    number: int = field(default=0, init=False)
    inserted: Mapping[str, Any] = field(factory=dict, init=False)
    _ids: dict[UUID, UUID] = field(factory=dict, init=False)
    """The replacements of recorded ids."""

    def renewed(self, clause: sa.Executable, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the parameters for this replay."""
        match clause:
            case sa.Insert(table=sa.Table(name="deployments")):
                self._ids[row["id"]] = uuid4()
                self.inserted = {**row, "id": self._ids[row["id"]], "sequence": self.number - 1}
                return self.inserted
            case sa.Insert():
                return {**self._known(row), "id": uuid4()} if "id" in row else self._known(row)
            case sa.Update(table=sa.Table(name="deployments")):
                (waiting,) = self.found
                self._ids[row["same_id"]] = waiting["id"]
                return {**self._known(row), "sequence": waiting["sequence"]}
            case _:
                return self._known(row)

    def note(self, rows: Rows) -> None:
        """Keep the result for later statements."""
        if rows and "sequence" in rows[0]:
            self.found = rows
        elif rows and len(rows[0]) == 1:
            self.number = next(iter(rows[0].values()))

    def _known(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            name: self._ids.get(value, value) if isinstance(value, UUID) else value
            for name, value in row.items()
        }


async def _answer(connection: AsyncConnection, clause: sa.Executable, rows: Rows) -> Rows:
    result = await connection.execute(clause, rows[0] if len(rows) == 1 else rows)
    return [dict(row) for row in result.mappings()] if result.returns_rows else []


def _shown(row: Mapping[str, Any]) -> DeploymentResponse:
    return DeploymentResponse.of(from_row(Deployment, row), PublicUrls())
