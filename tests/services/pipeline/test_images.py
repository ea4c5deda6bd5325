"""Projects that deploy images: the pull, its failures, other tags, and rollbacks."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.platform_fixtures import OPTIONS, Platform
from tests.service_fixtures import REPO

from pushpaka_core.adapters.memory.images import MemoryImage
from pushpaka_core.adapters.memory.runtime import ListenMode
from pushpaka_core.container.application import assemble
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import NewDeployment
from pushpaka_core.domain.deployments.plans import PlanRequest
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.projects.projects import NewProject, Project, ProjectChanges
from pushpaka_core.errors import InvalidInputError, PlanFailedError

pytestmark = pytest.mark.anyio

S = DeploymentStatus
NAME = "ghcr.io/acme/shop"
OLD, NEW = MemoryImage(content="1.4", ports=(80,)), MemoryImage(content="1.5")
CREDENTIALS = "ann:s3cret-token"


@pytest.fixture
async def shop(platform: Platform) -> Project:
    platform.image_source.images.update({f"{NAME}:1.4": OLD, f"{NAME}:1.5": NEW})
    return await platform.project(repo_url=f"image:{NAME}:1.4")


async def test_image_is_pinned_by_its_digest_and_run(platform: Platform, shop: Project) -> None:
    queued = await platform.enqueue(shop)

    running = await platform.work()

    pinned = f"{NAME}:1.4@{OLD.digest}"
    (release,) = await platform.releases()
    assert f"{NAME}:1.4" == queued.image
    assert (S.RUNNING, pinned, "image", None, None, None) == (
        running.status,
        running.image,
        running.framework,
        running.commit_sha,
        running.commit_message,
        running.commit_author,
    )
    assert release.plan.image is not None
    assert (pinned, ("serve",), OLD.digest) == (
        release.plan.image.reference,
        release.plan.image.command,
        release.digest,
    )
    assert "The image was found" in await platform.causes(running.id)
    messages = await platform.messages(running.id)
    assert f"Resolving the image {NAME}:1.4 at ghcr.io" in messages
    assert f"Pulling the image {pinned}" in messages
    assert "  because the command of the image is serve" in messages
    assert await platform.is_cleaned_up()


@pytest.mark.parametrize(
    ("ports", "own", "expected"),
    [((), None, 3000), ((8080,), None, 8080), ((80, 443), None, 3000), ((8080,), 9000, 9000)],
)
async def test_port_is_the_projects_or_the_single_exposed_one(
    platform: Platform, shop: Project, ports: tuple[int, ...], own: int | None, expected: int
) -> None:
    platform.image_source.images[f"{NAME}:1.4"] = MemoryImage(ports=ports)
    changes = ProjectChanges(port=own)
    await platform.application.projects.change(platform.owner, shop.id, changes)

    running = await platform.deploy(shop)

    assert running.run_settings is not None
    assert expected == running.run_settings.port


async def test_start_command_replaces_that_of_the_image(platform: Platform, shop: Project) -> None:
    changes = ProjectChanges(start_command="./other")
    await platform.application.projects.change(platform.owner, shop.id, changes)

    await platform.deploy(shop)

    (release,) = await platform.releases()
    assert "./other" == release.plan.processes["web"].command


async def test_another_tag_is_deployed_and_rolled_back_without_the_registry(
    platform: Platform, shop: Project
) -> None:
    old = await platform.deploy(shop)
    await platform.enqueue(shop, image=f"{NAME}:1.5")
    new = await platform.work()
    platform.image_source.images.clear()

    await platform.application.deployments.rollback(platform.owner, old.id)
    back = await platform.work()

    assert f"{NAME}:1.5@{NEW.digest}" == new.image
    assert (S.RUNNING, old.image, old.release_id) == (back.status, back.image, back.release_id)
    assert [f"{NAME}:1.4@{OLD.digest}", new.image] == platform.image_source.pulled


async def test_preview_of_a_tag_is_promoted(platform: Platform, shop: Project) -> None:
    await platform.enqueue(shop, image=f"{NAME}:1.5", target="preview:1.5")
    preview = await platform.work()

    await platform.application.deployments.promote(platform.owner, preview.id)
    promoted = await platform.work()
    await platform.application.deployments.redeploy(platform.owner, promoted.id)
    again = await platform.work()

    assert [("production", preview.image)] * 2 == [(d.target, d.image) for d in (promoted, again)]
    assert 1 == len(platform.image_source.pulled)


async def test_second_attempt_pulls_the_digest_of_the_first(
    platform: Platform, shop: Project
) -> None:
    """A tag that is pushed again in the meantime is not mixed into the deployment."""
    await platform.enqueue(shop)
    lease = await platform.claim()
    pinned = f"{NAME}:1.4@{OLD.digest}"
    await platform.overwrite(lease.deployment_id, image=pinned, phase=Phase.BUILD)
    await platform.worker_services.pipeline.requeue_on_shutdown(lease)
    platform.image_source.images |= {f"{NAME}:1.4": NEW, f"{NAME}:old": OLD}

    running = await platform.work()

    assert (S.RUNNING, pinned) == (running.status, running.image)


class TestFailures:
    """The previous release keeps running, and nothing is left over."""

    async def test_missing_tag(self, platform: Platform, shop: Project) -> None:
        old = await platform.deploy(shop)
        await platform.enqueue(shop, image=f"{NAME}:9")

        failed = await platform.work()

        assert (S.FAILED, Phase.SOURCE) == (failed.status, failed.phase)
        assert f"The image {NAME}:9 could not be pulled" in (failed.error or "")
        assert S.RUNNING is await platform.status(old.id)
        assert await platform.is_cleaned_up()

    async def test_registry_that_does_not_respond(self, platform: Platform, shop: Project) -> None:
        platform.image_source.is_hanging = True

        failed = await platform.deploy(shop)

        assert S.FAILED is failed.status
        assert "its registry is not responding" in (failed.error or "")
        assert platform.clock.now - (failed.started_at or platform.clock.now) < timedelta(hours=1)

    async def test_image_without_a_command(self, platform: Platform, shop: Project) -> None:
        platform.image_source.images[f"{NAME}:1.4"] = MemoryImage(command=())

        failed = await platform.deploy(shop)

        assert (S.FAILED, Phase.BUILD) == (failed.status, failed.phase)
        assert "has no command to start. Set start_command" in (failed.error or "")

    async def test_image_that_listens_on_another_port(
        self, platform: Platform, shop: Project
    ) -> None:
        platform.runtime.listening = ListenMode.ANOTHER_PORT
        changes = ProjectChanges(health_check_timeout=1)
        await platform.application.projects.change(platform.owner, shop.id, changes)

        failed = await platform.deploy(shop)

        assert "must listen on $PORT (80). To use another port, set the port of the project." in (
            failed.error or ""
        )

    async def test_image_of_another_project_setting(
        self, platform: Platform, shop: Project
    ) -> None:
        """Credentials are never sent for an image that the project no longer deploys."""
        await platform.enqueue(shop)
        changes = ProjectChanges(repo_url="image:ghcr.io/acme/other:1")
        await platform.application.projects.change(platform.owner, shop.id, changes)

        failed = await platform.work()

        assert f"The project no longer deploys {NAME}." in (failed.error or "")
        assert not platform.image_source.pulled

    async def test_runtime_that_cannot_run_images(self, platform: Platform, shop: Project) -> None:
        """The runtime may have been changed after the project was created."""
        await platform.enqueue(shop)
        adapters = evolve(platform.adapters, image_source=None)
        application = assemble(adapters, OPTIONS)
        lease = await platform.claim()

        assert not await application.worker_services.pipeline.prepare(lease)

        failed = await platform.stored_deployment(lease.deployment_id)
        assert "cannot be deployed on the process runtime" in (failed.error or "")
        with pytest.raises(InvalidInputError, match="runs applications as processes"):
            await application.projects.create(
                platform.owner, NewProject(name="other", repo_url="image:nginx")
            )


class TestCredentials:
    async def test_private_image_is_pulled_with_encrypted_credentials(
        self, platform: Platform, shop: Project
    ) -> None:
        platform.image_source.credentials = {"ghcr.io": CREDENTIALS}
        refused = await platform.deploy(shop)
        changes = ProjectChanges(registry_credentials=CREDENTIALS)
        changed = await platform.application.projects.change(platform.owner, shop.id, changes)

        running = await platform.deploy(shop)

        assert "the image is private" in (refused.error or "")
        assert S.RUNNING is running.status
        assert changed.project.registry_credentials is not None
        assert CREDENTIALS.encode() not in changed.project.registry_credentials.ciphertext
        assert "s3cret-token" not in "".join(await platform.messages(running.id))

    async def test_credentials_stay_with_their_registry(self, platform: Platform) -> None:
        project = await platform.project(
            repo_url=f"image:{NAME}:1.4", registry_credentials=CREDENTIALS
        )
        other_tag = ProjectChanges(repo_url="image:ghcr.io/acme/other:2")
        other_registry = ProjectChanges(repo_url="image:evil.example.net/acme/shop:1.4")
        change = platform.application.projects.change

        kept = await change(platform.owner, project.id, other_tag)
        removed = await change(platform.owner, project.id, other_registry)

        assert project.registry_credentials == kept.project.registry_credentials
        assert removed.project.registry_credentials is None


class TestRequests:
    @pytest.mark.parametrize(
        ("fields", "field", "message"),
        [
            ({"image": "ghcr.io/acme/other:1.5"}, "image", f"must be a tag of {NAME}"),
            ({"branch": "main"}, "branch", "must not be set"),
            ({"commit_sha": "a" * 40}, "commit_sha", "must not be set"),
            ({"archive": "a" * 64}, "archive", "must not be set"),
        ],
    )
    async def test_other_sources_are_refused(
        self, platform: Platform, shop: Project, fields: dict[str, str], field: str, message: str
    ) -> None:
        with pytest.raises(InvalidInputError) as caught:
            await platform.enqueue(shop, **fields)

        assert [field] == list(caught.value.problems)
        assert message in caught.value.problems[field]

    @pytest.mark.parametrize("repo_url", [REPO, "archive:"])
    async def test_images_are_refused_for_other_projects(
        self, platform: Platform, repo_url: str
    ) -> None:
        project = await platform.project("other", repo_url=repo_url)

        with pytest.raises(InvalidInputError, match="does not deploy images"):
            await platform.enqueue(project, image="nginx:1")

    async def test_malformed_images_are_refused(self, shop: Project) -> None:
        with pytest.raises(InvalidInputError, match="must have a tag"):
            NewDeployment(project_id=shop.id, image=f"{NAME}:a b")

    async def test_image_has_no_plan(self, platform: Platform, shop: Project) -> None:
        with pytest.raises(PlanFailedError, match="which is not built and has no plan"):
            await platform.application.plans.plan(platform.owner, shop.id, PlanRequest())


async def test_transferred_project_loses_its_credentials(platform: Platform) -> None:
    project = await platform.project(repo_url="image:nginx", registry_credentials=CREDENTIALS)
    async with platform.storage.snapshot() as uow:
        stored = await uow.projects.visible_to(PLATFORM).get(project.id)

    moved = stored.with_owner(platform.owner.require_user(), now=platform.clock.now)

    assert stored.registry_credentials is not None
    assert moved.registry_credentials is None
