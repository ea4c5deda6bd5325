"""Teams: what each role may do, and how people come into teams and out of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial

import pytest
from anyio import fail_after
from attrs import define, evolve, field, frozen
from tests.deliveries import push
from tests.services.world import World

from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.custom_domains import CustomDomain, NewCustomDomain
from pushpaka_core.domain.deployments import Deployment, NewDeployment
from pushpaka_core.domain.env_vars import EnvVarName, NewEnvVar
from pushpaka_core.domain.logs import LogFilter
from pushpaka_core.domain.members import (
    MOST_MEMBERS,
    InvitationId,
    NewInvitation,
    NewOwner,
    NewRole,
    ProjectRole,
)
from pushpaka_core.domain.notifications import Channel, NewChannel
from pushpaka_core.domain.plans import NewPlan
from pushpaka_core.domain.projects import Project, ProjectChanges
from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.domain.users import NewPassword, UserId
from pushpaka_core.domain.webhooks import Forge, NewWebhook, Webhook
from pushpaka_core.errors import (
    ConflictError,
    DuplicateError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    PushpakaError,
)
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.storage_deployments import DeploymentFilter
from pushpaka_core.services.teams import OpenInvitation, TeamMember
from pushpaka_core.testing.objects import an_id

pytestmark = pytest.mark.anyio

VIEWER, MEMBER, OWNER = ProjectRole


@frozen(kw_only=True)
class Shop:
    """A project of ann's with one of everything, and a person for each role in it."""

    world: World
    ann: Actor
    people: Mapping[str, Actor]
    project: Project
    deployment: Deployment
    webhook: Webhook
    channel: Channel
    domain: CustomDomain
    invitation: OpenInvitation


async def joined(
    world: World, owner: Actor, project: Project, email: str, role: ProjectRole
) -> Actor:
    """Return somebody who has signed up, been invited, and accepted."""
    actor = await world.signed_up(email)
    new = NewInvitation(email=email, role=role)
    opened = await world.invitations.invite(owner, project.id, new)
    await world.invitations.accept(actor, opened.invitation.id)
    return actor


async def handed_over(shop: Shop, heir: Actor) -> TeamMember:
    """Return the new owner of ann's project, as the team sees them."""
    new = NewOwner(owner_id=heir.require_user())
    return await shop.world.members.transfer(shop.ann, shop.project.id, new)


