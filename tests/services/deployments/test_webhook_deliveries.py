"""Authentic webhook deliveries deploy the pushed commit exactly once."""

from typing import Any

import pytest
from anyio import create_task_group
from attrs import evolve, frozen
from tests.service_fixtures import Services
from tests.webhook_deliveries import (
    AFTER,
    BEFORE,
    GIT_PROVIDERS,
    Delivery,
    branch_deleted,
    ping,
    pull_request,
    push,
    tag_pushed,
)

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.integrations.webhooks import GitProvider, NewWebhook, WebhookId
from pushpaka_core.domain.pipeline.build_plans import RepositorySettings
from pushpaka_core.domain.projects.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects.projects import Project, ProjectChanges
from pushpaka_core.errors import InvalidInputError, NotAuthenticatedError, UnavailableError
from pushpaka_core.ports.storage.deployments import DeploymentFilter
from pushpaka_core.services.deployments.webhook_deliveries import DeliveryResult
from pushpaka_core.services.integrations.webhooks import IssuedWebhook
from pushpaka_core.testing.objects.values import an_id

pytestmark = pytest.mark.anyio

NEXT = "7" * 40


@frozen(kw_only=True)
class WebhookFixture:
    """A project with a webhook and its secret."""

    services: Services
    owner: Actor
    project: Project
    issued: IssuedWebhook

    @classmethod
    async def of(cls, services: Services, owner: Actor, **overrides: Any) -> "WebhookFixture":
        """Create a project with a webhook."""
        project = await services.project(owner)
        wanted: dict[str, Any] = {"project_id": project.id, "provider": GitProvider.GITHUB}
        new = NewWebhook(**(wanted | overrides))
        issued = await services.webhooks.add(owner, new)
        return cls(services=services, owner=owner, project=project, issued=issued)

    @property
    def id(self) -> WebhookId:
        return self.issued.webhook.id

    async def receive(self, delivery: Delivery, secret: str | None = None) -> DeliveryResult:
        """Receive *delivery*, signed with *secret*, or else with the secret of the webhook."""
        headers = delivery.lower_case_headers(secret or self.issued.secret)
        return await self.services.deliveries.receive(self.id, headers, delivery.body)

    async def deployments(self) -> list[Deployment]:
        """Return the deployments of the project, newest first."""
        wanted = DeploymentFilter(project_id=self.project.id)
        return list((await self.services.deployments.page(self.owner, wanted, limit=100)).items)


@pytest.fixture
async def webhook_fixture(services: Services, ann: Actor) -> WebhookFixture:
    return await WebhookFixture.of(services, ann)


@pytest.fixture
async def previews(services: Services, ann: Actor) -> WebhookFixture:
    return await WebhookFixture.of(services, ann, previews=True)


