"""The log of a deployment over connections that end, and answers that refuse."""

import pytest
from playwright.async_api import expect
from tests.acceptance.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.fed_logs import FedLog, page_of_some_deployment
from tests.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

OVER, FAILED, TOO_SLOW = 1000, 1011, 1013
SIGNED_OUT, FOREIGN, GONE, CROWDED = 4401, 4403, 4404, 4429


@pytest.fixture(scope="module")
async def path(owner: Person, served: Served) -> str:
    return await page_of_some_deployment(owner, served.repositories / "connections")


@pytest.fixture
async def log(visitors: Visitors, owner: Person, path: str) -> FedLog:
    """Return a log of 500 lines that is watched."""
    log = FedLog(await visitors(owner), stored=500)
    await log.open(path)
    return log


async def test_what_is_asked_for_too_often_is_asked_for_later(
    visitors: Visitors, owner: Person, path: str
) -> None:
    """Who has asked too much is told, and the log goes on by itself when the server says so."""
    visitor = await visitors(owner)
    log = FedLog(visitor, stored=500, refusals=[{"Retry-After": "1"}])

    await log.open(path)

    await expect(log.status).to_contain_text("500 lines")
    visitor.expect_refused(f"429 GET /api/v1/logs/{path.rpartition('/')[-1]}")


async def test_lines_come_once_over_many_connections(log: FedLog) -> None:
    """A connection that ends is made again from the last line; what comes twice is shown once."""
    for code in (TOO_SLOW, FAILED):
        await log.close(code)
        await expect(log.status).to_contain_text("The connection was lost. Trying again")
        await expect(log.status).to_contain_text("Live")
        log.send(range(log.afters[-1] - 5, log.afters[-1] + 101))
        await expect(log.status).to_contain_text(f"{log.afters[-1] + 100} lines")
    await log.close(OVER)
    await expect(log.status).to_contain_text("Complete")

    assert [500, 500, 600] == log.afters


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (FOREIGN, "does not let pages of this address"),
        (GONE, "not there any more"),
        (CROWDED, "too many logs at once"),
    ],
)
async def test_why_no_more_lines_come_is_told(log: FedLog, code: int, reason: str) -> None:
    """A reader is told in words why the server shows no more of a log."""
    await log.close(code)

    await expect(log.status).to_contain_text(reason)
    assert [500] == log.afters


async def test_a_token_that_ends_while_a_log_runs_ends_the_session(log: FedLog) -> None:
    """Who is signed out while they watch signs in again, and comes back to where they were."""
    await log.close(SIGNED_OUT)

    await expect(log.visitor.heading("Sign in")).to_be_visible()
    await expect(log.visitor.page.get_by_text("Your session has ended")).to_be_visible()
    assert "next=%2Fdeployments%2F" in log.visitor.page.url
