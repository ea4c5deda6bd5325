"""Teams: permissions of each role, invitations, and leaving."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial

import pytest
from anyio import fail_after
from attrs import evolve, frozen
from tests.service_fixtures import PASSWORD, HookedStorage, Services, do_nothing
from tests.webhook_deliveries import push

from pushpaka_core.domain.accounts.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.accounts.members import (
    MAX_MEMBERS,
    InvitationId,
    NewInvitation,
    ProjectRole,
    ProjectTransfer,
    RoleChange,
)
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.accounts.users import NewPassword
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.ids import UserId
from pushpaka_core.domain.integrations.notifications import (
    NewNotificationChannel,
    NotificationChannel,
)
from pushpaka_core.domain.integrations.webhooks import GitProvider, NewWebhook, Webhook
from pushpaka_core.domain.projects.projects import Project, ProjectChanges
from pushpaka_core.domain.routing.custom_domains import CustomDomain, NewCustomDomain
from pushpaka_core.errors import (
    ConflictError,
    DuplicateError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from pushpaka_core.ports.storage.deployments import DeploymentFilter
from pushpaka_core.services.accounts.teams import OpenInvitation, TeamMember
from pushpaka_core.testing.objects.values import an_id

pytestmark = pytest.mark.anyio

VIEWER, MEMBER, OWNER = ProjectRole


@frozen(kw_only=True)
class Shop:
    """A project that Ann owns, its resources, and an actor for each role."""

    services: Services
    ann: Actor
    people: Mapping[str, Actor]
    project: Project
    deployment: Deployment
    webhook: Webhook
    channel: NotificationChannel
    domain: CustomDomain
    invitation: OpenInvitation


async def join_team(
    services: Services, owner: Actor, project: Project, email: str, role: ProjectRole
) -> Actor:
    """Sign up a user who joins a project by invitation, and return the user as an actor."""
    actor = await services.sign_up(email)
    new = NewInvitation(email=email, role=role)
    opened = await services.invitations.invite(owner, project.id, new)
    await services.invitations.accept(actor, opened.invitation.id)
    return actor


async def transfer_to(shop: Shop, new_owner: Actor) -> TeamMember:
    """Transfer Ann's project to *new_owner*, and return the new owner."""
    new = ProjectTransfer(owner_id=new_owner.require_user())
    return await shop.services.members.transfer(shop.ann, shop.project.id, new)


@pytest.fixture
async def shop(services: Services, ann: Actor) -> Shop:
    project = await services.project(ann, git_token="secret")
    people = {
        "stranger": await services.sign_up("stranger@example.com"),
        "viewer": await join_team(services, ann, project, "viewer@example.com", VIEWER),
        "member": await join_team(services, ann, project, "member@example.com", MEMBER),
        "owner": ann,
    }
    domain = NewCustomDomain(project_id=project.id, domain="shop.example.com")
    channel = NewNotificationChannel(project_id=project.id, url="https://hooks.example.com/x")
    webhook = NewWebhook(project_id=project.id, provider=GitProvider.GITHUB)
    invited = NewInvitation(email="carl@example.com", role=VIEWER)
    await services.enqueue(ann, project)
    return Shop(
        services=services,
        ann=ann,
        people=people,
        project=project,
        deployment=await services.run_next(),
        webhook=(await services.webhooks.add(ann, webhook)).webhook,
        channel=(await services.notifications.add(ann, channel)).channel,
        domain=await services.custom_domains.add(ann, domain),
        invitation=await services.invitations.invite(ann, project.id, invited),
    )


async def test_only_the_owner_deletes_a_project(shop: Shop) -> None:
    projects, project_id = shop.services.projects, shop.project.id

    with pytest.raises(NotFoundError, match="There is no such project"):
        await projects.delete(shop.people["stranger"], project_id)
    for who in (VIEWER, MEMBER):
        with pytest.raises(NotAllowedError, match=f'role "owner" in the project. Yours is "{who}"'):
            await projects.delete(shop.people[who], project_id)
    for scope in (Scope.READ, Scope.DEPLOY):
        with pytest.raises(NotAllowedError):
            await projects.delete(evolve(shop.ann, scope=scope), project_id)


