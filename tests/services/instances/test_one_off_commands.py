"""One-off commands run in the active release, for callers who may run them."""

import pytest
from attrs import evolve
from tests.platform_fixtures import OPTIONS, Platform

from pushpaka_core.container.application import Application, assemble
from pushpaka_core.domain.accounts.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.accounts.members import NewInvitation, ProjectRole, RoleChange
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import NewVolume
from pushpaka_core.errors import ConflictError, NotAllowedError, NotFoundError
from pushpaka_core.ports.processes import Exit
from pushpaka_core.testing.applications import BuildRecorder

pytestmark = pytest.mark.anyio


async def _run(
    application: Application, project_name: str, actor: Actor = PLATFORM
) -> tuple[Exit, bytes]:
    build_recorder = BuildRecorder()
    exit_ = await application.one_off_commands.run(
        actor, project_name, "rake db:seed", on_output=build_recorder.on_output
    )
    return exit_, bytes(build_recorder.output)


async def _deploy(platform: Platform, project: Project) -> None:
    await platform.worker_services.worker_registry.claim_node()
    platform.commit(**{"pushpaka.toml": "[resources]\nmemory = 256\n"})
    await platform.deploy(project)


async def test_a_command_runs_in_the_active_release(platform: Platform, shop: Project) -> None:
    await platform.set_env(shop, DATABASE="db")
    await _deploy(platform, shop)
    await platform.set_env(shop, DATABASE="another")
    platform.runtime.greeting, platform.runtime.release_exit = "Sown.\n", Exit(code=3)

    ending = await _run(platform.application, "shop")

    (request,) = platform.runtime.commands_run
    (web,) = platform.runtime.running.values()
    command = request.plan.processes[request.instance.process_type].command
    assert (Exit(code=3), b"Sown.\n") == ending
    assert "rake db:seed" == command
    found = (request.artifact, request.env, request.settings)
    assert (web.artifact, web.env, web.settings) == found
    assert ("db", 256) == (request.env["DATABASE"], request.settings.memory_limit)
    assert request.instance.port is None


async def test_a_command_writes_next_to_the_only_writer(platform: Platform, shop: Project) -> None:
    """The user knows that the application is live. Neither the command nor a deployment waits."""
    new = NewVolume(project_id=shop.id, name="data", mount_path="data")
    volume = await platform.application.volumes.create(platform.owner, new)
    await _deploy(platform, shop)

    await _run(platform.application, "shop")

    (request,) = platform.runtime.commands_run
    (web,) = platform.runtime.running.values()
    assert VolumeAccess.ONE is volume.access
    assert (volume.mount,) == request.settings.volumes == web.settings.volumes


async def test_a_command_leaves_no_row_and_no_log(platform: Platform, shop: Project) -> None:
    await _deploy(platform, shop)
    (web,) = await platform.instances()
    before = await platform.messages(web.deployment_id)

    await _run(platform.application, "shop")

    async with platform.storage.snapshot() as uow:
        newest = (await uow.audit_entries.page(None, limit=1, offset=0)).items[0]
    assert [web] == list(await platform.instances())
    assert before == await platform.messages(web.deployment_id)
    found = (newest.action, newest.subject_id, newest.detail)
    assert ("project.command_run", shop.id, "shop") == found


async def test_running_a_command_requires_the_member_role(
    platform: Platform, shop: Project
) -> None:
    await _deploy(platform, shop)
    application, email = platform.application, "bob@example.com"
    bob = await platform.sign_up(email)
    invited = NewInvitation(email=email, role=ProjectRole.VIEWER)
    opened = await application.invitations.invite(platform.owner, shop.id, invited)
    await application.invitations.accept(bob, opened.invitation.id)

    with pytest.raises(NotAllowedError, match='requires the role "member"'):
        await _run(application, "shop", bob)
    new = RoleChange(role=ProjectRole.MEMBER)
    await application.members.change(platform.owner, shop.id, bob.require_user(), new)

    assert await _run(application, "shop", bob)


async def test_a_project_is_found_by_an_unambiguous_name(platform: Platform, shop: Project) -> None:
    await _deploy(platform, shop)
    other = await platform.project(owner=await platform.sign_up("bob@example.com"))

    with pytest.raises(
        ConflictError, match=f"Use the id of one of them: .*{other.id} \\({other.slug}\\)"
    ):
        await _run(platform.application, "shop")
    ending, _ = await _run(platform.application, str(shop.id))
    with pytest.raises(ConflictError, match=f"The project {other.slug} has no active deployment"):
        await _run(platform.application, other.slug)

    assert ending.succeeded


async def test_a_project_without_active_deployment_is_rejected(
    platform: Platform, shop: Project
) -> None:
    application, owner = platform.application, platform.owner
    await _deploy(platform, shop)
    (web,) = await platform.instances()

    with pytest.raises(NotFoundError):
        await _run(application, "shoop")
    await application.active_deployments.stop(owner, web.deployment_id)
    with pytest.raises(ConflictError, match="The project shop is stopped"):
        await _run(application, "shop")
    await application.projects.delete(owner, shop.id)
    with pytest.raises(NotFoundError):
        await _run(application, "shop")

    assert [] == platform.runtime.commands_run


async def test_another_node_is_rejected(platform: Platform, shop: Project) -> None:
    await _deploy(platform, shop)
    elsewhere = Node(runtime="memory", name="local", data_directory_id="another directory")
    other_runtime = Node(runtime="docker", name="local")

    with pytest.raises(ConflictError, match="on the node local, but these settings are for a"):
        await _run(_on_another_node(platform, elsewhere), "shop")
    with pytest.raises(ConflictError, match='has run on the runtime "docker"'):
        await _run(_on_another_node(platform, other_runtime), "shop")

    assert [] == platform.runtime.commands_run


def _on_another_node(platform: Platform, node: Node) -> Application:
    return assemble(platform.adapters, evolve(OPTIONS, node=node))


async def test_a_deploy_token_is_rejected(platform: Platform, shop: Project) -> None:
    await _deploy(platform, shop)
    program = evolve(platform.owner, scope=Scope.DEPLOY)

    with pytest.raises(NotAllowedError):
        await platform.application.one_off_commands.run(
            program, "shop", "env", on_output=BuildRecorder().on_output
        )

    assert [] == platform.runtime.commands_run