class TestAuthentication:
    @pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
    async def test_the_pushed_commit_is_deployed_for_each_git_provider(
        self, services: Services, ann: Actor, git_provider: GitProvider
    ) -> None:
        hook = await WebhookFixture.of(services, ann, provider=git_provider)

        receipt = await hook.receive(push(git_provider))

        (deployment,) = await hook.deployments()
        assert [deployment.id] == receipt.deployment_ids
        assert ("production", "main", AFTER, ann.user_id, DeploymentStatus.QUEUED) == (
            deployment.target,
            deployment.branch,
            deployment.commit_sha,
            deployment.user_id,
            deployment.status,
        )
        assert f"Deploying {AFTER} of main to production." == receipt.message
        timeline = await services.deployments.timeline(ann, deployment.id)
        assert ["Requested by a push"] == [event.cause for event in timeline]

    async def test_all_invalid_signatures_get_the_same_error(
        self, services: Services, webhook_fixture: WebhookFixture, bob: Actor
    ) -> None:
        other = await WebhookFixture.of(services, bob)
        messages = []
        delivery = push(GitProvider.GITHUB)
        signed = delivery.lower_case_headers(webhook_fixture.issued.secret)
        for webhook_id, headers in (
            (webhook_fixture.id, signed | {"x-hub-signature-256": "sha256=00"}),
            (webhook_fixture.id, {}),
            (other.id, signed),
            (WebhookId(an_id()), signed),
        ):
            with pytest.raises(NotAuthenticatedError) as refusal:
                await services.deliveries.receive(webhook_id, headers, delivery.body)
            messages.append(str(refusal.value))

        assert 1 == len(set(messages))
        assert [] == await webhook_fixture.deployments() + await other.deployments()

    async def test_only_the_new_secret_is_accepted_after_rotation(
        self, webhook_fixture: WebhookFixture
    ) -> None:
        renewed = await webhook_fixture.services.webhooks.rotate(
            webhook_fixture.owner, webhook_fixture.id
        )

        with pytest.raises(NotAuthenticatedError):
            await webhook_fixture.receive(push(GitProvider.GITHUB))
        await webhook_fixture.receive(push(GitProvider.GITHUB), renewed.secret)

        assert 1 == len(await webhook_fixture.deployments())

    async def test_webhooks_of_deleted_projects_are_rejected(
        self, webhook_fixture: WebhookFixture
    ) -> None:
        await webhook_fixture.services.projects.delete(
            webhook_fixture.owner, webhook_fixture.project.id
        )
        with pytest.raises(NotAuthenticatedError):
            await webhook_fixture.receive(push(GitProvider.GITHUB))

    async def test_webhooks_of_disabled_accounts_are_rejected(
        self, webhook_fixture: WebhookFixture
    ) -> None:
        async with webhook_fixture.services.storage.transaction() as uow:
            (owner,) = await uow.users.all()
            await uow.users.update(evolve(owner, disabled_at=webhook_fixture.services.clock()))

        with pytest.raises(NotAuthenticatedError):
            await webhook_fixture.receive(push(GitProvider.GITHUB))

    async def test_a_signed_but_malformed_body_is_an_error(
        self, webhook_fixture: WebhookFixture
    ) -> None:
        with pytest.raises(InvalidInputError, match="ref"):
            await webhook_fixture.receive(
                Delivery(git_provider=GitProvider.GITHUB, event="push", payload={"ref": 1})
            )


class TestRepeatedDeliveries:
    async def test_a_delivery_deploys_once(self, webhook_fixture: WebhookFixture) -> None:
        delivery = push(GitProvider.GITHUB)
        first = await webhook_fixture.receive(delivery)

        again = await webhook_fixture.receive(delivery)

        assert 1 == len(first.deployment_ids)
        assert [] == again.deployment_ids
        assert "already received" in again.message
        assert 1 == len(await webhook_fixture.deployments())

    async def test_a_delivery_that_was_ignored_deploys_nothing_later(
        self, webhook_fixture: WebhookFixture
    ) -> None:
        await webhook_fixture.services.projects.change(
            webhook_fixture.owner, webhook_fixture.project.id, ProjectChanges(auto_deploy=False)
        )
        delivery = push(GitProvider.GITHUB)
        ignored = await webhook_fixture.receive(delivery)
        await webhook_fixture.services.projects.change(
            webhook_fixture.owner, webhook_fixture.project.id, ProjectChanges(auto_deploy=True)
        )

        again = await webhook_fixture.receive(delivery)

        assert "auto_deploy is off" in ignored.message
        assert "already received" in again.message
        assert [] == await webhook_fixture.deployments()

    async def test_a_delivery_refused_on_a_full_disk_can_be_sent_again(
        self, webhook_fixture: WebhookFixture
    ) -> None:
        delivery, webhook_fixture.services.host.disk = push(GitProvider.GITHUB), 0
        with pytest.raises(UnavailableError, match="not have enough disk space"):
            await webhook_fixture.receive(delivery)
        webhook_fixture.services.host.disk = 1

        again = await webhook_fixture.receive(delivery)

        assert 1 == len(again.deployment_ids)

    async def test_a_push_back_and_forth_is_deployed_each_time(
        self, webhook_fixture: WebhookFixture
    ) -> None:
        receipts = [
            await webhook_fixture.receive(push(GitProvider.GITHUB, commit=after, before=before))
            for before, after in ((BEFORE, AFTER), (AFTER, NEXT), (NEXT, AFTER))
        ]

        assert [1, 1, 1] == [len(receipt.deployment_ids) for receipt in receipts]

    async def test_repeated_pings_are_all_answered(self, webhook_fixture: WebhookFixture) -> None:
        receipts = [await webhook_fixture.receive(ping(GitProvider.GITHUB)) for _ in range(2)]

        assert ["The webhook works."] * 2 == [receipt.message for receipt in receipts]

    async def test_concurrent_deliveries_deploy_once(self, webhook_fixture: WebhookFixture) -> None:
        delivery = push(GitProvider.GITHUB)
        receipts: list[DeliveryResult] = []

        async def receive() -> None:
            receipts.append(await webhook_fixture.receive(evolve(delivery, id=str(an_id()))))

        async with create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(receive)

        assert 1 == sum(len(receipt.deployment_ids) for receipt in receipts)

    async def test_many_pushes_leave_one_queued_deployment(
        self, webhook_fixture: WebhookFixture
    ) -> None:
        await webhook_fixture.receive(push(GitProvider.GITHUB))
        await webhook_fixture.services.claim()

        for number in range(1, 101):
            await webhook_fixture.receive(push(GitProvider.GITHUB, commit=f"{number:040x}"))

        async with webhook_fixture.services.storage.snapshot() as uow:
            (waiting,) = await uow.deployments.all([DeploymentStatus.QUEUED])
            counts = await uow.deployments.count_by_status()
        assert f"{100:040x}" == waiting.commit_sha
        assert (1, 99) == (counts[DeploymentStatus.BUILDING], counts[DeploymentStatus.SUPERSEDED])