async def test_lists_include_projects_of_members(shop: Shop) -> None:
    services, member = shop.services, shop.people["member"]
    own = await services.project(member, "own")
    await services.enqueue(member, own)
    everything = DeploymentFilter()

    pages = {
        who: await services.deployments.page(actor, everything)
        for who, actor in shop.people.items()
    }

    assert ["own", "shop"] == [o.project.name for o in await services.projects.all(member)]
    assert {"stranger": 0, "viewer": 1, "member": 2, "owner": 1} == {
        who: page.total for who, page in pages.items()
    }
    viewer = shop.people["viewer"]
    assert [shop.webhook] == list(await services.webhooks.all(viewer))
    assert [shop.channel] == list(await services.notifications.all(viewer))
    assert [shop.domain] == list(await services.custom_domains.all(viewer))
    assert [] == list(await services.webhooks.all(shop.people["stranger"]))


async def test_names_are_unique_per_owner(shop: Shop) -> None:
    member = shop.people["member"]

    own = await shop.services.project(member, shop.project.name)

    assert member.user_id == own.user_id


async def test_members_are_shown_to_the_team(shop: Shop) -> None:
    team = await shop.services.members.all(shop.people["viewer"], shop.project.id)

    assert [
        ("ann@example.com", OWNER),
        ("viewer@example.com", VIEWER),
        ("member@example.com", MEMBER),
    ] == [(one.user.email, one.role) for one in team]


async def test_a_role_change_applies_to_the_next_request(shop: Shop) -> None:
    services, viewer = shop.services, shop.people["viewer"]
    user_id = viewer.require_user()

    made = await services.members.change(
        shop.ann, shop.project.id, user_id, RoleChange(role=MEMBER)
    )
    await services.enqueue(viewer, shop.project)
    await services.members.change(shop.ann, shop.project.id, user_id, RoleChange(role=VIEWER))

    assert (MEMBER, "viewer@example.com") == (made.role, made.user.email)
    with pytest.raises(NotAllowedError):
        await services.enqueue(viewer, shop.project)


async def test_a_member_cannot_use_the_git_token_for_another_repository(shop: Shop) -> None:
    projects, member = shop.services.projects, shop.people["member"]
    beside = ProjectChanges(repo_url=f"{shop.project.repo_url}-2")

    kept = await projects.change(shop.ann, shop.project.id, beside)
    same = await projects.change(member, shop.project.id, beside)
    moved = await projects.change(
        member, shop.project.id, ProjectChanges(repo_url=f"{shop.project.repo_url}-3")
    )

    assert shop.project.git_token == kept.project.git_token == same.project.git_token
    assert moved.project.git_token is None
    given = ProjectChanges(repo_url=shop.project.repo_url, git_token="of-the-member")
    moved = await projects.change(member, shop.project.id, given)
    assert moved.project.git_token is not None


async def test_a_member_can_deploy_another_tag_but_no_other_image(shop: Shop) -> None:
    services, member = shop.services, shop.people["member"]
    image = "image:ghcr.io/acme/shop"
    private = ProjectChanges(repo_url=f"{image}:1", registry_credentials="ann:secret")
    await services.projects.change(shop.ann, shop.project.id, private)

    kept = await services.projects.change(
        member, shop.project.id, ProjectChanges(repo_url=f"{image}:2")
    )
    removed = await services.projects.change(
        member, shop.project.id, ProjectChanges(repo_url=f"{image}-2:2")
    )

    assert kept.project.registry_credentials is not None
    assert removed.project.registry_credentials is None


async def test_only_a_transfer_changes_the_owner() -> None:
    for wish in (lambda: RoleChange(role=OWNER), lambda: NewInvitation(email="a@b.c", role=OWNER)):
        with pytest.raises(InvalidInputError, match="transfer"):
            wish()


