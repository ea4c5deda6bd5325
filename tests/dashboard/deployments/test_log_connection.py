"""Tests the log of a deployment when connections end and requests are refused."""

import pytest
from playwright.async_api import expect
from tests.acceptance.tools.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.simulated_logs import SimulatedLog, page_of_some_deployment
from tests.served_instance import ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

OVER, FAILED, TOO_SLOW = 1000, 1011, 1013
SIGNED_OUT, FOREIGN, GONE, CROWDED = 4401, 4403, 4404, 4429


@pytest.fixture(scope="module")
async def path(owner: Person, served_instance: ServedInstance) -> str:
    return await page_of_some_deployment(owner, served_instance.repositories / "connections")


@pytest.fixture
async def log(visitors: Visitors, owner: Person, path: str) -> SimulatedLog:
    """Return a log of 500 lines that a page shows."""
    log = SimulatedLog(await visitors(owner), stored=500)
    await log.open(path)
    return log


async def test_rate_limited_log_is_requested_again_later(
    visitors: Visitors, owner: Person, path: str
) -> None:
    """The page waits for as long as the server tells it to."""
    visitor = await visitors(owner)
    log = SimulatedLog(visitor, stored=500, refusals=[{"Retry-After": "1"}])

    await log.open(path)

    await expect(log.status).to_contain_text("500 lines")
    visitor.require_failed_responses(f"429 GET /api/v1/logs/{path.rpartition('/')[-1]}")


async def test_lines_are_shown_once_over_many_connections(log: SimulatedLog) -> None:
    """The page reconnects after the last received line, and shows a repeated line once."""
    for code in (TOO_SLOW, FAILED):
        await log.close(code)
        await expect(log.status).to_contain_text("The connection was lost. Reconnecting")
        await expect(log.status).to_contain_text("Live")
        log.send(range(log.afters[-1] - 5, log.afters[-1] + 101))
        await expect(log.status).to_contain_text(f"{log.afters[-1] + 100} lines")
    await log.close(OVER)
    await expect(log.status).to_contain_text("Complete")

    assert [500, 500, 600] == log.afters


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (FOREIGN, "does not allow this address"),
        (GONE, "was not found"),
        (CROWDED, "Too many logs are open"),
    ],
)
async def test_end_of_the_stream_is_explained(log: SimulatedLog, code: int, reason: str) -> None:
    """The page says why the server sends no more lines."""
    await log.close(code)

    await expect(log.status).to_contain_text(reason)
    assert [500] == log.afters


async def test_expired_token_ends_the_session_while_a_log_is_followed(log: SimulatedLog) -> None:
    """After signing in, the user sees the log again."""
    await log.close(SIGNED_OUT)

    await expect(log.visitor.heading("Sign in")).to_be_visible()
    await expect(log.visitor.page.get_by_text("Your session has ended")).to_be_visible()
    assert "next=%2Fdeployments%2F" in log.visitor.page.url
