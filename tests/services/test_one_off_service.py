"""One-off commands: in which release they run, and who gets none."""

import pytest
from attrs import evolve
from tests.services.platform import OPTIONS, Platform
from tests.services.world import PASSWORD, REPO

from pushpaka_core.application import Application, assemble
from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.members import NewInvitation, NewRole, ProjectRole
from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.projects import NewProject, Project
from pushpaka_core.domain.users import Registration
from pushpaka_core.errors import ConflictError, NotAllowedError, NotFoundError
from pushpaka_core.ports.processes import Exit
from pushpaka_core.testing.applications import Told

pytestmark = pytest.mark.anyio


async def _run(application: Application, named: str, actor: Actor = PLATFORM) -> tuple[Exit, bytes]:
    told = Told()
    exit_ = await application.one_offs.run(actor, named, "rake db:seed", on_output=told.on_output)
    return exit_, bytes(told.output)


async def _serve(platform: Platform, project: Project) -> None:
    await platform.engine.attendance.settle()
    platform.commit(**{"pushpaka.toml": "[resources]\nmemory = 256\n"})
    await platform.served(project)


async def _shop_of(platform: Platform, email: str) -> Project:
    """Register somebody else who has a project of the same name."""
    accounts, projects = platform.application.accounts, platform.application.projects
    user = (await accounts.register(Registration(email=email, name="Bob", password=PASSWORD))).user
    new = NewProject(name="shop", repo_url=REPO)
    return (await projects.create(Actor.of(user), new)).project


async def test_it_runs_in_what_is_served(platform: Platform, shop: Project) -> None:
    """With the artifact, the env vars and the limits of the release; it ends as it will."""
    await platform.set_env(shop, DATABASE="db")
    await _serve(platform, shop)
    await platform.set_env(shop, DATABASE="another")
    platform.runtime.greeting, platform.runtime.release_exit = "Sown.\n", Exit(code=3)

    ending = await _run(platform.application, "shop")

    (request,) = platform.runtime.run
    (web,) = platform.runtime.living.values()
    command = request.plan.processes[request.instance.process_type].command
    assert (Exit(code=3), b"Sown.\n") == ending
    assert "rake db:seed" == command
    assert (web.artifact, web.env, web.settings) == (
        request.artifact,
        request.env,
        request.settings,
    )
    assert ("db", 256) == (request.env["DATABASE"], request.settings.memory_limit)
    assert request.instance.port is None


async def test_it_is_the_callers_alone(platform: Platform, shop: Project) -> None:
    """No row is kept of it and no line of what it prints, but who ran something where."""
    await _serve(platform, shop)
    (web,) = await platform.instances()
    before = await platform.said(web.deployment_id)

    await _run(platform.application, "shop")

    async with platform.storage.snapshot() as uow:
        newest = (await uow.audit.page(None, limit=1, offset=0)).items[0]
    assert [web] == list(await platform.instances())
    assert before == await platform.said(web.deployment_id)
    assert ("project.command_run", shop.id, "shop") == (
        newest.action,
        newest.subject_id,
        newest.detail,
    )


async def test_it_takes_a_member(platform: Platform, shop: Project) -> None:
    """Who deploys what they like runs what they like; who only looks does not."""
    await _serve(platform, shop)
    application, email = platform.application, "bob@example.com"
    registration = Registration(email=email, name="Bob", password=PASSWORD)
    bob = Actor.of((await application.accounts.register(registration)).user)
    invited = NewInvitation(email=email, role=ProjectRole.VIEWER)
    opened = await application.invitations.invite(platform.owner, shop.id, invited)
    await application.invitations.accept(bob, opened.invitation.id)

    with pytest.raises(NotAllowedError, match='takes the role "member"'):
        await _run(application, "shop", bob)
    new = NewRole(role=ProjectRole.MEMBER)
    await application.members.change(platform.owner, shop.id, bob.require_user(), new)

    assert await _run(application, "shop", bob)


async def test_a_project_is_named_by_what_it_alone_has(platform: Platform, shop: Project) -> None:
    """Its slug, its name or its id; what others are called too is refused with the ids."""
    await _serve(platform, shop)
    other = await _shop_of(platform, "bob@example.com")

    with pytest.raises(ConflictError, match=f"Give the id of one: .*{other.id} \\({other.slug}\\)"):
        await _run(platform.application, "shop")
    ending, _ = await _run(platform.application, str(shop.id))
    with pytest.raises(ConflictError, match=f"The project {other.slug} serves nothing yet"):
        await _run(platform.application, other.slug)

    assert ending.succeeded


async def test_nothing_is_run_where_nothing_is_served(platform: Platform, shop: Project) -> None:
    """Neither in a project that does not exist, nor in one that is stopped or deleted."""
    application, owner = platform.application, platform.owner
    await _serve(platform, shop)
    (web,) = await platform.instances()

    with pytest.raises(NotFoundError):
        await _run(application, "shoop")
    await application.serving.stop(owner, web.deployment_id)
    with pytest.raises(ConflictError, match="The project shop is stopped"):
        await _run(application, "shop")
    await application.projects.delete(owner, shop.id)
    with pytest.raises(NotFoundError):
        await _run(application, "shop")

    assert [] == platform.runtime.run


async def test_nothing_is_run_from_elsewhere(platform: Platform, shop: Project) -> None:
    """Another machine, data directory or runtime has not what the release needs."""
    await _serve(platform, shop)
    elsewhere = Node(runtime="memory", name="local", home="another directory")
    other_runtime = Node(runtime="docker", name="local")

    with pytest.raises(ConflictError, match="on the node local, and not from this data directory"):
        await _run(_beside(platform, elsewhere), "shop")
    with pytest.raises(ConflictError, match="Nothing was ever run by the runtime docker here"):
        await _run(_beside(platform, other_runtime), "shop")

    assert [] == platform.runtime.run


def _beside(platform: Platform, node: Node) -> Application:
    return assemble(platform.adapters, evolve(OPTIONS, node=node))


async def test_a_token_to_deploy_with_runs_nothing(platform: Platform, shop: Project) -> None:
    """A command sees every secret of the application, and may do anything to what it keeps."""
    await _serve(platform, shop)
    program = evolve(platform.owner, scope=Scope.DEPLOY)

    with pytest.raises(NotAllowedError):
        await platform.application.one_offs.run(program, "shop", "env", on_output=Told().on_output)

    assert [] == platform.runtime.run