@define
class InterruptedStorage:
    """A storage before whose first change something else comes."""

    _storage: Storage
    _something: Callable[[], Awaitable[object]]
    _has_come: bool = field(default=False, init=False)

    async def check(self) -> None:
        """Answer as ever."""
        await self._storage.check()

    def snapshot(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Look as ever."""
        return self._storage.snapshot()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """Let it come, and change what is there then."""
        if not self._has_come:
            self._has_come = True
            await self._something()
        async with self._storage.transaction() as uow:
            yield uow


@pytest.fixture
async def shop(world: World, ann: Actor) -> Shop:
    project = await world.project(ann, git_token="secret")
    people = {
        "stranger": await world.signed_up("stranger@example.com"),
        "viewer": await joined(world, ann, project, "viewer@example.com", VIEWER),
        "member": await joined(world, ann, project, "member@example.com", MEMBER),
        "owner": ann,
    }
    domain = NewCustomDomain(project_id=project.id, domain="shop.example.com")
    channel = NewChannel(project_id=project.id, url="https://hooks.example.com/x")
    webhook = NewWebhook(project_id=project.id, provider=Forge.GITHUB)
    invited = NewInvitation(email="carl@example.com", role=VIEWER)
    await world.env_vars.set(ann, NewEnvVar(project_id=project.id, key="A", value="1"))
    await world.deploy_keys.make(ann, project.id)
    await world.deployed(ann, project)
    return Shop(
        world=world,
        ann=ann,
        people=people,
        project=project,
        deployment=await world.served(),
        webhook=(await world.webhooks.add(ann, webhook)).webhook,
        channel=(await world.notifications.add(ann, channel)).channel,
        domain=await world.custom_domains.add(ann, domain),
        invitation=await world.invitations.invite(ann, project.id, invited),
    )


Operation = Callable[[World, Shop, Actor], Awaitable[object]]

READS: Mapping[str, Operation] = {
    "show": lambda w, s, a: w.projects.get(a, s.project.id),
    "deployments": lambda w, s, a: w.deployments.page(a, DeploymentFilter(project_id=s.project.id)),
    "deployment": lambda w, s, a: w.deployments.get(a, s.deployment.id),
    "wait": lambda w, s, a: w.deployments.wait(a, s.deployment.id, timedelta(seconds=1)),
    "timeline": lambda w, s, a: w.deployments.timeline(a, s.deployment.id),
    "log": lambda w, s, a: w.logs.lines(a, s.deployment.id, LogFilter()),
    "watch": lambda w, s, a: w.logs.require_visible(a, s.deployment.id),
    "env names": lambda w, s, a: w.env_vars.of_project(a, s.project.id),
    "deploy key": lambda w, s, a: w.deploy_keys.get(a, s.project.id),
    "team": lambda w, s, a: w.members.all(a, s.project.id),
}
DEPLOYS: Mapping[str, Operation] = {
    "deploy": lambda w, s, a: w.deployments.deploy(a, NewDeployment(project_id=s.project.id)),
    "roll back": lambda w, s, a: w.deployments.rollback(a, s.deployment.id),
    "redeploy": lambda w, s, a: w.deployments.redeploy(a, s.deployment.id),
    "promote": lambda w, s, a: w.deployments.promote(a, s.deployment.id),
    "cancel": lambda w, s, a: w.deployments.cancel(a, s.deployment.id),
    "restart": lambda w, s, a: w.serving.restart(a, s.deployment.id),
    "stop": lambda w, s, a: w.serving.stop(a, s.deployment.id),
    "start": lambda w, s, a: w.serving.start(a, s.project.id),
    "plan": lambda w, s, a: w.plans.plan(a, s.project.id, NewPlan()),
    "set env": lambda w, s, a: w.env_vars.set(
        a, NewEnvVar(project_id=s.project.id, key="A", value="2")
    ),
    "delete env": lambda w, s, a: w.env_vars.delete(
        a, EnvVarName(project_id=s.project.id, key="A")
    ),
    "change": lambda w, s, a: w.projects.change(a, s.project.id, ProjectChanges(replicas=2)),
}
OWNS: Mapping[str, Operation] = {
    "add webhook": lambda w, s, a: w.webhooks.add(
        a, NewWebhook(project_id=s.project.id, provider=Forge.GITLAB)
    ),
    "rotate webhook": lambda w, s, a: w.webhooks.rotate(a, s.webhook.id),
    "delete webhook": lambda w, s, a: w.webhooks.delete(a, s.webhook.id),
    "add channel": lambda w, s, a: w.notifications.add(
        a, NewChannel(project_id=s.project.id, url="https://hooks.example.com/y")
    ),
    "delete channel": lambda w, s, a: w.notifications.delete(a, s.channel.id),
    "make key": lambda w, s, a: w.deploy_keys.make(a, s.project.id),
    "delete key": lambda w, s, a: w.deploy_keys.delete(a, s.project.id),
    "add domain": lambda w, s, a: w.custom_domains.add(
        a, NewCustomDomain(project_id=s.project.id, domain="www.example.com")
    ),
    "verify domain": lambda w, s, a: w.custom_domains.verify(a, s.domain.id),
    "delete domain": lambda w, s, a: w.custom_domains.delete(a, s.domain.id),
    "invite": lambda w, s, a: w.invitations.invite(
        a, s.project.id, NewInvitation(email="dora@example.com", role=VIEWER)
    ),
    "invitations": lambda w, s, a: w.invitations.of_project(a, s.project.id),
    "withdraw": lambda w, s, a: w.invitations.withdraw(a, s.project.id, s.invitation.invitation.id),
    "change role": lambda w, s, a: w.members.change(
        a, s.project.id, s.people["viewer"].require_user(), NewRole(role=MEMBER)
    ),
    "remove": lambda w, s, a: w.members.remove(
        a, s.project.id, s.people["owner" if a is s.people["member"] else "member"].require_user()
    ),
    "transfer": lambda w, s, a: w.members.transfer(
        a, s.project.id, NewOwner(owner_id=s.people["viewer"].require_user())
    ),
}
RANKS = ["stranger", "viewer", "member", "owner"]


async def outcome(operation: Operation, shop: Shop, who: str) -> str:
    """Return how an operation ends for somebody."""
    try:
        await operation(shop.world, shop, shop.people[who])
    except NotFoundError:
        return "there is no such thing"
    except NotAllowedError:
        return "not allowed"
    except PushpakaError:
        pass  # It was let in, and the state of the project was against it.
    return "let in"


@pytest.mark.parametrize("who", RANKS)
@pytest.mark.parametrize(
    ("least", "operations"), [("viewer", READS), ("member", DEPLOYS), ("owner", OWNS)]
)
async def test_each_role_may_do_what_it_is_for(
    shop: Shop, least: str, operations: Mapping[str, Operation], who: str
) -> None:
    """Strangers find nothing, and who is in the team is told where their role is too small."""
    expected = "let in" if RANKS.index(who) >= RANKS.index(least) else "not allowed"
    if who == "stranger":
        expected = "there is no such thing"

    found = {name: await outcome(operation, shop, who) for name, operation in operations.items()}

    assert dict.fromkeys(operations, expected) == found


@pytest.mark.parametrize("who", [VIEWER, MEMBER])
async def test_a_project_is_deleted_by_its_owner_alone(shop: Shop, who: ProjectRole) -> None:
    """Others are told which role they have and which it takes: the owner may change it."""
    with pytest.raises(NotAllowedError, match=f'is "{who}"; this takes the role "owner"'):
        await shop.world.projects.delete(shop.people[who], shop.project.id)


async def test_lists_hold_what_one_is_a_member_of(shop: Shop) -> None:
    """Beside what is one's own, and counted with it; strangers count nothing."""
    world, member = shop.world, shop.people["member"]
    own = await world.project(member, "own")
    await world.deployed(member, own)
    everything = DeploymentFilter()

    pages = {who: await world.deployments.page(shop.people[who], everything) for who in RANKS}

    assert ["own", "shop"] == [o.project.name for o in await world.projects.all(member)]
    assert {"stranger": 0, "viewer": 1, "member": 2, "owner": 1} == {
        who: page.total for who, page in pages.items()
    }
    viewer = shop.people["viewer"]
    assert [shop.webhook] == list(await world.webhooks.all(viewer))
    assert [shop.channel] == list(await world.notifications.all(viewer))
    assert [shop.domain] == list(await world.custom_domains.all(viewer))
    assert [] == list(await world.webhooks.all(shop.people["stranger"]))


async def test_a_name_is_taken_by_its_owner_alone(shop: Shop) -> None:
    """A member may have a project of the same name, as it is not theirs that is called so."""
    member = shop.people["member"]

    own = await shop.world.project(member, shop.project.name)

    assert member.user_id == own.user_id


async def test_members_are_shown_to_the_team(shop: Shop) -> None:
    """The owner comes first, the others as they came."""
    team = await shop.world.members.all(shop.people["viewer"], shop.project.id)

    assert [
        ("ann@example.com", OWNER),
        ("viewer@example.com", VIEWER),
        ("member@example.com", MEMBER),
    ] == [(one.user.email, one.role) for one in team]


async def test_another_role_holds_from_the_next_request_on(shop: Shop) -> None:
    """A viewer who is made a member deploys, and the other way round."""
    world, viewer = shop.world, shop.people["viewer"]
    user_id = viewer.require_user()

    made = await world.members.change(shop.ann, shop.project.id, user_id, NewRole(role=MEMBER))
    await world.deployed(viewer, shop.project)
    await world.members.change(shop.ann, shop.project.id, user_id, NewRole(role=VIEWER))

    assert (MEMBER, "viewer@example.com") == (made.role, made.user.email)
    with pytest.raises(NotAllowedError):
        await world.deployed(viewer, shop.project)


async def test_a_member_reads_no_other_repository_by_the_token(shop: Shop) -> None:
    """It is the owner's, and may open what is none of the team's business."""
    projects, member = shop.world.projects, shop.people["member"]
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


async def test_nobody_becomes_an_owner_but_by_a_transfer() -> None:
    """Neither an invitation nor a change of the role makes a second one."""
    for wish in (lambda: NewRole(role=OWNER), lambda: NewInvitation(email="a@b.c", role=OWNER)):
        with pytest.raises(InvalidInputError, match="transfer"):
            wish()


@pytest.mark.parametrize("by", ["owner", "member"])
async def test_who_is_out_of_a_team_sees_nothing_of_it(shop: Shop, by: str) -> None:
    """Whether they were removed or have left; what they deployed stays."""
    world, member = shop.world, shop.people["member"]
    waiting = await world.deployed(member, shop.project)

    await world.members.remove(shop.people[by], shop.project.id, member.require_user())

    assert [] == list(await world.projects.all(member))
    with pytest.raises(NotFoundError):
        await world.deployments.get(member, waiting.id)
    assert waiting == await world.deployments.get(shop.ann, waiting.id)


async def test_who_is_removed_while_they_watch_sees_no_more(shop: Shop) -> None:
    """A log that is followed ends for them with the next look, and not as if it were over."""
    world, viewer = shop.world, shop.people["viewer"]
    logs = evolve(world.logs, recheck=timedelta(seconds=0.01))
    await world.say(shop.deployment.id, "Hello.")
    followed = logs.follow(viewer, shop.deployment.id)
    assert ["Hello."] == [line.message for line in await anext(followed)]

    await world.members.remove(shop.ann, shop.project.id, viewer.require_user())

    with fail_after(5), pytest.raises(NotFoundError):
        await anext(followed)


async def test_the_owner_cannot_leave(shop: Shop) -> None:
    """A project without an owner would be nobody's to delete."""
    with pytest.raises(ConflictError, match="Transfer"):
        await shop.world.members.remove(shop.ann, shop.project.id, shop.ann.require_user())


@pytest.mark.parametrize("operation", ["change", "remove", "transfer"])
async def test_who_is_no_member_is_not_found(shop: Shop, operation: str) -> None:
    """An account that exists is told from one that does not by nobody."""
    members, project = shop.world.members, shop.project
    for user_id in (UserId(an_id()), shop.people["stranger"].require_user()):
        asked: Mapping[str, Callable[[], Awaitable[object]]] = {
            "change": partial(members.change, shop.ann, project.id, user_id, NewRole(role=VIEWER)),
            "remove": partial(members.remove, shop.ann, project.id, user_id),
            "transfer": partial(members.transfer, shop.ann, project.id, NewOwner(owner_id=user_id)),
        }
        with pytest.raises(NotFoundError, match="no such member"):
            await asked[operation]()


class TestTransfer:
    """A project that is handed over."""

    async def test_makes_a_member_the_owner(self, shop: Shop) -> None:
        """The old owner stays as a member; the domains are the new owner's as well."""
        world, heir = shop.world, shop.people["member"]

        made = await handed_over(shop, heir)

        team = await world.members.all(shop.ann, shop.project.id)
        assert OWNER is made.role
        assert {
            "member@example.com": OWNER,
            "viewer@example.com": VIEWER,
            "ann@example.com": MEMBER,
        } == {one.user.email: one.role for one in team}
        (domain,) = await world.custom_domains.all(heir)
        assert heir.user_id == domain.user_id
        with pytest.raises(NotAllowedError):
            await world.projects.delete(shop.ann, shop.project.id)

    async def test_forgets_the_git_token(self, shop: Shop) -> None:
        """It is the old owner's, and would be sent where the new one says."""
        heir = shop.people["member"]
        before = (await shop.world.projects.get(shop.ann, shop.project.id)).project

        await handed_over(shop, heir)

        after = (await shop.world.projects.get(heir, shop.project.id)).project
        assert (True, None) == (before.git_token is not None, after.git_token)

    async def test_ends_what_the_old_owner_has_offered(self, shop: Shop) -> None:
        """Nobody comes in by the word of who has nothing to say any more."""
        world, heir = shop.world, shop.people["member"]
        carl = await world.signed_up("carl@example.com")

        await handed_over(shop, heir)

        assert [] == list(await world.invitations.of_project(heir, shop.project.id))
        with pytest.raises(NotFoundError):
            await world.invitations.accept(carl, shop.invitation.invitation.id)

    async def test_is_refused_where_the_new_owner_has_one_of_that_name(self, shop: Shop) -> None:
        """Nothing is changed then."""
        world, heir = shop.world, shop.people["member"]
        await world.project(heir, shop.project.name)

        with pytest.raises(DuplicateError, match="project name"):
            await handed_over(shop, heir)

        assert shop.ann.user_id == (await world.projects.get(heir, shop.project.id)).project.user_id

    async def test_is_refused_where_the_new_owner_has_no_room(self, shop: Shop) -> None:
        """A project counts for its owner, so that nobody is given more than they may make."""
        world, heir = shop.world, shop.people["member"]
        await world.project(heir, "own")
        members = evolve(world.members, quotas=Quotas(projects=1))

        with pytest.raises(ConflictError, match="as many projects"):
            await members.transfer(
                shop.ann, shop.project.id, NewOwner(owner_id=heir.require_user())
            )

    @pytest.mark.parametrize("quotas", [Quotas(domains=2), Quotas(claims=2)])
    async def test_is_refused_where_the_new_owner_has_no_room_for_its_domains(
        self, shop: Shop, quotas: Quotas
    ) -> None:
        """They count for the owner too; with one less there is room."""
        world, heir = shop.world, shop.people["member"]
        new, own = NewOwner(owner_id=heir.require_user()), await world.project(heir, "own")
        domains = [
            await world.custom_domains.add(
                heir, NewCustomDomain(project_id=own.id, domain=f"{name}.example.com")
            )
            for name in "ab"
        ]
        members = evolve(world.members, quotas=quotas)

        with pytest.raises(ConflictError, match="more custom domains than one may have"):
            await members.transfer(shop.ann, shop.project.id, new)
        await world.custom_domains.delete(heir, domains[0].id)
        await members.transfer(shop.ann, shop.project.id, new)

        assert heir.user_id == (await world.custom_domains.all(heir))[-1].user_id

    async def test_is_not_to_a_disabled_account(self, shop: Shop) -> None:
        """Nobody could do anything with it then."""
        world, heir = shop.world, shop.people["member"]
        await world.accounts.disable(PLATFORM, "member@example.com")

        with pytest.raises(ConflictError, match="disabled"):
            await handed_over(shop, heir)

    async def test_has_pushes_deployed_for_the_new_owner(self, shop: Shop) -> None:
        """Though the old one made the webhook."""
        world, heir = shop.world, shop.people["member"]
        issued = await world.webhooks.rotate(shop.ann, shop.webhook.id)
        await handed_over(shop, heir)
        delivery = push(Forge.GITHUB, "main", "a" * 40)
        headers = {n.lower(): value for n, value in delivery.headers(issued.secret).items()}

        receipt = await world.deliveries.receive(shop.webhook.id, headers, delivery.body)

        assert heir.user_id == receipt.moved[0].user_id

    async def test_has_a_push_of_the_same_moment_deployed(self, shop: Shop) -> None:
        """For the new owner, though the old one was it when the push came."""
        world, heir = shop.world, shop.people["member"]
        issued = await world.webhooks.rotate(shop.ann, shop.webhook.id)
        delivery = push(Forge.GITHUB, "main", "a" * 40)
        headers = {n.lower(): value for n, value in delivery.headers(issued.secret).items()}
        storage = InterruptedStorage(world.storage, partial(handed_over, shop, heir))
        deliveries = evolve(world.deliveries, storage=storage)

        receipt = await deliveries.receive(shop.webhook.id, headers, delivery.body)

        assert heir.user_id == receipt.moved[0].user_id


class TestInvitations:
    """Places in a team that wait for somebody."""

    async def test_wait_for_an_account_to_come(self, shop: Shop) -> None:
        """Whoever signs up with the address, in whatever case, finds it and comes in."""
        world = shop.world
        carl = await world.signed_up("Carl@Example.com")

        (found,) = await world.invitations.all(carl)
        joined = await world.invitations.accept(carl, found.invitation.id)

        assert ("shop", "ann@example.com") == (found.project.name, found.owner.email)
        assert (VIEWER, "carl@example.com") == (joined.role, joined.user.email)
        assert [] == list(await world.invitations.all(carl))
        assert shop.project.id == (await world.projects.get(carl, shop.project.id)).project.id

    async def test_open_nothing_before_they_are_accepted(self, shop: Shop) -> None:
        """Who is invited and says nothing sees no more than a stranger."""
        carl = await shop.world.signed_up("carl@example.com")

        with pytest.raises(NotFoundError):
            await shop.world.projects.get(carl, shop.project.id)

    async def test_are_nobody_elses(self, shop: Shop) -> None:
        """Neither to see, nor to accept, nor to decline; not the owner's either."""
        world, invitation = shop.world, shop.invitation.invitation

        for who in ("stranger", "member", "owner"):
            assert [] == list(await world.invitations.all(shop.people[who]))
            for answer in (world.invitations.accept, world.invitations.decline):
                with pytest.raises(NotFoundError, match="no such invitation"):
                    await answer(shop.people[who], invitation.id)

    async def test_do_not_tell_whether_there_is_an_account(self, shop: Shop) -> None:
        """One for an account looks as one for none, when it is made and when it is listed."""
        world = shop.world
        await world.signed_up("dora@example.com")

        opened = [
            await world.invitations.invite(
                shop.ann, shop.project.id, NewInvitation(email=email, role=MEMBER)
            )
            for email in ("dora@example.com", "eric@example.com")
        ]

        one, other = (each.invitation for each in opened)
        assert one == evolve(other, id=one.id, email=one.email)
        listed = await world.invitations.of_project(shop.ann, shop.project.id)
        assert [shop.invitation, *opened] == list(listed)

    async def test_can_be_declined(self, shop: Shop) -> None:
        """Then neither side sees it any more."""
        world = shop.world
        carl = await world.signed_up("carl@example.com")

        await world.invitations.decline(carl, shop.invitation.invitation.id)

        assert [] == list(await world.invitations.all(carl))
        assert [] == list(await world.invitations.of_project(shop.ann, shop.project.id))

    async def test_can_be_withdrawn(self, shop: Shop) -> None:
        """Whoever comes afterwards is not let in."""
        world, invitation = shop.world, shop.invitation.invitation
        carl = await world.signed_up("carl@example.com")

        await world.invitations.withdraw(shop.ann, shop.project.id, invitation.id)

        with pytest.raises(NotFoundError):
            await world.invitations.accept(carl, invitation.id)
        with pytest.raises(NotFoundError, match="no such invitation"):
            await world.invitations.withdraw(shop.ann, shop.project.id, invitation.id)

    async def test_end_by_themselves(self, shop: Shop) -> None:
        """After a week nobody sees them, and they are good for nothing."""
        world = shop.world
        carl = await world.signed_up("carl@example.com")

        world.clock.tick(7 * 86_400)

        assert [] == list(await world.invitations.all(carl))
        assert [] == list(await world.invitations.of_project(shop.ann, shop.project.id))
        with pytest.raises(NotFoundError):
            await world.invitations.accept(carl, shop.invitation.invitation.id)

    async def test_end_with_the_password_of_who_made_them(self, shop: Shop) -> None:
        """Who takes an account back takes back what was offered in its name."""
        world = shop.world
        carl = await world.signed_up("carl@example.com")
        change = NewPassword(current_password="correct horse", new_password="another horse")

        await world.accounts.change_password(shop.ann, change)

        with pytest.raises(NotFoundError):
            await world.invitations.accept(carl, shop.invitation.invitation.id)

    async def test_end_with_the_project(self, shop: Shop) -> None:
        """Nobody is told of what is being deleted."""
        world = shop.world
        carl = await world.signed_up("carl@example.com")

        await world.projects.delete(shop.ann, shop.project.id)

        assert [] == list(await world.invitations.all(carl))

    async def test_replace_an_earlier_one(self, shop: Shop) -> None:
        """The role is that of the last, and the earlier one is good for nothing."""
        world = shop.world
        carl = await world.signed_up("carl@example.com")

        again = await world.invitations.invite(
            shop.ann, shop.project.id, NewInvitation(email="CARL@example.com", role=MEMBER)
        )

        assert [again] == list(await world.invitations.all(carl))
        with pytest.raises(NotFoundError):
            await world.invitations.accept(carl, shop.invitation.invitation.id)
        assert MEMBER is (await world.invitations.accept(carl, again.invitation.id)).role

    @pytest.mark.parametrize("email", ["ann@example.com", "Member@example.com"])
    async def test_are_not_for_who_is_in_the_team(self, shop: Shop, email: str) -> None:
        """Their role is changed instead."""
        with pytest.raises(ConflictError, match="in the team already"):
            await shop.world.invitations.invite(
                shop.ann, shop.project.id, NewInvitation(email=email, role=VIEWER)
            )

    async def test_are_as_many_as_a_team_may_have_members(self, shop: Shop) -> None:
        """Nobody fills the database by inviting; an address that is invited again counts once."""
        world, wish = shop.world, NewInvitation(email="carl@example.com", role=VIEWER)
        present = 4  # ann, the viewer, the member, and who is invited already
        for number in range(MOST_MEMBERS - present):
            await world.invitations.invite(
                shop.ann, shop.project.id, evolve(wish, email=f"user{number}@example.com")
            )

        await world.invitations.invite(shop.ann, shop.project.id, wish)
        with pytest.raises(ConflictError, match="100 members"):
            await world.invitations.invite(
                shop.ann, shop.project.id, evolve(wish, email="one-too-many@example.com")
            )

    async def test_are_not_answered_by_an_api_token(self, shop: Shop) -> None:
        """Whatever it was made for, it brings its user into no team, and out of none."""
        world, invitation = shop.world, shop.invitation.invitation
        carl = evolve(await world.signed_up("carl@example.com"), scope=Scope.FULL)
        member = evolve(shop.people["member"], scope=Scope.FULL)

        for answer in (world.invitations.accept, world.invitations.decline):
            with pytest.raises(NotAllowedError, match="No API token"):
                await answer(carl, invitation.id)
        with pytest.raises(NotAllowedError, match="No API token"):
            await world.members.remove(member, shop.project.id, member.require_user())

    async def test_that_nobody_made_are_not_found(self, shop: Shop) -> None:
        """An id that nothing has is answered as that of somebody else's."""
        with pytest.raises(NotFoundError, match="no such invitation"):
            await shop.world.invitations.accept(shop.ann, InvitationId(an_id()))


async def test_what_a_team_does_is_in_the_audit_trail(shop: Shop) -> None:
    """Who came in by whom, who was made what, and who left."""
    world, member = shop.world, shop.people["member"]
    await world.members.change(
        shop.ann, shop.project.id, member.require_user(), NewRole(role=VIEWER)
    )
    await world.members.remove(member, shop.project.id, member.require_user())

    entries = (await world.audit.page(PLATFORM, limit=100)).items

    assert {"member.invited", "member.joined", "member.made_viewer", "member.left"} <= {
        entry.action for entry in entries
    }
