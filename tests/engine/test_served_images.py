"""Tests projects that deploy images, on a running instance with the runtime `docker`."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from secrets import token_hex

import docker
import pytest
from anyio import fail_after, sleep, to_thread
from attrs import frozen
from tests.acceptance.tools.people import OWN_ADDRESSES, Person, messages
from tests.engine import base_images
from tests.engine.engines import URL
from tests.engine.registry import PASSWORD, USER, RegistryServer, open_registry, password_auth
from tests.engine.resources import IMAGE, container_app
from tests.served_instance import ServedInstance, open_served
from tests.webhook_deliveries import image_pushed

from pushpaka_core.domain.integrations.webhooks import GitProvider

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("traefik"),
    pytest.mark.needs("registry"),
    pytest.mark.timeout(300),
]

_PATIENCE = 180


@frozen(kw_only=True)
class PrivateImages:
    """The images of an application in a private registry."""

    server: RegistryServer
    repository: str
    directory: Path
    engine_url: str = URL
    """The engine that builds and pushes the images."""

    @property
    def name(self) -> str:
        return f"{self.server.address}/{self.repository}"

    def push(self, tag: str, version: str) -> None:
        """Build a version of the application, push it, and remove it from the engine."""
        directory = self.directory / tag
        directory.mkdir()
        for name, text in container_app(version=version).items():
            (directory / name).write_text(text)
        client = docker.DockerClient(base_url=self.engine_url)
        account = {"username": USER, "password": PASSWORD}
        try:
            client.images.build(path=str(directory), tag=f"{self.name}:{tag}", rm=True)
            pushed = client.images.push(self.name, tag, auth_config=account)
            client.images.remove(f"{self.name}:{tag}")
        finally:
            client.close()
        assert "error" not in pushed

    def known_digests(self) -> list[str]:
        """Return the digests of the images that the engine still stores."""
        client = docker.DockerClient(base_url=self.engine_url)
        try:
            found = [name for one in client.api.images() for name in one["RepoDigests"] or ()]
        finally:
            client.close()
        return [name for name in found if name.startswith(self.name)]


@pytest.fixture(scope="module")
async def served_instance() -> AsyncIterator[ServedInstance]:
    settings = {"PUSHPAKA_RUNTIME": "docker", "PUSHPAKA_GIT_ALLOW_NETS": "127.0.0.0/8"}
    async with open_served(**OWN_ADDRESSES, **settings) as opened:
        yield await opened.start()
        assert "Traceback" not in opened.log


@pytest.fixture
async def ann(served_instance: ServedInstance) -> AsyncIterator[Person]:
    async with Person.temporary(served_instance) as person:
        yield person


@pytest.fixture
def private_images(tmp_path: Path) -> Iterator[PrivateImages]:
    base_images.ensure(IMAGE)
    with open_registry(tmp_path, auth=password_auth(tmp_path)) as server:
        repository = f"acme/shop-{token_hex(4)}"
        yield PrivateImages(server=server, repository=repository, directory=tmp_path)


async def test_image_is_deployed_updated_and_rolled_back_without_its_registry(
    ann: Person, private_images: PrivateImages
) -> None:
    """The port is the exposed one, and the password appears in no log."""
    await to_thread.run_sync(private_images.push, "1.4", "v1")
    await to_thread.run_sync(private_images.push, "1.5", "v2")
    project = await ann.project(
        f"image:{private_images.name}:1.4", registry_credentials=f"{USER}:{PASSWORD}"
    )

    old = await ann.deploy(project, patience=_PATIENCE)
    seen = [await ann.read(project), await ann.read(project, "/env/PORT")]
    new = await ann.deploy(project, patience=_PATIENCE, image=f"{private_images.name}:1.5")
    seen.append(await ann.read(project))
    missing = await ann.begin(project, image=f"{private_images.name}:1.6")
    failed = await ann.outcome(missing, patience=_PATIENCE)
    private_images.server.kill()
    back = await ann.roll_back(old)

    assert ["v1", "8080", "v2"] == seen
    assert "v1" == await ann.read(project)
    assert (old["image"], None) == (back["image"], back["commit_sha"])
    assert new["image"].startswith(f"{private_images.name}:1.5@sha256:")
    assert ("failed", "source") == (failed["status"], failed["phase"])
    assert "its registry has no such image" in failed["error"]
    lines = [line for one in (old, new, failed) for line in messages(await ann.log(one))]
    assert f"Pulling the image {old['image']}" in lines
    assert not [line for line in lines if PASSWORD in line]
    await ann.ask("DELETE", f"/projects/{project['id']}")
    with fail_after(60):
        while await to_thread.run_sync(private_images.known_digests):
            await sleep(0.1)


async def test_registry_reports_a_pushed_tag(ann: Person, private_images: PrivateImages) -> None:
    """A notification with the secret in its URL deploys a matching tag once."""
    await to_thread.run_sync(private_images.push, "1.4", "v1")
    await to_thread.run_sync(private_images.push, "1.5", "v2")
    project = await ann.project(
        f"image:{private_images.name}:1.4", registry_credentials=f"{USER}:{PASSWORD}"
    )
    await ann.deploy(project, patience=_PATIENCE)
    body = {"project_id": project["id"], "provider": "docker-hub", "tags": "1.*"}
    webhook = await ann.ask("POST", "/webhooks", body)
    delivery = image_pushed(GitProvider.DOCKER_HUB, "1.5", private_images.repository)

    receipt = await ann.deliver(webhook, delivery)
    again = await ann.deliver(webhook, delivery)

    (deployment_id,) = receipt["deployment_ids"]
    queued = await ann.ask("GET", f"/deployments/{deployment_id}")
    assert "running" == (await ann.outcome(queued, patience=_PATIENCE))["status"]
    assert [] == again["deployment_ids"]
    assert "v2" == await ann.read(project)


async def test_image_without_a_listening_process_is_explained(
    ann: Person, private_images: PrivateImages
) -> None:
    await to_thread.run_sync(private_images.push, "1.4", "v1")
    project = await ann.project(
        f"image:{private_images.name}:1.4",
        registry_credentials=f"{USER}:{PASSWORD}",
        start_command="sleep 600",
        health_check_timeout=3,
    )

    failed = await ann.outcome(await ann.begin(project), patience=_PATIENCE)

    assert "failed" == failed["status"]
    assert "was not healthy within 3 s" in failed["error"]
    assert "It must listen on $PORT (8080). To use another port, set the port" in failed["error"]
