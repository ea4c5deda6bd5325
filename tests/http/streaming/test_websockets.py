"""Logs by WebSocket."""

import anyio
import httpx
import pytest
from litestar import Litestar
from tests.http.clients import (
    UNKNOWN_ID,
    Person,
    close_code,
    log_stream_path,
    open_websocket,
    register_user,
)
from tests.http.controllers.test_logs import FIELDS
from tests.http.instances import Instance

from pushpaka_http.app import create_app
from pushpaka_http.middleware.rate_limits import Limits

pytestmark = pytest.mark.anyio


async def test_a_log_is_replayed_and_then_live(
    app: Litestar, ann: Person, instance: Instance
) -> None:
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one", "two")

    async with open_websocket(app, log_stream_path(deployment, ann.token)) as browser:
        lines = [await browser.line(), await browser.line()]
        await browser.say('{"subscribe": "everything"}')  # Is ignored.
        await instance.say(deployment["id"], "three")
        lines.append(await browser.line())
        await instance.fail()
        code = await browser.code()

    assert FIELDS == list(lines[0])
    assert [(1, "one"), (2, "two"), (3, "three")] == [
        (line["seq"], line["message"]) for line in lines
    ]
    assert 1000 == code


@pytest.mark.parametrize("after", [2, 3, 4])
async def test_a_watcher_resumes_after_the_last_line_it_saw(
    app: Litestar, ann: Person, instance: Instance, after: int
) -> None:
    """If `after` is past the last line, lines up to that position are skipped once they exist."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one", "two", "three")

    async with open_websocket(
        app, log_stream_path(deployment, ann.token, f"&after={after}")
    ) as browser:
        await anyio.wait_all_tasks_blocked()
        await instance.say(deployment["id"], "four", "five")
        line = await browser.line()

    assert after + 1 == line["seq"]


@pytest.mark.parametrize("after", [1, 2, 2**53 - 1])
async def test_the_log_of_a_finished_deployment_closes_with_1000(
    app: Litestar, ann: Person, instance: Instance, after: int
) -> None:
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one")
    await instance.fail()

    assert 1000 == await close_code(app, log_stream_path(deployment, ann.token, f"&after={after}"))


@pytest.mark.parametrize("query", ["", "?token=", "?token=nonsense", "?after=1"])
async def test_a_stream_without_a_valid_token_closes_with_4401(
    app: Litestar, ann: Person, query: str
) -> None:
    """Tokens in headers are ignored. The handshake is accepted so that pages can read the code."""
    deployment = await ann.deployment()
    path = f"/api/v1/logs/{deployment['id']}/stream{query}"

    assert 4401 == await close_code(app, path, authorization=f"Bearer {ann.token}")


@pytest.mark.parametrize(
    "id_", [UNKNOWN_ID, "x", "%00", "1" * 1000, "{{{}}}", "urn:uuid:{}", "%7B{}%7D"]
)
async def test_an_unknown_log_closes_with_4404(app: Litestar, ann: Person, id_: str) -> None:
    """Unknown ids and malformed ones get the same close code."""
    deployment = await ann.deployment()
    unknown = {"id": id_.format(deployment["id"])}

    assert 4404 == await close_code(app, log_stream_path(unknown, ann.token))


async def test_the_log_of_another_user_closes_with_4404(
    app: Litestar, ann: Person, bob: Person, instance: Instance
) -> None:
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "secret")

    assert 4404 == await close_code(app, log_stream_path(deployment, bob.token))


async def test_a_request_for_a_stream_needs_an_upgrade(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/v1/logs/{UNKNOWN_ID}/stream")
    other = await client.post(f"/api/v1/logs/{UNKNOWN_ID}/stream")

    assert (426, "upgrade_required") == (answer.status_code, answer.json()["code"])
    assert "websocket" == answer.headers["Upgrade"]
    assert (405, "GET, HEAD, OPTIONS") == (other.status_code, other.headers["Allow"])


@pytest.mark.parametrize("after", ["-1", "x", "", "1.5", "9" * 30, "٣"])
async def test_a_malformed_position_closes_with_4400(
    app: Litestar, ann: Person, after: str
) -> None:
    deployment = await ann.deployment()

    assert 4400 == await close_code(app, log_stream_path(deployment, ann.token, f"&after={after}"))


@pytest.fixture(scope="module")
async def ended_log() -> tuple[Litestar, str]:
    """Return an app that allows the dashboard's origin, and the path of a finished log."""
    instance = Instance.empty()
    app = create_app(instance.application, allowed_origins=["https://dashboard.example.com"])
    ann = await register_user(app)
    deployment = await ann.deployment()
    await instance.fail()
    return app, log_stream_path(deployment, ann.token)


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("http://api.localhost:8000", True),
        ("https://API.localhost:8000", True),
        ("https://dashboard.example.com", True),
        ("http://shop.localhost:8000", False),
        ("http://api.localhost", False),
        ("https://dashboard.example.com.evil.com", False),
        ("null", False),
        ("", False),
        ("http://[", False),
        ("ftp://api.localhost:8000", False),
        ("http://user@api.localhost:8000", False),
    ],
)
async def test_pages_of_other_origins_are_closed_with_4403(
    ended_log: tuple[Litestar, str], origin: str, is_allowed: bool
) -> None:
    """Only pages of this platform and of allowed origins can open a stream."""
    app, path = ended_log

    assert (1000 if is_allowed else 4403) == await close_code(app, path, origin=origin)


async def test_a_process_that_ends_closes_with_1012(
    app: Litestar, ann: Person, instance: Instance
) -> None:
    deployment = await ann.deployment()

    async with open_websocket(app, log_stream_path(deployment, ann.token)) as browser:
        instance.application.shutdown_signal.end()
        code = await browser.code()

    assert 1012 == code


async def test_a_watcher_that_reads_nothing_is_closed_with_1013(instance: Instance) -> None:
    app = create_app(instance.application, limits=Limits(stream_write_timeout=0.2))
    ann = await register_user(app)
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one", "two")

    async with open_websocket(app, log_stream_path(deployment, ann.token)) as browser:
        line = await browser.line()
        while "pushpaka_log_watchers 0.0" not in (await ann.client.get("/metrics")).text:
            pass
        code = await browser.code()

    assert (1, 1013) == (line["seq"], code)
