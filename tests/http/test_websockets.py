"""Logs by WebSocket."""

from contextlib import AsyncExitStack

import anyio
import httpx
import pytest
from litestar import Litestar
from tests.http.clients import NOBODY, PASSWORD, Person, connected
from tests.http.instances import Instance

from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

FIELDS = ["id", "deployment_id", "seq", "level", "stream", "phase", "message", "created_at"]


def stream(deployment: dict[str, str], person: Person, query: str = "") -> str:
    """Return the address of the log of *deployment* for *person*."""
    return f"/api/v1/logs/{deployment['id']}/stream?token={person.token}{query}"


async def test_a_log_is_replayed_and_then_live(
    app: Litestar, ann: Person, instance: Instance
) -> None:
    """Each message is one line; the end of the deployment closes with 1000."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one", "two")

    with anyio.fail_after(5):
        async with connected(app, stream(deployment, ann)) as browser:
            first, second = await browser.line(), await browser.line()
            await instance.say(deployment["id"], "three")
            third = await browser.line()
            await instance.fail()
            code = await browser.code()

    assert FIELDS == list(first)
    assert [1, 2, 3] == [first["seq"], second["seq"], third["seq"]]
    assert "three" == third["message"]
    assert 1000 == code


async def test_a_watcher_comes_back_where_they_were(
    app: Litestar, ann: Person, instance: Instance
) -> None:
    """Nothing is shown twice, and nothing left out."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one", "two", "three")

    with anyio.fail_after(5):
        async with connected(app, stream(deployment, ann, "&after=2")) as browser:
            line = await browser.line()

    assert 3 == line["seq"]


async def test_behind_the_end_is_only_what_comes_later(
    app: Litestar, ann: Person, instance: Instance
) -> None:
    """Who asks for more than there is sees nothing, and then what has a greater number."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one")

    with anyio.fail_after(5):
        async with connected(app, stream(deployment, ann, "&after=2")) as browser:
            await anyio.wait_all_tasks_blocked()
            await instance.say(deployment["id"], "two", "three")
            line = await browser.line()

    assert (3, "three") == (line["seq"], line["message"])


@pytest.mark.parametrize("after", [1, 2, 2**53 - 1])
async def test_behind_the_end_of_what_is_over_it_closes_at_once(
    app: Litestar, ann: Person, instance: Instance, after: int
) -> None:
    """Nothing can come later, so that nobody waits for it."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one")
    await instance.fail()

    with anyio.fail_after(10):
        async with connected(app, stream(deployment, ann, f"&after={after}")) as browser:
            code = await browser.code()

    assert 1000 == code


@pytest.mark.parametrize("query", ["", "?token=", "?token=nonsense", "?after=1"])
async def test_without_a_good_token_it_closes_with_4401(
    app: Litestar, ann: Person, query: str
) -> None:
    """The handshake is accepted, so that a page can read the code."""
    deployment = await ann.deployment()

    with anyio.fail_after(5):
        async with connected(app, f"/api/v1/logs/{deployment['id']}/stream{query}") as browser:
            code = await browser.code()

    assert 4401 == code


async def test_a_header_is_no_token_for_a_websocket(app: Litestar, ann: Person) -> None:
    """Only the parameter counts, as the document says."""
    deployment = await ann.deployment()
    path = f"/api/v1/logs/{deployment['id']}/stream"

    with anyio.fail_after(5):
        async with connected(app, path, authorization=f"Bearer {ann.token}") as browser:
            code = await browser.code()

    assert 4401 == code


@pytest.mark.parametrize("id", [NOBODY, "x", "%00", "1" * 1000])
async def test_an_unknown_log_closes_with_4404(app: Litestar, ann: Person, id: str) -> None:
    """An id that is none is an id of nothing."""
    with anyio.fail_after(5):
        async with connected(app, f"/api/v1/logs/{id}/stream?token={ann.token}") as browser:
            code = await browser.code()

    assert 4404 == code


