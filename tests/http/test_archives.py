"""Archives over HTTP: sent once, checked, bounded, and deployed instead of a commit."""

import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

import anyio
import httpx
import pytest
from attrs import evolve
from tests.http.clients import UNLIMITED, Person, somebody, wrong_fields
from tests.http.instances import Instance
from tests.http.raw import served

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.testing.unpacker import packed
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

ARCHIVE = packed({"index.html": "Hello."})
FIELDS = ["project_id", "sha256", "size", "created_at"]
MOST = 4096


@pytest.fixture
async def instance() -> Instance:
    return Instance.empty(quotas=Quotas(archives=2))


@pytest.fixture
async def ann(instance: Instance) -> Person:
    """Somebody whose archives may have 4 KiB, and her project two of them."""
    limits = evolve(UNLIMITED, archive_size=MOST, archive_seconds=0.5, body_patience=0.3)
    return await somebody(create_app(instance.application, limits=limits))


def sha256_of(content: bytes) -> str:
    """Return what an archive is known by."""
    return hashlib.sha256(content).hexdigest()


async def sent(person: Person, project_id: str, content: bytes = ARCHIVE) -> httpx.Response:
    """Send an archive under its hash."""
    path = f"/projects/{project_id}/archives/{sha256_of(content)}"
    return await person.ask("PUT", path, content=content)


async def kept(instance: Instance, project_id: str) -> int:
    """Return how many archives there are of a project, complete or not."""
    async with instance.world.storage.snapshot() as uow:
        project = await uow.projects.visible_to(PLATFORM).get(ProjectId(UUID(project_id)))
        return len(await uow.archives.of_project(project))


async def test_an_archive_is_sent_once(ann: Person) -> None:
    """Who asks first need not send it again; who does is told that it was there."""
    project = await ann.project()
    path = f"/projects/{project['id']}/archives/{sha256_of(ARCHIVE)}"
    before, seen_before = await ann.get(path), await ann.ask("HEAD", path)

    first = await sent(ann, project["id"])
    second = await sent(ann, project["id"])

    assert (404, 404) == (before.status_code, seen_before.status_code)
    assert (201, 200) == (first.status_code, second.status_code)
    assert FIELDS == list(first.json())
    assert (project["id"], sha256_of(ARCHIVE), len(ARCHIVE)) == tuple(first.json().values())[:3]
    assert first.json() == second.json() == (await ann.get(path)).json()
    assert 200 == (await ann.ask("HEAD", path)).status_code


async def test_what_arrives_otherwise_than_it_was_sent_is_refused(
    ann: Person, instance: Instance
) -> None:
    """Nothing of it is kept, and it can be sent again."""
    project = await ann.project()
    path = f"/projects/{project['id']}/archives/{sha256_of(ARCHIVE)}"

    answer = await ann.ask("PUT", path, content=ARCHIVE[:-1])

    assert (400, ["sha256"]) == (answer.status_code, wrong_fields(answer))
    assert 0 == await kept(instance, project["id"])
    assert 201 == (await sent(ann, project["id"])).status_code


@pytest.mark.parametrize("no_hash", ["x", "A" * 64, "a" * 63, "a" * 65])
async def test_what_is_no_hash_is_told_so(ann: Person, no_hash: str) -> None:
    """There is nothing at such an address either."""
    path = f"/projects/{(await ann.project())['id']}/archives/{no_hash}"

    answer = await ann.ask("PUT", path, content=ARCHIVE)

    assert (400, ["sha256"]) == (answer.status_code, wrong_fields(answer))
    assert 404 == (await ann.get(path)).status_code


@pytest.mark.parametrize("is_announced", [True, False])
async def test_too_large_an_archive_is_refused(
    ann: Person, instance: Instance, is_announced: bool
) -> None:
    """To the byte, with and without its length before it, and nothing of it is kept."""
    project = await ann.project()
    most, more = bytes(MOST), bytes(MOST + 1)

    fitting = await sent(ann, project["id"], most)
    path = f"/projects/{project['id']}/archives/{sha256_of(more)}"
    answer = await ann.ask("PUT", path, content=more if is_announced else in_parts(more))

    assert 201 == fitting.status_code
    assert (413, "too_large") == (answer.status_code, answer.json()["code"])
    assert 1 == await kept(instance, project["id"])


async def in_parts(content: bytes) -> AsyncIterator[bytes]:
    """Yield *content* in pieces, so that nobody knows its length."""
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


async def test_one_that_hardly_moves_is_given_up(ann: Person, instance: Instance) -> None:
    """It has its own time, and holds no place after that."""
    project = await ann.project()

    async def stalling() -> AsyncIterator[bytes]:
        yield ARCHIVE[:10]
        await anyio.sleep_forever()

    path = f"/projects/{project['id']}/archives/{sha256_of(ARCHIVE)}"
    answer = await ann.ask("PUT", path, content=stalling())

    assert (408, "too_slow") == (answer.status_code, answer.json()["code"])
    assert 0 == await kept(instance, project["id"])