class TestForeignRepositories:
    @pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
    @pytest.mark.parametrize(
        "url",
        [
            "https://git.example.com/mallory/app",
            "https://git.example.com/ann/other",
            "https://github.com/ann/app",
            "https://git.example.com:8443/ann/app",
        ],
    )
    async def test_a_push_to_another_repository_is_ignored(
        self, services: Services, ann: Actor, git_provider: GitProvider, url: str
    ) -> None:
        hook = await WebhookFixture.of(services, ann, provider=git_provider)

        receipt = await hook.receive(push(git_provider).of_repository(url))

        assert [] == await hook.deployments()
        assert receipt.message.startswith(f"This delivery is for {url}")
        assert f"the project deploys {hook.project.repo_url}." in receipt.message

    @pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
    async def test_repository_names_are_case_insensitive(
        self, services: Services, ann: Actor, git_provider: GitProvider
    ) -> None:
        hook = await WebhookFixture.of(services, ann, provider=git_provider)

        receipt = await hook.receive(
            push(git_provider).of_repository("https://Git.example.com/Ann/App")
        )

        assert 1 == len(receipt.deployment_ids)

    @pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
    async def test_events_of_another_repository_stop_no_preview(
        self, services: Services, ann: Actor, git_provider: GitProvider
    ) -> None:
        hook = await WebhookFixture.of(services, ann, provider=git_provider, previews=True)
        await hook.receive(push(git_provider, "next"))
        foreign = branch_deleted(git_provider, "next").of_repository(
            "https://git.example.com/bob/app"
        )

        receipt = await hook.receive(foreign)

        (preview,) = await hook.deployments()
        assert [] == receipt.changed
        assert DeploymentStatus.QUEUED is preview.status

    async def test_a_pull_request_of_another_repository_is_ignored(
        self, previews: WebhookFixture
    ) -> None:
        opened = pull_request(GitProvider.GITHUB, "opened")

        await previews.receive(opened.of_repository("https://git.example.com/bob/app"))

        assert [] == await previews.deployments()


