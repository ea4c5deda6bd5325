"""Archives are uploaded once, checked and limited, and can be deployed instead of a commit."""

import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

import anyio
import httpx
import pytest
from attrs import evolve
from tests.http.clients import UNLIMITED, Person, refused_fields, register_user, statuses_of
from tests.http.instances import Instance
from tests.http.raw import serve

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.testing.unpacker import tar_archive
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

ARCHIVE = tar_archive({"index.html": "Hello."})
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
FIELDS = ["project_id", "sha256", "size", "created_at"]
MOST = 4096
LIMITS = evolve(UNLIMITED, archive_size=MOST, archive_seconds=0.5, slow_body_seconds=0.3)


@pytest.fixture(scope="module")
async def instance() -> Instance:
    """Return an instance on which a project can have at most two archives."""
    return Instance.empty(quotas=Quotas(archives=2))


@pytest.fixture(scope="module")
def app(instance: Instance) -> object:
    """Return an API that accepts archives of 4 KiB."""
    return create_app(instance.application, limits=LIMITS)


@pytest.fixture
async def ann(app: object) -> Person:
    return await register_user(app)


def path_of(project_id: str, content: bytes = ARCHIVE) -> str:
    return f"/projects/{project_id}/archives/{hashlib.sha256(content).hexdigest()}"


async def upload(person: Person, project_id: str, content: bytes = ARCHIVE) -> httpx.Response:
    return await person.ask("PUT", path_of(project_id, content), content=content)


async def deploy(person: Person, project_id: str, archive: bytes, **more: str) -> httpx.Response:
    sha256 = hashlib.sha256(archive).hexdigest()
    return await person.post("/deployments", {"project_id": project_id, "archive": sha256, **more})


async def count_archives(instance: Instance, project_id: str) -> int:
    """Return the number of a project's archives, including incomplete ones."""
    async with instance.services.storage.snapshot() as uow:
        project = await uow.projects.visible_to(PLATFORM).get(ProjectId(UUID(project_id)))
        return len(await uow.archives.of_project(project))


async def test_an_archive_is_uploaded_once(ann: Person) -> None:
    project = await ann.project()
    path = path_of(project["id"])
    before, head_before = await ann.get(path), await ann.ask("HEAD", path)

    first = await upload(ann, project["id"])
    second = await upload(ann, project["id"])

    assert [404, 404, 201, 200] == statuses_of(before, head_before, first, second)
    assert FIELDS == list(first.json())
    assert (project["id"], SHA256, len(ARCHIVE)) == tuple(first.json().values())[:3]
    assert first.json() == second.json() == (await ann.get(path)).json()
    assert 200 == (await ann.ask("HEAD", path)).status_code


async def test_content_with_another_hash_is_refused(ann: Person, instance: Instance) -> None:
    project = await ann.project()

    answer = await ann.ask("PUT", path_of(project["id"]), content=ARCHIVE[:-1])

    assert {"sha256"} == refused_fields(answer)
    assert 0 == await count_archives(instance, project["id"])
    assert 201 == (await upload(ann, project["id"])).status_code


@pytest.mark.parametrize("sha256", ["x", "A" * 64, "a" * 63, "a" * 65])
async def test_a_malformed_hash_is_refused(ann: Person, sha256: str) -> None:
    path = f"/projects/{(await ann.project())['id']}/archives/{sha256}"

    answer = await ann.ask("PUT", path, content=ARCHIVE)

    assert {"sha256"} == refused_fields(answer)
    assert 404 == (await ann.get(path)).status_code


@pytest.mark.parametrize("is_announced", [True, False])
async def test_an_archive_that_is_too_large_is_refused(
    ann: Person, instance: Instance, is_announced: bool
) -> None:
    project = await ann.project()
    most, more = bytes(MOST), bytes(MOST + 1)

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(more), 1000):
            yield more[start : start + 1000]

    fitting = await upload(ann, project["id"], most)
    content = more if is_announced else in_chunks()
    answer = await ann.ask("PUT", path_of(project["id"], more), content=content)

    assert 201 == fitting.status_code
    assert (413, "too_large") == (answer.status_code, answer.json()["code"])
    assert 1 == await count_archives(instance, project["id"])


async def test_a_stalled_upload_is_given_up(ann: Person, instance: Instance) -> None:
    project = await ann.project()

    async def stalling() -> AsyncIterator[bytes]:
        yield ARCHIVE[:10]
        await anyio.sleep_forever()

    answer = await ann.ask("PUT", path_of(project["id"]), content=stalling())

    assert (408, "too_slow") == (answer.status_code, answer.json()["code"])
    assert 0 == await count_archives(instance, project["id"])


