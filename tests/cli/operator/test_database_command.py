"""Tests `pushpaka serve` during an outage of its PostgreSQL server."""

import pytest
from anyio import fail_after, sleep, to_thread
from tests.served_instance import ServedInstance
from tests.servers.postgres import PASSWORD, PostgresServer

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgres")]


async def test_serve_reports_a_database_outage_and_recovers(
    unrouted_instance: ServedInstance, postgres: PostgresServer
) -> None:
    """F09: requests get status 503 and a Retry-After header until the server is back."""
    with postgres.database(migrated=False) as url:
        unrouted_instance.env["PUSHPAKA_DATABASE_URL"] = url
        await unrouted_instance.start()
        token = await unrouted_instance.sign_up()

        async with unrouted_instance.api(token) as api:
            await to_thread.run_sync(postgres.stop)
            try:
                away, health = await api.get("/projects"), await api.get("/health")
            finally:
                await to_thread.run_sync(postgres.start)
            with fail_after(60):
                while 200 != (await api.get("/health")).status_code:
                    await sleep(0.05)
            back = await api.get("/auth/me")
        await unrouted_instance.stop()

    assert [503, 503, 200] == [answer.status_code for answer in (away, health, back)]
    assert "Retry-After" in away.headers
    assert PASSWORD not in unrouted_instance.log