async def test_the_log_of_another_closes_with_4404(
    app: Litestar, ann: Person, bob: Person, instance: Instance
) -> None:
    """Not one line is shown of what belongs to somebody else."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "secret")

    with anyio.fail_after(5):
        async with connected(app, stream(deployment, bob)) as browser:
            code = await browser.code()

    assert 4404 == code


@pytest.mark.parametrize("form", ["{{{}}}", "urn:uuid:{}", "%7B{}%7D"])
async def test_an_id_in_another_form_closes_with_4404(
    app: Litestar, ann: Person, form: str
) -> None:
    """An id has one form, here as elsewhere."""
    deployment = await ann.deployment()
    url = stream({"id": form.format(deployment["id"])}, ann)

    with anyio.fail_after(5):
        async with connected(app, url) as browser:
            code = await browser.code()

    assert 4404 == code


async def test_without_a_websocket_it_is_told_that_one_is_needed(client: httpx.AsyncClient) -> None:
    """Who opens the address of a stream like a page learns what it speaks."""
    answer = await client.get(f"/api/v1/logs/{NOBODY}/stream")
    other = await client.post(f"/api/v1/logs/{NOBODY}/stream")

    assert (426, "upgrade_required") == (answer.status_code, answer.json()["code"])
    assert "websocket" == answer.headers["Upgrade"]
    assert (405, "GET, HEAD, OPTIONS") == (other.status_code, other.headers["Allow"])


@pytest.mark.parametrize("after", ["-1", "x", "", "1.5", "9" * 30, "٣"])
async def test_a_bad_place_closes_with_4400(app: Litestar, ann: Person, after: str) -> None:
    """Who does not know where they were is told so."""
    deployment = await ann.deployment()

    with anyio.fail_after(5):
        async with connected(app, stream(deployment, ann, f"&after={after}")) as browser:
            code = await browser.code()

    assert 4400 == code


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
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
async def test_pages_of_others_are_closed_with_4403(
    ann: Person, instance: Instance, origin: str, is_let_in: bool
) -> None:
    """A browser tells where a page is from; only our own and listed ones may watch."""
    app = create_app(instance.application, allowed_origins=["https://dashboard.example.com"])
    deployment = await ann.deployment()
    await instance.fail()

    with anyio.fail_after(5):
        async with connected(app, stream(deployment, ann), origin=origin) as browser:
            code = await browser.code()

    assert (1000 if is_let_in else 4403) == code


async def test_the_twenty_first_of_a_user_closes_with_4429(
    app: Litestar, ann: Person, bob: Person
) -> None:
    """A user has twenty places; leaving frees one, and others have their own."""
    deployment = await ann.deployment()
    others = await bob.deployment()

    with anyio.fail_after(10):
        async with AsyncExitStack() as pages:
            for _ in range(20):
                page = connected(app, stream(deployment, ann))
                browser = await pages.enter_async_context(page)
            async with connected(app, stream(deployment, ann)) as one_too_many:
                code = await one_too_many.code()
            page_of_bob = connected(app, stream(others, bob))
            await pages.enter_async_context(page_of_bob)
            await browser.leave()
            await anyio.wait_all_tasks_blocked()
            await pages.enter_async_context(connected(app, stream(deployment, ann)))
            metrics = await ann.client.get("/metrics")
        after = await ann.client.get("/metrics")

    assert 4429 == code
    assert "pushpaka_log_watchers 21.0" in metrics.text
    assert "pushpaka_log_watchers 0.0" in after.text


async def test_a_token_that_ends_on_the_way_closes_with_4401(
    app: Litestar, ann: Person, instance: Instance
) -> None:
    """Nobody watches longer than their token lasts."""
    deployment = await ann.deployment()

    with anyio.fail_after(5):
        async with connected(app, stream(deployment, ann)) as browser:
            instance.clock.tick(2 * 3600)
            code = await browser.code()

    assert 4401 == code


async def test_another_password_ends_what_is_open(app: Litestar, ann: Person) -> None:
    """Who takes an account back takes its open pages back as well."""
    deployment = await ann.deployment()
    change = {"current_password": PASSWORD, "new_password": "another horse"}

    with anyio.fail_after(5):
        async with connected(app, stream(deployment, ann)) as browser:
            await ann.post("/auth/password", change)
            code = await browser.code()

    assert 4401 == code


async def test_a_process_that_ends_closes_with_1012(
    app: Litestar, ann: Person, instance: Instance
) -> None:
    """A page that watches does not hold it up, and goes on with the next one."""
    deployment = await ann.deployment()

    with anyio.fail_after(5):
        async with connected(app, stream(deployment, ann)) as browser:
            instance.application.lifetime.end()
            code = await browser.code()

    assert 1012 == code


async def test_a_watcher_who_takes_nothing_closes_with_1013(
    app: Litestar, ann: Person, instance: Instance
) -> None:
    """A page that hangs is sent away, and comes back for what it has not seen."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one", "two")

    with anyio.fail_after(5):
        async with connected(app, stream(deployment, ann)) as browser:
            line = await browser.line()
            while "pushpaka_log_watchers 0.0" not in (await ann.client.get("/metrics")).text:
                pass
            code = await browser.code()

    assert (1, 1013) == (line["seq"], code)


async def test_what_a_page_says_is_passed_over(
    app: Litestar, ann: Person, instance: Instance
) -> None:
    """A log listens to nobody."""
    deployment = await ann.deployment()

    with anyio.fail_after(5):
        async with connected(app, stream(deployment, ann)) as browser:
            await browser.say('{"subscribe": "everything"}')
            await instance.say(deployment["id"], "one")
            line = await browser.line()

    assert "one" == line["message"]
