"""Deliveries deploy the pushed commit, once, and only where they are proven."""

from datetime import timedelta
from typing import Any

import pytest
from anyio import create_task_group
from attrs import evolve, frozen
from tests.deliveries import AFTER, Delivery, branch_deleted, ping, proposal, push, tag_pushed
from tests.services.world import World

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.build_plans import RepositorySettings
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects import Project, ProjectChanges
from pushpaka_core.domain.webhooks import Forge, NewWebhook, WebhookId
from pushpaka_core.errors import InvalidInputError, NotAuthenticatedError
from pushpaka_core.ports.storage_deployments import DeploymentFilter
from pushpaka_core.services.deliveries import Receipt
from pushpaka_core.services.webhooks import IssuedWebhook
from pushpaka_core.testing.objects import an_id

pytestmark = pytest.mark.anyio

NEXT = "7" * 40


@frozen(kw_only=True)
class Hook:
    """A project with a webhook, and whoever knows its secret."""

    world: World
    owner: Actor
    project: Project
    issued: IssuedWebhook

    @classmethod
    async def of(cls, world: World, owner: Actor, **wishes: Any) -> "Hook":
        """Return a webhook of a new project."""
        project = await world.project(owner)
        wanted: dict[str, Any] = {"project_id": project.id, "provider": Forge.GITHUB}
        new = NewWebhook(**(wanted | wishes))
        issued = await world.webhooks.add(owner, new)
        return cls(world=world, owner=owner, project=project, issued=issued)

    @property
    def id(self) -> WebhookId:
        return self.issued.webhook.id

    async def receive(self, delivery: Delivery, secret: str | None = None) -> Receipt:
        """Send a delivery, signed."""
        headers = delivery.headers(secret or self.issued.secret)
        lower = {name.lower(): value for name, value in headers.items()}
        return await self.world.deliveries.receive(self.id, lower, delivery.body)

    async def deployments(self) -> list[Deployment]:
        """Return what the project has, the newest first."""
        wanted = DeploymentFilter(project_id=self.project.id)
        return list((await self.world.deployments.page(self.owner, wanted, limit=100)).items)


@pytest.fixture
async def hook(world: World, ann: Actor) -> Hook:
    return await Hook.of(world, ann)


@pytest.fixture
async def previews(world: World, ann: Actor) -> Hook:
    return await Hook.of(world, ann, previews=True)


class TestProof:
    @pytest.mark.parametrize("forge", Forge)
    async def test_each_forge_deploys_what_was_pushed(
        self, world: World, ann: Actor, forge: Forge
    ) -> None:
        """The deployment is of exactly that commit, and the owner's."""
        hook = await Hook.of(world, ann, provider=forge)

        receipt = await hook.receive(push(forge))

        (deployment,) = await hook.deployments()
        assert [deployment.id] == receipt.deployment_ids
        assert ("production", "main", AFTER, ann.user_id, DeploymentStatus.QUEUED) == (
            deployment.target,
            deployment.branch,
            deployment.commit_sha,
            deployment.user_id,
            deployment.status,
        )
        assert f"{AFTER} of main is deployed to production." == receipt.message
        timeline = await world.deployments.timeline(ann, deployment.id)
        assert ["A push asked for it"] == [event.cause for event in timeline]

    async def test_all_that_is_not_proven_is_refused_alike(
        self, world: World, hook: Hook, bob: Actor
    ) -> None:
        """A wrong secret, no signature, another's webhook, an unknown one: nobody learns which."""
        other = await Hook.of(world, bob)
        told = []
        delivery = push(Forge.GITHUB)
        signed = {n.lower(): v for n, v in delivery.headers(hook.issued.secret).items()}
        for webhook_id, headers in (
            (hook.id, signed | {"x-hub-signature-256": "sha256=00"}),
            (hook.id, {}),
            (other.id, signed),
            (WebhookId(an_id()), signed),
        ):
            with pytest.raises(NotAuthenticatedError) as refusal:
                await world.deliveries.receive(webhook_id, headers, delivery.body)
            told.append(str(refusal.value))

        assert 1 == len(set(told))
        assert [] == await hook.deployments() + await other.deployments()

    async def test_only_the_new_secret_counts_after_a_rotation(self, hook: Hook) -> None:
        """What was signed with the old one is refused."""
        renewed = await hook.world.webhooks.rotate(hook.owner, hook.id)

        with pytest.raises(NotAuthenticatedError):
            await hook.receive(push(Forge.GITHUB))
        await hook.receive(push(Forge.GITHUB), renewed.secret)

        assert 1 == len(await hook.deployments())

    async def test_nobody_is_listened_to_for_who_is_gone(self, hook: Hook) -> None:
        """A deleted project has no webhook, and neither has a disabled account."""
        await hook.world.projects.delete(hook.owner, hook.project.id)
        with pytest.raises(NotAuthenticatedError):
            await hook.receive(push(Forge.GITHUB))

    async def test_a_disabled_account_deploys_nothing(self, hook: Hook) -> None:
        """Its webhooks are as good as gone."""
        async with hook.world.storage.transaction() as uow:
            (owner,) = await uow.users.all()
            await uow.users.update(evolve(owner, disabled_at=hook.world.clock()))

        with pytest.raises(NotAuthenticatedError):
            await hook.receive(push(Forge.GITHUB))

    async def test_what_is_proven_and_broken_is_told_of(self, hook: Hook) -> None:
        """The owner sees in the forge what is wrong."""
        with pytest.raises(InvalidInputError, match="ref"):
            await hook.receive(Delivery(forge=Forge.GITHUB, event="push", payload={"ref": 1}))


