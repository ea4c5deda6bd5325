"""Every bound of a request holds to the byte: at the bound it passes, and one more does not."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import httpx
import pytest
from anyio import create_task_group
from attrs import evolve
from litestar import Litestar
from tests.http.clients import PASSWORD, Person, connected, speaking_to
from tests.http.instances import Instance
from tests.http.raw import served
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import Limits

pytestmark = pytest.mark.anyio

LIMITS = Limits()
JSON = {"Content-Type": "application/json"}
PROJECT = b'{"name": "shop", "repo_url": "https://git.example.com/ann/app.git"}'


async def in_chunks(content: bytes) -> AsyncIterator[bytes]:
    """Send *content* without saying first how much it is."""
    for begin in range(0, len(content), 64 * 1024):
        yield content[begin : begin + 64 * 1024]


@pytest.mark.parametrize("is_chunked", [True, False])
@pytest.mark.parametrize(("more", "status"), [(0, 201), (1, 413)])
async def test_a_body(ann: Person, is_chunked: bool, more: int, status: int) -> None:
    """One mebibyte is read, whether its length is told or not; a byte more is not."""
    body = PROJECT.ljust(1024 * 1024 + more)
    content = in_chunks(body) if is_chunked else body

    answer = await ann.ask("POST", "/projects", content=content, headers=JSON)

    assert status == answer.status_code


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 414)])
async def test_an_address(client: httpx.AsyncClient, more: int, status: int) -> None:
    """Path, question mark and query have 8 KiB together."""
    address = "/health?x=".ljust(8 * 1024 + more, "y")

    answer = await client.get(address)

    assert status == answer.status_code


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 431)])
async def test_the_bytes_of_headers(app: Litestar, more: int, status: int) -> None:
    """Names and values have 16 KiB together."""
    async with bare(app) as client:
        answer = await client.get("/health", headers={"x": "y" * (16 * 1024 - 1 + more)})

    assert status == answer.status_code


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 431)])
async def test_the_number_of_headers(app: Litestar, more: int, status: int) -> None:
    """There are a hundred of them."""
    async with bare(app) as client:
        headers = {f"X-{number}": "y" for number in range(100 + more)}
        answer = await client.get("/health", headers=headers)

    assert status == answer.status_code


def bare(app: Litestar) -> httpx.AsyncClient:
    """Return a client of *app* that sends no headers but those that it is given."""

    async def without_own(scope: Any, receive: Any, send: Any) -> None:
        headers = [pair for pair in scope["headers"] if pair[0].startswith(b"x")]
        inner: Any = {**scope, "headers": headers}
        await app(inner, receive, send)

    return speaking_to(without_own)


@pytest.mark.parametrize(("depth", "field"), [(32, "name"), (33, "body")])
async def test_the_depth_of_a_body(ann: Person, depth: int, field: str) -> None:
    """A body of 32 levels is looked at, and one of 33 is too deep."""
    inside = depth - 1
    body = b'{"repo_url": "x", "name": ' + b"[" * inside + b"]" * inside + b"}"

    answer = await ann.ask("POST", "/projects", content=body, headers=JSON)

    assert 400 == answer.status_code
    assert field in {problem["field"] for problem in answer.json()["details"]}


async def test_a_depth_that_is_set_holds_for_every_body(instance: Instance) -> None:
    """Also for one that is sent where a route takes none."""
    body = b'{"name": [[[[]]]]}'
    app = create_app(instance.application, limits=evolve(LIMITS, body_depth=4))
    async with speaking_to(app) as client:
        ann = await Person.registered(client, "ann@example.com")
        cancel = f"/deployments/{(await ann.deployment())['id']}/cancel"
        answers = [
            await ann.ask("POST", path, content=body, headers=JSON)
            for path in ("/projects", cancel)
        ]

    told = [{"field": "body", "message": "must not be nested more than 4 levels deep"}]
    assert [told, told] == [answer.json()["details"] for answer in answers]


GOOD_PAGES = ["limit=1", "limit=100", "offset=0", "offset=9007199254740991"]
BAD_PAGES = [
    *("limit=0", "limit=101", "limit=-1", "limit=1e9", "limit=", "limit=x", "limit=1.0"),
    *("limit=5&limit=6", "offset=-5", "offset=9007199254740992", "sort=secret"),
]


@pytest.mark.parametrize("route", ["/deployments", "/audit"])
async def test_a_page(ann: Person, route: str) -> None:
    """A page has 1 to 100 entries, and nobody sorts it by what they like."""
    good = [await ann.get(f"{route}?{query}") for query in GOOD_PAGES]
    bad = [await ann.get(f"{route}?{query}") for query in BAD_PAGES]

    wrong = [[each["field"] for each in answer.json()["details"]] for answer in bad]
    assert [200] * len(good) == [answer.status_code for answer in good]
    assert [400] * len(bad) == [answer.status_code for answer in bad]
    assert [[query.partition("=")[0]] for query in BAD_PAGES] == wrong


async def test_a_part_of_a_log(ann: Person) -> None:
    """A log is read by up to a thousand lines, and a deployment waited for five minutes."""
    deployment = await ann.deployment()
    await ann.post(f"/deployments/{deployment['id']}/cancel")

    async def status(path: str) -> int:
        return (await ann.get(path.format(deployment["id"]))).status_code

    good = [await status("/logs/{}?limit=1000"), await status("/deployments/{}?wait=300")]
    bad = [
        await status(path)
        for path in (
            *("/logs/{}?limit=1001", "/logs/{}?limit=0", "/logs/{}?after=-1"),
            *("/deployments/{}?wait=301", "/deployments/{}?wait=-1"),
        )
    ]

    assert ([200] * 2, [400] * 5) == (good, bad)


async def test_watchers(app: Litestar, ann: Person, bob: Person) -> None:
    """The twenty-first socket of a user is closed with 4429; others have places of their own."""
    mine, others = await ann.deployment(), await bob.deployment()

    def stream(deployment: dict[str, Any], person: Person) -> str:
        return f"/api/v1/logs/{deployment['id']}/stream?token={person.token}"

    async def metrics() -> str:
        return (await ann.client.get("/metrics")).text

    with anyio.fail_after(10):
        async with AsyncExitStack() as stack:
            for _ in range(LIMITS.watchers_per_user):
                await stack.enter_async_context(connected(app, stream(mine, ann)))
            while "pushpaka_log_watchers 20.0" not in await metrics():
                await anyio.sleep(0.01)
            async with connected(app, stream(mine, ann)) as page:
                code = await page.code()
            events = await ann.get(f"/logs/{mine['id']}/sse")
            waiting = await ann.get(f"/deployments/{mine['id']}?wait=1")
            at_once = await ann.get(f"/deployments/{mine['id']}")
            async with connected(app, stream(others, bob)):
                while "pushpaka_log_watchers 21.0" not in await metrics():
                    await anyio.sleep(0.01)

    assert 4429 == code
    assert (429, 429) == (events.status_code, waiting.status_code)
    assert 200 == at_once.status_code


async def test_requests_that_wait(instance: Instance) -> None:
    """They take the places of watchers, and give them back."""
    app = create_app(instance.application, limits=Limits(watchers_per_user=2))
    statuses: list[int] = []

    async def wait(seconds: int) -> None:
        answer = await ann.get(f"/deployments/{deployment['id']}?wait={seconds}")
        statuses.append(answer.status_code)

    async with speaking_to(app) as client:
        ann = await Person.registered(client, "ann@example.com")
        deployment = await ann.deployment()
        with anyio.fail_after(5):
            async with create_task_group() as waiting:
                for _ in range(3):
                    waiting.start_soon(wait, 300)
                while not statuses:
                    await anyio.sleep(0.01)
                assert [429] == statuses
                await instance.fail()
        await wait(300)

    assert [429, 200, 200, 200] == statuses


@pytest.mark.parametrize(("size", "code"), [(4096, None), (4097, 1009)])
async def test_a_message_to_a_socket(
    app: Litestar, instance: Instance, size: int, code: int | None
) -> None:
    """Four KiB are passed over, and a byte more ends the connection."""
    async with served(app) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            ann = await Person.registered(client, "ann@example.com")
            deployment = await ann.deployment()
        url = f"ws://127.0.0.1:{port}/api/v1/logs/{deployment['id']}/stream?token={ann.token}"
        with anyio.fail_after(5):
            async with connect(url) as browser:
                await browser.send("x" * size)
                if code is None:
                    await instance.say(deployment["id"], "still here")
                    assert "still here" in str(await browser.recv())
                else:
                    with pytest.raises(ConnectionClosed):
                        await browser.recv()
                    assert code == browser.close_code


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        (evolve(LIMITS, deployments_per_user=1000), LIMITS.deployments_per_project),
        (evolve(LIMITS, deployments_per_project=1000, deployments_per_user=13), 13),
    ],
)
async def test_deployments_by_hand(instance: Instance, limits: Limits, most: int) -> None:
    """So many are taken in a minute, or an hour, though all come at once; the rest has to wait."""
    statuses: list[tuple[int, bool]] = []

    async def deploy() -> None:
        answer = await ann.post("/deployments", {"project_id": project["id"]})
        statuses.append((answer.status_code, "Retry-After" in answer.headers))

    async with speaking_to(create_app(instance.application, limits=limits)) as client:
        ann = await Person.registered(client, "ann@example.com")
        project = await ann.project()
        async with create_task_group() as tasks:
            for _ in range(most + 2):
                tasks.start_soon(deploy)

    assert [(201, False)] * most + [(429, True)] * 2 == sorted(statuses)


async def test_the_deployments_of_an_hour_are_those_of_all_projects(instance: Instance) -> None:
    """A second project is no second hour's worth, and the answer tells how long that is."""
    limits = evolve(LIMITS, deployments_per_user=2)
    async with speaking_to(create_app(instance.application, limits=limits)) as client:
        ann = await Person.registered(client, "ann@example.com")
        projects = [await ann.project(name) for name in ("shop", "blog", "docs")]
        answers = [await ann.post("/deployments", {"project_id": p["id"]}) for p in projects]

    assert [201, 201, 429] == [answer.status_code for answer in answers]
    assert 3590 <= int(answers[-1].headers["Retry-After"]) <= 3600


