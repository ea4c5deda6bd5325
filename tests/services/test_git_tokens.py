"""A git token is shown to the one server that it was given for."""

from typing import Any

import pytest
from attrs import evolve
from tests.services.platform import Platform
from tests.services.world import REPO

from pushpaka_core.adapters.memory.security import MemoryCipher
from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.plans import NewPlan
from pushpaka_core.domain.projects import Project, ProjectChanges, ProjectId
from pushpaka_core.errors import PlanFailedError
from pushpaka_core.services.credentials import open_git_token
from pushpaka_core.services.key_rotation import KeyRotation
from pushpaka_core.testing.objects import a_project, a_user

pytestmark = pytest.mark.anyio

TOKEN = "glpat-12345"
ELSEWHERE = "https://evil.example.net/app.git"
BESIDE = "https://git.example.com/someone/other.git"


async def test_a_planted_address_does_not_get_the_token(platform: Platform) -> None:
    """Somebody who writes another server into the row gets an error, and no request."""
    project = await platform.project(git_token=TOKEN)
    platform.source.repositories[ELSEWHERE] = platform.source.repositories[REPO]
    await _kept(platform, project, repo_url=ELSEWHERE)

    failed = await platform.served(project)

    assert DeploymentStatus.FAILED is failed.status
    assert "was given for another server than the repository URL names" in (failed.error or "")
    assert not [said for said in await platform.said(failed.id) if "Fetching" in said]
    with pytest.raises(PlanFailedError, match="for another server"):
        await platform.application.plans.plan(platform.owner, project.id, NewPlan())


async def test_a_repository_that_moves_on_its_server_keeps_the_token(platform: Platform) -> None:
    """Its path is nothing that the token depends on."""
    project = await platform.project(git_token=TOKEN)
    moved = REPO.replace("/app", "/moved")
    platform.source.repositories[moved] = platform.source.repositories[REPO]
    platform.source.tokens[moved] = TOKEN

    changes = ProjectChanges(repo_url=moved)
    changed = await platform.application.projects.change(platform.owner, project.id, changes)

    assert project.git_token == changed.project.git_token
    assert DeploymentStatus.RUNNING is (await platform.served(project)).status


@pytest.mark.parametrize(
    "server", ["https://evil.example.net", "http://git.example.com", "https://git.example.com:8443"]
)
async def test_a_token_opens_for_its_own_server_alone(server: str) -> None:
    """Neither another host, nor another port, nor a plain connection to the same host gets it."""
    cipher = AesGcmCipher(keys={"k": b"k" * 32}, current="k")
    project = a_project(a_user(), repo_url=BESIDE)
    project = evolve(
        project, git_token=cipher.encrypt(TOKEN, context=Project.context_of(project.id, BESIDE))
    )

    moved = evolve(project, repo_url=f"{server}/someone/app.git")
    other = evolve(project, id=ProjectId(a_user().id))

    assert TOKEN == open_git_token(cipher, project)
    assert TOKEN == open_git_token(cipher, evolve(project, repo_url=f"{BESIDE}-2"))
    assert (None, None) == (open_git_token(cipher, moved), open_git_token(cipher, other))


async def test_a_token_of_the_version_before_is_bound_by_a_rotation(platform: Platform) -> None:
    """It opens the repository until then as it did, and afterwards for its server alone."""
    cipher = platform.adapters.cipher
    project = await platform.project()
    earlier = cipher.encrypt(TOKEN, context=f"projects:{project.id}")
    project = await _kept(platform, project, git_token=earlier)
    platform.source.tokens[REPO] = TOKEN

    before = await platform.served(project)
    assert isinstance(cipher, MemoryCipher)
    rotated = cipher.rotated("new")
    assert [] == list(await KeyRotation(platform.storage, rotated, "new").reencrypt())
    async with platform.storage.snapshot() as uow:
        project = await uow.projects.visible_to(PLATFORM).get(project.id)

    assert DeploymentStatus.RUNNING is before.status
    assert TOKEN == open_git_token(rotated, project)
    assert open_git_token(rotated, evolve(project, repo_url=ELSEWHERE)) is None


async def _kept(platform: Platform, project: Project, **changes: Any) -> Project:
    """Change a project behind everybody's back."""
    async with platform.storage.transaction() as uow:
        present = await uow.projects.visible_to(PLATFORM).get(project.id)
        return await uow.projects.update(evolve(present, **changes))