@pytest.mark.parametrize("remover", ["owner", "member"])
async def test_a_removed_member_cannot_view_the_project(shop: Shop, remover: str) -> None:
    services, member = shop.services, shop.people["member"]
    waiting = await services.enqueue(member, shop.project)

    await services.members.remove(shop.people[remover], shop.project.id, member.require_user())

    assert [] == list(await services.projects.all(member))
    with pytest.raises(NotFoundError):
        await services.deployments.get(member, waiting.id)
    assert waiting == await services.deployments.get(shop.ann, waiting.id)


async def test_a_removed_member_is_disconnected_from_streams(shop: Shop) -> None:
    services, viewer = shop.services, shop.people["viewer"]
    logs = evolve(services.logs, poll_interval=timedelta(seconds=0.01))
    await services.publish_lines(shop.deployment.id, "Hello.")
    await logs.require_visible(viewer, shop.deployment.id)
    followed = logs.follow(viewer, shop.deployment.id)
    assert ["Hello."] == [line.message for line in await anext(followed)]

    await services.members.remove(shop.ann, shop.project.id, viewer.require_user())

    with fail_after(30), pytest.raises(NotFoundError):
        await anext(followed)


async def test_the_owner_cannot_leave(shop: Shop) -> None:
    with pytest.raises(ConflictError, match="Transfer"):
        await shop.services.members.remove(shop.ann, shop.project.id, shop.ann.require_user())


async def test_non_members_are_reported_as_not_found(shop: Shop) -> None:
    members, ann, project_id = shop.services.members, shop.ann, shop.project.id
    for user_id in (UserId(an_id()), shop.people["stranger"].require_user()):
        for asked in (
            members.change(ann, project_id, user_id, RoleChange(role=VIEWER)),
            members.remove(ann, project_id, user_id),
            members.transfer(ann, project_id, ProjectTransfer(owner_id=user_id)),
        ):
            with pytest.raises(NotFoundError, match="no such member"):
                await asked


class TestTransfer:
    async def test_transfer_makes_a_member_the_owner(self, shop: Shop) -> None:
        services, new_owner = shop.services, shop.people["member"]

        made = await transfer_to(shop, new_owner)

        team = await services.members.all(shop.ann, shop.project.id)
        assert OWNER is made.role
        assert {
            "member@example.com": OWNER,
            "viewer@example.com": VIEWER,
            "ann@example.com": MEMBER,
        } == {one.user.email: one.role for one in team}
        (domain,) = await services.custom_domains.all(new_owner)
        assert new_owner.user_id == domain.user_id
        # The token belongs to the old owner. The new one could send it to another server.
        assert shop.project.git_token is not None
        assert (await services.projects.get(new_owner, shop.project.id)).project.git_token is None
        with pytest.raises(NotAllowedError):
            await services.projects.delete(shop.ann, shop.project.id)

    async def test_new_owner_must_not_have_a_project_with_that_name(self, shop: Shop) -> None:
        services, new_owner = shop.services, shop.people["member"]
        await services.project(new_owner, shop.project.name)

        with pytest.raises(DuplicateError, match="project name"):
            await transfer_to(shop, new_owner)

        kept = (await services.projects.get(new_owner, shop.project.id)).project
        assert shop.ann.user_id == kept.user_id

    @pytest.mark.parametrize(
        ("quotas", "sentence"),
        [
            (Quotas(projects=1), "maximum number of projects"),
            (Quotas(domains=2), "the new owner's limit on custom domains"),
            (Quotas(unverified_domains=2), "the new owner's limit on custom domains"),
        ],
    )
    async def test_quotas_of_the_new_owner_apply(
        self, shop: Shop, quotas: Quotas, sentence: str
    ) -> None:
        services, new_owner = shop.services, shop.people["member"]
        new, own = (
            ProjectTransfer(owner_id=new_owner.require_user()),
            await services.project(new_owner, "own"),
        )
        domains = [
            await services.custom_domains.add(
                new_owner, NewCustomDomain(project_id=own.id, domain=f"{name}.example.com")
            )
            for name in "ab"
        ]
        members = evolve(services.members, quotas=quotas)

        with pytest.raises(ConflictError, match=sentence):
            await members.transfer(shop.ann, shop.project.id, new)

        if quotas.projects == 1:
            await services.projects.delete(new_owner, own.id)
        else:
            await services.custom_domains.delete(new_owner, domains[0].id)
        made = await members.transfer(shop.ann, shop.project.id, new)
        assert OWNER is made.role

    async def test_disabled_account_cannot_become_the_owner(self, shop: Shop) -> None:
        await shop.services.accounts.disable(PLATFORM, "member@example.com")

        with pytest.raises(ConflictError, match="disabled"):
            await transfer_to(shop, shop.people["member"])

    @pytest.mark.parametrize("is_concurrent", [False, True])
    async def test_pushes_are_deployed_for_the_new_owner(
        self, shop: Shop, *, is_concurrent: bool
    ) -> None:
        services, new_owner = shop.services, shop.people["member"]
        issued = await services.webhooks.rotate(shop.ann, shop.webhook.id)
        storage = HookedStorage(services.storage)

        async def transfer_project() -> None:
            storage.before_transaction = do_nothing
            await transfer_to(shop, new_owner)

        if is_concurrent:
            storage.before_transaction = transfer_project
        else:
            await transfer_project()
        deliveries = evolve(services.deliveries, storage=storage)
        delivery = push(GitProvider.GITHUB, "main", "a" * 40)

        receipt = await deliveries.receive(
            shop.webhook.id, delivery.lower_case_headers(issued.secret), delivery.body
        )

        assert new_owner.user_id == receipt.changed[0].user_id