async def test_the_oldest_that_nothing_waits_for_makes_room(
    ann: Person, instance: Instance
) -> None:
    """One of a deployment that waits stays; where all are such, the next has to wait."""
    project = await ann.project(repo_url="archive:")
    first, second, third = [packed({"index.html": text}) for text in ("one", "two", "three")]
    await sent(ann, project["id"], first)
    await deployed(ann, project["id"], first)
    instance.clock.tick(1)
    await sent(ann, project["id"], second)

    instance.clock.tick(1)
    answer = await sent(ann, project["id"], third)
    await deployed(ann, project["id"], third, target="preview:x")
    refused = await sent(ann, project["id"], second)

    assert (201, 429) == (answer.status_code, refused.status_code)
    assert "60" == refused.headers["Retry-After"]
    found = [
        (await ann.get(f"/projects/{project['id']}/archives/{sha256_of(each)}")).status_code
        for each in (first, second, third)
    ]
    assert [200, 404, 200] == found


async def deployed(person: Person, project_id: str, archive: bytes, **more: str) -> httpx.Response:
    """Ask for a deployment of an archive."""
    body = {"project_id": project_id, "archive": sha256_of(archive), **more}
    return await person.post("/deployments", body)


async def test_an_archive_is_deployed_instead_of_a_commit(ann: Person, instance: Instance) -> None:
    """The deployment is as any other, without a commit; a project without Git says so."""
    project = await ann.project(repo_url="ARCHIVE:")
    await sent(ann, project["id"])

    answer = await deployed(ann, project["id"], ARCHIVE)

    assert "archive:" == project["repo_url"]
    assert (201, "queued", "main", None) == (
        answer.status_code,
        answer.json()["status"],
        answer.json()["branch"],
        answer.json()["commit_sha"],
    )
    async with instance.world.storage.snapshot() as uow:
        (kept,) = await uow.deployments.all([DeploymentStatus.QUEUED])
    assert sha256_of(ARCHIVE) == kept.archive


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"archive": sha256_of(ARCHIVE), "branch": "main"}, "beside branch or commit_sha"),
        ({"archive": sha256_of(ARCHIVE), "commit_sha": "a" * 40}, "beside branch or commit_sha"),
        ({"archive": "b" * 64}, "must be sent first"),
        ({"archive": "main"}, "64 lower-case hex digits"),
        ({}, "is required, as the project has no Git repository"),
    ],
)
async def test_a_deployment_has_one_source(ann: Person, body: dict[str, str], said: str) -> None:
    """Where there is none, or two, or one that is not there, the field is named."""
    project = await ann.project(repo_url="archive:")
    await sent(ann, project["id"])

    answer = await ann.post("/deployments", {"project_id": project["id"], **body})

    assert (400, ["archive"]) == (answer.status_code, wrong_fields(answer))
    assert said in answer.json()["details"][0]["message"]


async def test_an_archive_of_another_project_is_not_there(ann: Person) -> None:
    """Whoever knows a hash has not what it stands for."""
    mine, other = await ann.project("shop", repo_url="archive:"), await ann.project("blog")
    await sent(ann, other["id"])

    answer = await deployed(ann, mine["id"], ARCHIVE)

    assert (400, ["archive"]) == (answer.status_code, wrong_fields(answer))


async def test_a_project_with_git_takes_archives_too(ann: Person) -> None:
    """As what somebody wants to try before it is committed."""
    project = await ann.project()
    await sent(ann, project["id"])

    assert 201 == (await deployed(ann, project["id"], ARCHIVE)).status_code
    assert 201 == (await ann.post("/deployments", {"project_id": project["id"]})).status_code


async def test_without_git_there_is_nothing_to_push_to_or_to_plan(ann: Person) -> None:
    """Each answer says what is missing."""
    project = await ann.project(repo_url="archive:")
    body = {"project_id": project["id"], "provider": "gitea"}

    webhook = await ann.post("/webhooks", body)
    plan = await ann.post(f"/projects/{project['id']}/plan")

    assert (409, 409) == (webhook.status_code, plan.status_code)
    assert "no Git repository" in webhook.json()["error"]
    assert "pushpaka deploy --local" in plan.json()["error"]


async def test_one_that_is_cut_off_leaves_nothing(instance: Instance, ann: Person) -> None:
    """Whoever hangs up in the middle of it can begin anew."""
    project = await ann.project()
    path = f"/api/v1/projects/{project['id']}/archives/{sha256_of(ARCHIVE)}"
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ann.token}\r\n"
    begun = f"{head}Content-Length: {len(ARCHIVE)}\r\n\r\n".encode() + ARCHIVE[:10]
    async with served(create_app(instance.application)) as port:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(begun)
            await until_kept(instance, project["id"], 1)
        await until_kept(instance, project["id"], 0)

    assert 201 == (await sent(ann, project["id"])).status_code


async def until_kept(instance: Instance, project_id: str, number: int) -> None:
    """Wait until there are so many archives of a project."""
    with anyio.fail_after(10):
        while number != await kept(instance, project_id):
            await anyio.sleep(0.01)


async def test_archives_are_sent_as_often_as_deployments(instance: Instance) -> None:
    """Whoever sends one after the other is told to wait."""
    limits = evolve(UNLIMITED, deployments_per_project=2)
    bob = await somebody(create_app(instance.application, limits=limits))
    project = await bob.project()

    answers = [await sent(bob, project["id"]) for _ in range(3)]

    assert [201, 200, 429] == [answer.status_code for answer in answers]
