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
    _created: Mapping[str, Any] = field(factory=dict, init=False)

    @property
    def app(self) -> Litestar:
        """Return its application."""

        @get(f"{_PATH}/{{deployment_id:str}}")
        async def show(deployment_id: str) -> DeploymentResponse:  # noqa: ARG001 - it is recorded
            rows, _ = await self._run("get", {})
            return _shown(rows[0])

        @get(_PATH)
        async def page(limit: int) -> PageResponse[DeploymentResponse]:
            rows, total = await self._run("list", {})
            return PageResponse(
                data=[_shown(row) for row in rows], total=total, limit=limit, offset=0
            )

        @post(_PATH)
        async def create(request: Request[Any, Any, Any]) -> DeploymentResponse:
            await request.json()
            created = self._inserted("create")
            _, number = await self._run("create", {created["id"]: uuid4()})
            return _shown({**created, "sequence": number})

        return Litestar([show, page, create], openapi_config=None)

    def _inserted(self, kind: str) -> Mapping[str, Any]:
        """Return the row that was inserted when it was recorded."""
        rows = (
            row
            for transaction in self.transactions[kind]
            for clause, rows in transaction.statements
            if isinstance(clause, sa.Insert) and clause.table.name == "deployments"
            for row in rows
        )
        return dict(next(rows))

    async def _run(self, kind: str, ids: Mapping[UUID, UUID]) -> tuple[Rows, int]:
        """Run the statements; return the deployments that were found, and the last number."""
        found: Rows = []
        number = 0
        for transaction in self.transactions[kind]:
            lane = self._writing if transaction.is_writing else self._reading
            async with lane.users, lane.engine.connect() as connection:
                for clause, parameters in transaction.statements:
                    given = [_renewed(row, ids, number) for row in parameters]
                    rows = await _answer(connection, clause, given)
                    if rows and "sequence" in rows[0]:
                        found = rows
                    elif rows and len(rows[0]) == 1:
                        number = next(iter(rows[0].values()))
                if transaction.is_writing:
                    await connection.commit()
        return found, number


async def _answer(connection: AsyncConnection, clause: sa.Executable, rows: Rows) -> Rows:
    result = await connection.execute(clause, rows[0] if len(rows) == 1 else rows)
    return [dict(row) for row in result.mappings()] if result.returns_rows else []


def _renewed(row: Mapping[str, Any], ids: Mapping[UUID, UUID], number: int) -> Mapping[str, Any]:
    """Give what is inserted an id of its own, and the deployment its number."""
    renewed = {
        name: ids.get(value, value) if isinstance(value, UUID) else value
        for name, value in row.items()
    }
    if "sequence" in row:
        return {**renewed, "sequence": number}
    return {**renewed, "id": uuid4()} if "id" in row else renewed


def _shown(row: Mapping[str, Any]) -> DeploymentResponse:
    return DeploymentResponse.of(from_row(Deployment, row), Addresses())