async def withdraw_invitation(shop: Shop, _: Actor) -> None:
    invitation_id = shop.invitation.invitation.id
    await shop.services.invitations.withdraw(shop.ann, shop.project.id, invitation_id)
    with pytest.raises(NotFoundError, match="no such invitation"):
        await shop.services.invitations.withdraw(shop.ann, shop.project.id, invitation_id)


async def decline_invitation(shop: Shop, carl: Actor) -> None:
    await shop.services.invitations.decline(carl, shop.invitation.invitation.id)


async def expire_invitation(shop: Shop, _: Actor) -> None:
    shop.services.clock.advance(7 * 86_400)


async def change_owner_password(shop: Shop, _: Actor) -> None:
    change = NewPassword(current_password=PASSWORD, new_password="another horse")
    await shop.services.accounts.change_password(shop.ann, change)


async def delete_the_project(shop: Shop, _: Actor) -> None:
    await shop.services.projects.delete(shop.ann, shop.project.id)


async def transfer_the_project(shop: Shop, _: Actor) -> None:
    await transfer_to(shop, shop.people["member"])


class TestInvitations:
    async def test_invitation_waits_for_an_account(self, shop: Shop) -> None:
        services = shop.services
        carl = await services.sign_up("Carl@Example.com")
        with pytest.raises(NotFoundError):
            await services.projects.get(carl, shop.project.id)

        (found,) = await services.invitations.all(carl)
        joined = await services.invitations.accept(carl, found.invitation.id)

        assert ("shop", "ann@example.com") == (found.project.name, found.owner.email)
        assert (VIEWER, "carl@example.com") == (joined.role, joined.user.email)
        assert [] == list(await services.invitations.all(carl))
        assert shop.project.id == (await services.projects.get(carl, shop.project.id)).project.id

    async def test_invitations_are_private(self, shop: Shop) -> None:
        services, invitation = shop.services, shop.invitation.invitation

        for who in ("stranger", "member", "owner"):
            assert [] == list(await services.invitations.all(shop.people[who]))
            for answer in (services.invitations.accept, services.invitations.decline):
                for invitation_id in (invitation.id, InvitationId(an_id())):
                    with pytest.raises(NotFoundError, match="no such invitation"):
                        await answer(shop.people[who], invitation_id)

    async def test_invitations_do_not_reveal_accounts(self, shop: Shop) -> None:
        services = shop.services
        await services.sign_up("dora@example.com")

        opened = [
            await services.invitations.invite(
                shop.ann, shop.project.id, NewInvitation(email=email, role=MEMBER)
            )
            for email in ("dora@example.com", "eric@example.com")
        ]

        one, other = (each.invitation for each in opened)
        assert one == evolve(other, id=one.id, email=one.email)
        listed = await services.invitations.of_project(shop.ann, shop.project.id)
        assert [shop.invitation, *opened] == list(listed)

    @pytest.mark.parametrize(
        "end_invitation",
        [
            withdraw_invitation,
            decline_invitation,
            expire_invitation,
            change_owner_password,
            delete_the_project,
            transfer_the_project,
        ],
    )
    async def test_invitation_ends_and_cannot_be_accepted(
        self, shop: Shop, end_invitation: Callable[[Shop, Actor], Awaitable[None]]
    ) -> None:
        services = shop.services
        carl = await services.sign_up("carl@example.com")

        await end_invitation(shop, carl)

        assert [] == list(await services.invitations.all(carl))
        with pytest.raises(NotFoundError):
            await services.invitations.accept(carl, shop.invitation.invitation.id)
        if end_invitation is not delete_the_project:
            reader = shop.people["member"] if end_invitation is transfer_the_project else shop.ann
            assert [] == list(await services.invitations.of_project(reader, shop.project.id))

    async def test_new_invitation_replaces_an_earlier_one(self, shop: Shop) -> None:
        services = shop.services
        carl = await services.sign_up("carl@example.com")

        again = await services.invitations.invite(
            shop.ann, shop.project.id, NewInvitation(email="CARL@example.com", role=MEMBER)
        )

        assert [again] == list(await services.invitations.all(carl))
        with pytest.raises(NotFoundError):
            await services.invitations.accept(carl, shop.invitation.invitation.id)
        assert MEMBER is (await services.invitations.accept(carl, again.invitation.id)).role

    async def test_members_are_not_invited_and_invitations_are_limited(self, shop: Shop) -> None:
        wish = NewInvitation(email="carl@example.com", role=VIEWER)
        invite = partial(shop.services.invitations.invite, shop.ann, shop.project.id)
        for email in ("ann@example.com", "Member@example.com"):
            with pytest.raises(ConflictError, match="already a member"):
                await invite(evolve(wish, email=email))
        present = 4  # Ann, the viewer, the member, and Carl, who has already been invited
        for number in range(MAX_MEMBERS - present):
            await invite(evolve(wish, email=f"user{number}@example.com"))

        await invite(wish)
        with pytest.raises(ConflictError, match="100 members"):
            await invite(evolve(wish, email="one-too-many@example.com"))

    async def test_api_tokens_cannot_accept_invitations(self, shop: Shop) -> None:
        services, invitation = shop.services, shop.invitation.invitation
        carl = evolve(await services.sign_up("carl@example.com"), scope=Scope.FULL)
        member = evolve(shop.people["member"], scope=Scope.FULL)

        for answer in (services.invitations.accept, services.invitations.decline):
            with pytest.raises(NotAllowedError, match="API tokens cannot"):
                await answer(carl, invitation.id)
        with pytest.raises(NotAllowedError, match="API tokens cannot"):
            await services.members.remove(member, shop.project.id, member.require_user())


async def test_actions_of_a_team_are_audited(shop: Shop) -> None:
    services, member = shop.services, shop.people["member"]
    user_id = member.require_user()
    await services.members.change(shop.ann, shop.project.id, user_id, RoleChange(role=VIEWER))
    await services.members.remove(member, shop.project.id, user_id)

    entries = (await services.audit.page(PLATFORM, limit=100)).items

    assert {"member.invited", "member.joined", "member.made_viewer", "member.left"} <= {
        entry.action for entry in entries
    }