class TestRepetition:
    async def test_a_delivery_deploys_once(self, hook: Hook) -> None:
        """The same one again is answered, and nothing follows from it."""
        delivery = push(Forge.GITHUB)
        first = await hook.receive(delivery)

        again = await hook.receive(delivery)

        assert 1 == len(first.deployment_ids)
        assert ([], "This delivery has come before.") == (again.deployment_ids, again.message)
        assert 1 == len(await hook.deployments())

    async def test_what_came_to_nothing_may_come_again(self, hook: Hook) -> None:
        """Whoever turned auto_deploy on may have the forge send it once more."""
        await hook.world.projects.change(
            hook.owner, hook.project.id, ProjectChanges(auto_deploy=False)
        )
        delivery = push(Forge.GITHUB)
        refused = await hook.receive(delivery)
        await hook.world.projects.change(
            hook.owner, hook.project.id, ProjectChanges(auto_deploy=True)
        )

        again = await hook.receive(delivery)

        assert [] == refused.deployment_ids
        assert 1 == len(again.deployment_ids)

    async def test_two_at_once_deploy_once(self, hook: Hook) -> None:
        """Whoever is second finds the note of the first."""
        delivery = push(Forge.GITHUB)
        receipts: list[Receipt] = []

        async def receive() -> None:
            receipts.append(await hook.receive(delivery))

        async with create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(receive)

        assert 1 == sum(len(receipt.deployment_ids) for receipt in receipts)

    async def test_a_flood_leaves_one_that_waits(self, hook: Hook) -> None:
        """Of a thousand pushes while one is in work, the newest is next and the rest are over."""
        await hook.receive(push(Forge.GITHUB))
        await hook.world.claimed()

        for number in range(1, 1001):
            await hook.receive(push(Forge.GITHUB, commit=f"{number:040x}"))

        async with hook.world.storage.snapshot() as uow:
            (waiting,) = await uow.deployments.all([DeploymentStatus.QUEUED])
            counts = await uow.deployments.count_by_status()
        assert f"{1000:040x}" == waiting.commit_sha
        assert (1, 999) == (
            counts[DeploymentStatus.BUILDING],
            counts[DeploymentStatus.SUPERSEDED],
        )


