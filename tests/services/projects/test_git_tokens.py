"""A Git token is sent only to the server that it was set for."""

from typing import Any

import pytest
from attrs import evolve
from tests.platform_fixtures import Platform
from tests.service_fixtures import REPO

from pushpaka_core.adapters.memory.security import MemoryCipher
from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.plans import PlanRequest
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.projects import Project, ProjectChanges
from pushpaka_core.errors import PlanFailedError
from pushpaka_core.services.platform.key_rotation import KeyRotation
from pushpaka_core.services.projects.credentials import decrypt_git_token
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project

pytestmark = pytest.mark.anyio

TOKEN = "glpat-12345"
ELSEWHERE = "https://evil.example.net/app.git"
BESIDE = "https://git.example.com/someone/other.git"


async def test_a_changed_repository_server_does_not_get_the_token(platform: Platform) -> None:
    project = await platform.project(git_token=TOKEN)
    platform.source.repositories[ELSEWHERE] = platform.source.repositories[REPO]
    await _store_changes(platform, project, repo_url=ELSEWHERE)

    failed = await platform.deploy(project)

    assert DeploymentStatus.FAILED is failed.status
    assert "was set for a different server than the one in the repository URL" in (
        failed.error or ""
    )
    assert not [message for message in await platform.messages(failed.id) if "Fetching" in message]
    with pytest.raises(PlanFailedError, match="for a different server"):
        await platform.application.plans.plan(platform.owner, project.id, PlanRequest())


async def test_a_repository_renamed_on_its_server_keeps_the_token(platform: Platform) -> None:
    project = await platform.project(git_token=TOKEN)
    moved = REPO.replace("/app", "/moved")
    platform.source.repositories[moved] = platform.source.repositories[REPO]
    platform.source.tokens[moved] = TOKEN

    changes = ProjectChanges(repo_url=moved)
    changed = await platform.application.projects.change(platform.owner, project.id, changes)

    assert project.git_token == changed.project.git_token
    assert DeploymentStatus.RUNNING is (await platform.deploy(project)).status


@pytest.mark.parametrize(
    "server", ["https://evil.example.net", "http://git.example.com", "https://git.example.com:8443"]
)
async def test_a_token_is_decrypted_only_for_its_server(server: str) -> None:
    cipher = AesGcmCipher(keys={"k": b"k" * 32}, current_key_id="k")
    project = a_project(a_user(), repo_url=BESIDE)
    project = evolve(
        project, git_token=cipher.encrypt(TOKEN, context=Project.context_of(project.id, BESIDE))
    )

    moved = evolve(project, repo_url=f"{server}/someone/app.git")
    other = evolve(project, id=ProjectId(a_user().id))

    assert TOKEN == decrypt_git_token(cipher, project)
    assert TOKEN == decrypt_git_token(cipher, evolve(project, repo_url=f"{BESIDE}-2"))
    assert (None, None) == (decrypt_git_token(cipher, moved), decrypt_git_token(cipher, other))


async def test_rotated_token_can_only_be_decrypted_for_its_server(platform: Platform) -> None:
    project = await platform.project(git_token=TOKEN)
    cipher = platform.adapters.cipher
    assert isinstance(cipher, MemoryCipher)
    rotated = cipher.rotated("new")

    assert [] == list(await KeyRotation(platform.storage, rotated, "new").reencrypt())

    async with platform.storage.snapshot() as uow:
        project = await uow.projects.visible_to(PLATFORM).get(project.id)
    assert TOKEN == decrypt_git_token(rotated, project)
    assert decrypt_git_token(rotated, evolve(project, repo_url=ELSEWHERE)) is None


async def _store_changes(platform: Platform, project: Project, **changes: Any) -> Project:
    """Store *changes* of a project directly, without the service's checks."""
    async with platform.storage.transaction() as uow:
        present = await uow.projects.visible_to(PLATFORM).get(project.id)
        return await uow.projects.update(evolve(present, **changes))
