"""A Litestar application that does for a request what the database is asked to, and no more."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import sqlalchemy as sa
from attrs import define, field, frozen
from litestar import Litestar, Request, get, post
from sqlalchemy.ext.asyncio import AsyncConnection

from pushpaka_core.adapters.sql.lanes import Lane
from pushpaka_core.adapters.sql.storage import SqlStorage
from pushpaka_core.converters import from_row
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.hosts import Addresses
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
    """Note what is executed, as long as one request at a time is answered."""
    noted: list[Transaction] = []
    engines = {True: storage._writing.engine, False: storage._reading.engine}  # noqa: SLF001
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
    """Runs what was recorded, for each kind of request."""

    _writing: Lane
    _reading: Lane
    transactions: dict[str, Sequence[Transaction]] = field(factory=dict, init=False)
    """By the kind of request."""

    @property
    def app(self) -> Litestar:
        """Return its application."""

        @get(f"{_PATH}/{{deployment_id:str}}")
        async def show(deployment_id: str) -> DeploymentResponse:  # noqa: ARG001 - it is recorded
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
            async with lane.users, lane.engine.connect() as connection:
                for clause, rows in transaction.statements:
                    given = [replay.renewed(clause, row) for row in rows]
                    replay.note(await _answer(connection, clause, given))
                if transaction.is_writing:
                    await connection.commit()
        return replay


@define
class _Replay:
    """
    One request again: what it adds is new, and what it changes is what is there by now.

    So each deployment supersedes the one before, as it did when it was recorded.
    """

    found: Rows = field(factory=list, init=False)
    number: int = field(default=0, init=False)
    inserted: Mapping[str, Any] = field(factory=dict, init=False)
    _ids: dict[UUID, UUID] = field(factory=dict, init=False)
    """What stands for the ids that were recorded."""

    def renewed(self, clause: sa.Executable, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the parameters for this time."""
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
        """Keep what was found for what comes after it."""
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
    return DeploymentResponse.of(from_row(Deployment, row), Addresses())