async def test_requests_of_a_minute(instance: Instance) -> None:
    """All of them pass at once, and one more does not."""
    limits = evolve(LIMITS, requests_per_user=30)
    statuses = []

    async def ask() -> None:
        statuses.append((await ann.get("/auth/me")).status_code)

    async with speaking_to(create_app(instance.application, limits=limits)) as client:
        ann = await Person.registered(client, "ann@example.com")
        async with create_task_group() as tasks:
            for _ in range(31):
                tasks.start_soon(ask)

    assert [200] * 30 + [429] == sorted(statuses)


async def test_tries_to_sign_up(instance: Instance) -> None:
    """Ten of a minute are taken, though all come at once."""
    statuses = []

    async def register(number: int) -> None:
        body = {"email": f"ann-{number}@example.com", "name": "Ann", "password": PASSWORD}
        statuses.append((await client.post("/api/v1/auth/register", json=body)).status_code)

    async with (
        speaking_to(create_app(instance.application)) as client,
        create_task_group() as tasks,
    ):
        for number in range(11):
            tasks.start_soon(register, number)

    assert [201] * 10 + [429] == sorted(statuses)


async def test_env_vars(ann: Person) -> None:
    """A project has a hundred, each up to 64 KiB, and 256 KiB in all, keys included."""
    project = await ann.project()

    async def put(variables: dict[str, str]) -> int:
        path = f"/projects/{project['id']}/env"
        return (await ann.ask("PUT", path, {"variables": variables})).status_code

    largest = "x" * 64 * 1024
    statuses = [
        await put({"A": f"{largest}x"}),
        await put({"A": "é" * (32 * 1024) + "x"}),
        await put({"A": largest, "B": largest, "C": largest, "D": largest[:-4]}),
        await put({"D": largest[:-3]}),
        await put({"A": "", "B": "", "C": "", "D": ""}),
        await put({f"K{number}": "" for number in range(97)}),
        await put({f"K{number}": "" for number in range(96)}),
        await put({"E": ""}),
    ]

    assert [400, 400, 200, 400, 200, 400, 200, 400] == statuses