class TestIgnoredEvents:
    @pytest.mark.parametrize(
        ("delivery", "message"),
        [
            (ping(GitProvider.GITHUB), "The webhook works."),
            (tag_pushed(GitProvider.GITHUB), "Tags are not deployed."),
            (push(GitProvider.GITHUB, "next"), "This webhook deploys only main, not next."),
            (pull_request(GitProvider.GITHUB, "opened"), "Previews are disabled for this webhook."),
            (push(GitProvider.GITHUB, message="[skip ci]"), "contains a skip marker"),
            (branch_deleted(GitProvider.GITHUB, "main"), "The project stays deployed"),
            (
                Delivery(git_provider=GitProvider.GITHUB, event="star", payload={}),
                "Events of type star are ignored.",
            ),
        ],
    )
    async def test_irrelevant_events_are_ignored(
        self, webhook_fixture: WebhookFixture, delivery: Delivery, message: str
    ) -> None:
        receipt = await webhook_fixture.receive(delivery)

        assert message in receipt.message
        assert [] == await webhook_fixture.deployments()

    async def test_a_stopped_target_ignores_pushes(self, webhook_fixture: WebhookFixture) -> None:
        await webhook_fixture.receive(push(GitProvider.GITHUB))
        running = await webhook_fixture.services.run_next()
        await webhook_fixture.services.active_deployments.stop(webhook_fixture.owner, running.id)

        receipt = await webhook_fixture.receive(push(GitProvider.GITHUB, commit=NEXT))

        assert "production is stopped" in receipt.message
        assert 1 == len(await webhook_fixture.deployments())

    @pytest.mark.parametrize(
        ("changed_file", "is_deployed"),
        [("docs/a.md", False), ("src/a.py", True), ("pushpaka.toml", True), (None, True)],
    )
    async def test_only_watched_files_deploy(
        self, webhook_fixture: WebhookFixture, changed_file: str | None, *, is_deployed: bool
    ) -> None:
        await webhook_fixture.receive(push(GitProvider.GITHUB))
        running = await webhook_fixture.services.run_next()
        await _set_watch_paths(webhook_fixture.services, running, "src/**")
        delivery = push(GitProvider.GITHUB, commit=NEXT, changes={"modified": [changed_file or ""]})
        delivery.payload["forced"] = changed_file is None

        receipt = await webhook_fixture.receive(delivery)

        assert is_deployed == bool(receipt.deployment_ids)
        assert is_deployed == ("watch_paths" not in receipt.message)


class TestPreviews:
    async def test_other_branch_has_its_own_target(self, previews: WebhookFixture) -> None:
        await previews.receive(push(GitProvider.GITHUB))
        production = await previews.services.run_next()
        for scope in (EnvScope.PRODUCTION, EnvScope.PREVIEW):
            await previews.services.env_vars.set(
                previews.owner,
                NewEnvVar(project_id=previews.project.id, key="A", value=scope, scope=scope),
            )

        receipt = await previews.receive(push(GitProvider.GITHUB, "next", NEXT))

        (preview_id,) = receipt.deployment_ids
        preview = await previews.services.row(preview_id)
        found = (preview.target, preview.branch, preview.commit_sha)
        assert ("preview:next", "next", NEXT) == found
        assert {"A": "preview"} == await previews.services.environment(preview.id)
        assert DeploymentStatus.RUNNING is await previews.services.status(production.id)

    async def test_a_push_and_its_pull_request_deploy_once(self, previews: WebhookFixture) -> None:
        first = await previews.receive(push(GitProvider.GITHUB, "next"))
        same = await previews.receive(pull_request(GitProvider.GITHUB, "opened", "next"))
        newer = await previews.receive(
            pull_request(GitProvider.GITHUB, "synchronize", "next", NEXT)
        )
        late = await previews.receive(push(GitProvider.GITHUB, "next", NEXT))

        assert [1, 0, 0, 1] == [len(r.deployment_ids) for r in (first, same, newer, late)]
        assert f"{AFTER} is already deployed to preview:next." == same.message

    async def test_forks_are_deployed_only_if_the_webhook_allows_it(
        self, services: Services, bob: Actor, previews: WebhookFixture
    ) -> None:
        allowing = await WebhookFixture.of(services, bob, previews=True, forks=True)
        foreign = pull_request(GitProvider.GITHUB, "opened", of_fork=True)

        refused, taken = await previews.receive(foreign), await allowing.receive(foreign)

        assert [] == refused.deployment_ids
        assert "from forks" in refused.message
        (deployment,) = await allowing.deployments()
        assert [deployment.id] == taken.deployment_ids
        assert ("preview:pull/7", AFTER) == (deployment.target, deployment.commit_sha)


async def _set_watch_paths(services: Services, deployment: Deployment, *patterns: str) -> None:
    async with services.storage.transaction() as uow:
        kept = await uow.deployments.visible_to(PLATFORM).get(deployment.id)
        release = await uow.releases.of_deployment(kept)
        assert release is not None
        settings = RepositorySettings(watch_paths=patterns)
        await uow.releases.update(evolve(release, plan=evolve(release.plan, settings=settings)))