async def test_the_oldest_unused_archive_makes_room(ann: Person, instance: Instance) -> None:
    """Archives of queued deployments are kept. If all are in use, an upload gets status 429."""
    project = await ann.project(repo_url="archive:")
    first, second, third = [tar_archive({"index.html": text}) for text in ("one", "two", "three")]
    await upload(ann, project["id"], first)
    await deploy(ann, project["id"], first)
    instance.clock.advance(1)
    await upload(ann, project["id"], second)

    instance.clock.advance(1)
    answer = await upload(ann, project["id"], third)
    await deploy(ann, project["id"], third, target="preview:x")
    refused = await upload(ann, project["id"], second)

    assert [201, 429] == statuses_of(answer, refused)
    assert "60" == refused.headers["Retry-After"]
    found = [await ann.get(path_of(project["id"], each)) for each in (first, second, third)]
    assert [200, 404, 200] == statuses_of(*found)


@pytest.mark.parametrize("repo_url", ["ARCHIVE:", "https://git.example.com/ann/app.git"])
async def test_an_archive_is_deployed(ann: Person, instance: Instance, repo_url: str) -> None:
    """Archives can be deployed to projects without a repository, and to those with one."""
    project = await ann.project(repo_url=repo_url)
    await upload(ann, project["id"])

    answer = await deploy(ann, project["id"], ARCHIVE)

    expected = {"status": "queued", "branch": "main", "commit_sha": None}
    assert repo_url.replace("ARCHIVE", "archive") == project["repo_url"]
    assert 201 == answer.status_code
    assert expected.items() <= answer.json().items()
    async with instance.services.storage.snapshot() as uow:
        deployments = await uow.deployments.all([DeploymentStatus.QUEUED])
    assert SHA256 in {each.archive for each in deployments if str(each.id) == answer.json()["id"]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"archive": SHA256, "branch": "main"}, "combined with branch or commit_sha"),
        ({"archive": SHA256, "commit_sha": "a" * 40}, "combined with branch or commit_sha"),
        ({"archive": "b" * 64}, "must be uploaded first"),
        ({"archive": "main"}, "64 lowercase hex digits"),
        ({}, "is required because the project has no Git repository"),
    ],
)
async def test_a_deployment_has_one_source(ann: Person, body: dict[str, str], message: str) -> None:
    project = await ann.project(repo_url="archive:")
    await upload(ann, project["id"])

    answer = await ann.post("/deployments", {"project_id": project["id"], **body})

    assert {"archive"} == refused_fields(answer)
    assert message in answer.json()["details"][0]["message"]


async def test_an_archive_of_another_project_is_not_deployed(ann: Person) -> None:
    mine, other = await ann.project("shop", repo_url="archive:"), await ann.project("blog")
    await upload(ann, other["id"])

    assert {"archive"} == refused_fields(await deploy(ann, mine["id"], ARCHIVE))


async def test_webhooks_and_plans_need_a_repository(ann: Person) -> None:
    project = await ann.project(repo_url="archive:")
    body = {"project_id": project["id"], "provider": "gitea"}

    webhook = await ann.post("/webhooks", body)
    plan = await ann.post(f"/projects/{project['id']}/plan")

    assert [409, 409] == statuses_of(webhook, plan)
    assert "no Git repository" in webhook.json()["error"]
    assert "pushpaka deploy --local" in plan.json()["error"]


async def test_an_interrupted_upload_leaves_nothing(instance: Instance, ann: Person) -> None:
    project = await ann.project()
    head = (
        f"PUT /api/v1{path_of(project['id'])} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {ann.token}\r\nContent-Length: {len(ARCHIVE)}\r\n\r\n"
    )

    async def wait_until_stored(number: int) -> None:
        while number != await count_archives(instance, project["id"]):
            await anyio.sleep(0.01)

    async with serve(create_app(instance.application)) as port:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(head.encode() + ARCHIVE[:10])
            await wait_until_stored(1)
        await wait_until_stored(0)

    assert 201 == (await upload(ann, project["id"])).status_code


async def test_uploads_are_limited_like_deployments(instance: Instance) -> None:
    limits = evolve(UNLIMITED, deployments_per_project=2)
    bob = await register_user(create_app(instance.application, limits=limits))
    project = await bob.project()

    answers = [await upload(bob, project["id"]) for _ in range(3)]

    assert [201, 200, 429] == statuses_of(*answers)
