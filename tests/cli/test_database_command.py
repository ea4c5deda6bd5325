"""`pushpaka serve` and `migrate` on a PostgreSQL database, which may not be there."""

from collections.abc import Iterator

import pytest
from anyio import fail_after, sleep, to_thread
from tests.postgres import PASSWORD, PostgresServer
from tests.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgres")]


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database(migrated=False) as url:
        yield url


@pytest.mark.parametrize(
    ("command", "url", "sentence"),
    [
        ("serve", "postgresql://me:{password}@127.0.0.1:1/db", "127.0.0.1:1 cannot be reached"),
        ("migrate", "postgresql://me:{password}@127.0.0.1:{port}/db", "refuses this user name"),
        ("migrate", "mysql://me:{password}@127.0.0.1/db", "must be memory:, sqlite:////"),
        ("migrate", "postgresql://me:{password}@127.0.0.1", "cannot be read; use postgresql://"),
    ],
)
async def test_a_database_that_cannot_be_used_is_told(
    unrouted: Served, postgres: PostgresServer, command: str, url: str, sentence: str
) -> None:
    """A sentence and exit code 2, with neither a traceback nor the password."""
    url = url.format(password="hunter2-hunter2", port=postgres.port)

    finished = await unrouted.run(command, PUSHPAKA_DATABASE_URL=url)

    assert 2 == finished.code, finished.errors
    assert sentence in finished.errors
    assert "Traceback" not in finished.errors
    assert "hunter2" not in finished.errors


async def test_serve_says_that_its_database_is_away_and_comes_back(
    unrouted: Served, postgres: PostgresServer, database: str
) -> None:
    """F09: 503 with the seconds to wait while the server is down, and all is there afterwards."""
    unrouted.env["PUSHPAKA_DATABASE_URL"] = database
    await unrouted.start()
    token = await unrouted.sign_up()

    async with unrouted.api(token) as api:
        await to_thread.run_sync(postgres.stop)
        try:
            away, health = await api.get("/projects"), await api.get("/health")
        finally:
            await to_thread.run_sync(postgres.start)
        with fail_after(5):
            while 200 != (await api.get("/health")).status_code:
                await sleep(0.05)
        back = await api.get("/auth/me")

    assert [503, 503, 200] == [answer.status_code for answer in (away, health, back)]
    assert "Retry-After" in away.headers
    assert PASSWORD not in unrouted.log