class TestJudgement:
    @pytest.mark.parametrize(
        ("delivery", "message"),
        [
            (ping(Forge.GITHUB), "The webhook works."),
            (tag_pushed(Forge.GITHUB), "Tags are not deployed."),
            (push(Forge.GITHUB, "next"), "Only main is deployed, not next."),
            (proposal(Forge.GITHUB, "opened"), "Pull requests are not deployed by this webhook."),
            (push(Forge.GITHUB, message="[skip ci]"), "asks for no deployment"),
            (branch_deleted(Forge.GITHUB, "main"), "it goes on"),
            (Delivery(forge=Forge.GITHUB, event="star", payload={}), "Nothing follows from star."),
        ],
    )
    async def test_much_is_answered_and_ignored(
        self, hook: Hook, delivery: Delivery, message: str
    ) -> None:
        """The answer says why."""
        receipt = await hook.receive(delivery)

        assert message in receipt.message
        assert [] == await hook.deployments()

    async def test_what_was_stopped_ignores_pushes(self, hook: Hook) -> None:
        """Until somebody starts or deploys it."""
        await hook.receive(push(Forge.GITHUB))
        running = await hook.world.served()
        await hook.world.serving.stop(hook.owner, running.id)

        receipt = await hook.receive(push(Forge.GITHUB, commit=NEXT))

        assert "production is stopped" in receipt.message
        assert 1 == len(await hook.deployments())

    @pytest.mark.parametrize(
        ("changed", "is_deployed"),
        [("docs/a.md", False), ("src/a.py", True), ("pushpaka.toml", True), (None, True)],
    )
    async def test_only_watched_files_deploy(
        self, hook: Hook, changed: str | None, *, is_deployed: bool
    ) -> None:
        """By the patterns of what is served; a change of them counts, and an unknown one too."""
        await hook.receive(push(Forge.GITHUB))
        running = await hook.world.served()
        await _let_watch(hook.world, running, "src/**")
        delivery = push(Forge.GITHUB, commit=NEXT, changes={"modified": [changed or ""]})
        delivery.payload["forced"] = changed is None

        receipt = await hook.receive(delivery)

        assert is_deployed == bool(receipt.deployment_ids)
        assert is_deployed == ("watch_paths" not in receipt.message)


class TestPreviews:
    async def test_another_branch_gets_a_target_of_its_own(self, previews: Hook) -> None:
        """It sees the env vars of previews, and production goes on as it was."""
        await previews.receive(push(Forge.GITHUB))
        production = await previews.world.served()
        for scope in (EnvScope.PRODUCTION, EnvScope.PREVIEW):
            await previews.world.env_vars.set(
                previews.owner,
                NewEnvVar(project_id=previews.project.id, key="A", value=scope, scope=scope),
            )

        receipt = await previews.receive(push(Forge.GITHUB, "next", NEXT))

        (preview_id,) = receipt.deployment_ids
        preview = await previews.world.row(preview_id)
        assert ("preview:next", "next", NEXT) == (
            preview.target,
            preview.branch,
            preview.commit_sha,
        )
        assert {"A": "preview"} == await previews.world.environment(preview.id)
        assert DeploymentStatus.RUNNING is await previews.world.status(production.id)

    async def test_a_push_and_its_pull_request_deploy_once(self, previews: Hook) -> None:
        """Forges tell of both; whether a commit asks to be skipped is told with its push alone."""
        first = await previews.receive(push(Forge.GITHUB, "next"))
        same = await previews.receive(proposal(Forge.GITHUB, "opened", "next"))
        newer = await previews.receive(proposal(Forge.GITHUB, "synchronize", "next", NEXT))
        late = await previews.receive(push(Forge.GITHUB, "next", NEXT))

        assert [1, 0, 0, 1] == [len(r.deployment_ids) for r in (first, same, newer, late)]
        assert f"{AFTER} is deployed to preview:next already." == same.message

    async def test_a_fork_is_deployed_only_where_that_is_allowed(
        self, world: World, bob: Actor, previews: Hook
    ) -> None:
        """What strangers propose gets no env vars of ours unasked."""
        allowing = await Hook.of(world, bob, previews=True, forks=True)
        foreign = proposal(Forge.GITHUB, "opened", of_fork=True)

        refused, taken = await previews.receive(foreign), await allowing.receive(foreign)

        assert [] == refused.deployment_ids
        assert "from forks" in refused.message
        (deployment,) = await allowing.deployments()
        assert [deployment.id] == taken.deployment_ids
        assert ("preview:pull/7", AFTER) == (deployment.target, deployment.commit_sha)


async def test_old_deliveries_are_forgotten(hook: Hook) -> None:
    """What no forge sends again need not be remembered."""
    delivery = push(Forge.GITHUB)
    await hook.receive(delivery)

    async with hook.world.storage.transaction() as uow:
        await uow.webhooks.forget(hook.world.clock() + timedelta(seconds=1))

    assert 1 == len((await hook.receive(delivery)).deployment_ids)


async def _let_watch(world: World, deployment: Deployment, *patterns: str) -> None:
    async with world.storage.transaction() as uow:
        kept = await uow.deployments.visible_to(PLATFORM).get(deployment.id)
        release = await uow.releases.of_deployment(kept)
        assert release is not None
        settings = RepositorySettings(watch_paths=patterns)
        await uow.releases.update(evolve(release, plan=evolve(release.plan, settings=settings)))
