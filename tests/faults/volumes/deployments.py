"""Deployments of applications with volumes, whose results are compared with the model."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random

from attrs import define, field
from tests.faults.volumes.model import DECLARED, Model, Place, Settings
from tests.faults.volumes.platform import KeptPlatform

from pushpaka_core.container.application import Application
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.deployments.deployments import Deployment, NewDeployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import DeploymentId, ProjectId, VolumeId
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import NewVolume, PreviewVolume
from pushpaka_core.errors import PushpakaError

VOLUMES = (
    Settings(name="media", path="media", access=VolumeAccess.ONE, preview=PreviewVolume.NONE),
    Settings(name="data", path="data", access=VolumeAccess.MANY, preview=PreviewVolume.COPY),
    Settings(name="cache", path="cache", access=VolumeAccess.MANY, preview=PreviewVolume.EMPTY),
)
"""The volumes of new projects, each of which has two of them."""
_TOML = f"""\
[volumes.{DECLARED.name}]
path = "{DECLARED.path}"
access = "{DECLARED.access}"
preview = "{DECLARED.preview}"
"""


class KilledError(Exception):
    """Ends an operation as if its process were killed."""


@define(kw_only=True)
class ModeledDeployments:
    """Runs deployments, and requires that each has the result and the volumes of the model."""

    kept: KeptPlatform
    random: Random
    model: Model = field(factory=Model)
    projects: dict[str, ProjectId] = field(factory=dict)
    outcomes: Counter[str] = field(factory=Counter)
    """How often each operation was accepted, and each kind of deployment succeeded or failed."""

    async def deploy_commit(self, name: str, target: str, *, is_broken: bool = False) -> bool:
        """Deploy a new commit to a target of the project *name*, and return True if it runs."""
        place = self.projects[name], target
        is_declared = self.random.random() < 0.4
        self.kept.commit(**({"pushpaka.toml": _TOML} if is_declared else {}))
        new = NewDeployment(project_id=place[0], target=target)
        deployment = await self.services.deployments.deploy(self.owner, new)
        if target != PRODUCTION:
            await self._note_ended_previews(place)
        return await self._run(deployment, is_declared=is_declared, is_broken=is_broken)

    async def deploy_again(
        self,
        deployment_id: DeploymentId,
        request: Callable[[Actor, DeploymentId], Awaitable[Deployment]],
        *,
        is_rollback: bool = False,
    ) -> bool:
        """Deploy the release of a deployment again with *request*, and return True if it runs."""
        try:
            deployment = await request(self.owner, deployment_id)
        except PushpakaError:
            return False
        mounts = self.model.mounts[deployment_id] if is_rollback else None
        return await self._run(
            deployment, is_declared=deployment_id in self.model.declaring, rollback_mounts=mounts
        )

    async def create_project(self, name: str) -> None:
        """Create a project with two volumes, and remember its id under *name*."""
        project = await self.kept.platform.project(name, rollback_window=0)
        self.projects[name] = project.id
        for one in self.random.sample(VOLUMES, 2):
            new = NewVolume(
                project_id=project.id,
                name=one.name,
                mount_path=one.path,
                access=one.access,
                preview=one.preview,
            )
            self.model.adopt(await self.services.volumes.create(self.owner, new), [one])

    async def active(self, place: Place) -> DeploymentId | None:
        """Return the active deployment of a target, or None if there is none or it is stopped."""
        targets = await self._targets()
        found = (one for one in targets if (one.project_id, one.name) == place)
        target = next(found, None)
        return None if target is None or target.stopped_at else target.deployment_id

    async def active_previews(self) -> Sequence[DeploymentId]:
        """Return the active deployments of all previews."""
        projects = self.projects.values()
        return [
            one.deployment_id
            for one in await self._targets()
            if one.name != PRODUCTION and one.project_id in projects
        ]

    def note_starts(self) -> None:
        """Update the model with the files that started programs have written."""
        for request in self.kept.runtime.started:
            self.model.note_start(request)
        self.kept.runtime.started.clear()

    @property
    def services(self) -> Application:
        """The services of the running platform."""
        return self.kept.platform.application

    @property
    def owner(self) -> Actor:
        """The owner of all projects."""
        return self.kept.platform.owner

    async def _targets(self) -> Sequence[Target]:
        async with self.kept.platform.storage.snapshot() as uow:
            return await uow.targets.all()

    async def _run(
        self,
        deployment: Deployment,
        *,
        is_declared: bool,
        is_broken: bool = False,
        rollback_mounts: Mapping[str, VolumeId] | None = None,
    ) -> bool:
        place = deployment.project_id, deployment.target
        if is_declared:
            self.model.declaring.add(deployment.id)
        if rollback_mounts is None:
            planned = self.model.plan(place, is_declared=is_declared)
            refusal = self.model.refusal(place, planned)
        else:
            planned, refusal = [], self.model.rollback_refusal(place, rollback_mounts)
        running = {**self.kept.runtime.running}
        self.kept.runtime.early_exit = "exited with code 3" if is_broken else None
        try:
            await self.kept.run_queue()
        except* KilledError:
            # The next process repeats or finishes the deployment.
            await self.kept.restart()
            await self.kept.supervise()
            await self.kept.run_queue()
        self.kept.runtime.early_exit = None
        self.kept.platform.failpoints.errors.clear()
        await self._note_volumes(planned)
        mounts = rollback_mounts
        if mounts is None:
            attached = self.model.attached(place)
            mounts = {one.path: attached[one.name] for one in planned if one.name in attached}
        self.model.mounts[deployment.id] = mounts
        self.note_starts()
        await self.kept.supervise()

        ended, artifact = await self._stored(deployment.id)
        is_running = ended.status is DeploymentStatus.RUNNING
        # Programs of one release share its links, so they cannot have different volumes.
        has_rival = any(
            request.artifact == artifact
            and {one.path: one.volume_id for one in request.settings.volumes} != mounts
            for request in running.values()
        )
        assert is_running or refusal or is_broken or has_rival, ended.error
        assert not (is_running and (refusal or is_broken)), f"{refusal} It runs anyway."
        return is_running

    async def _stored(self, deployment_id: DeploymentId) -> tuple[Deployment, str | None]:
        """Return a deployment, and the artifact of its release."""
        async with self.kept.platform.storage.snapshot() as uow:
            deployment = await uow.deployments.visible_to(PLATFORM).get(deployment_id)
            artifacts = {one.id: one.artifact for one in await uow.releases.all()}
        return deployment, artifacts.get(deployment.release_id) if deployment.release_id else None

    async def _note_volumes(self, planned: Sequence[Settings]) -> None:
        """Update the model with volumes that a deployment has created or that now have files."""
        for row in await self.kept.volumes():
            if row.id not in self.model.volumes:
                self.model.adopt(row, planned)
            self.model.note_created(row)

    async def _note_ended_previews(self, newest: Place) -> None:
        """Update the model with volumes that lost their preview to the preview limit."""
        detached = [row.id for row in await self.kept.volumes() if not row.is_attached]
        project_id, target = newest
        for volume_id in detached:
            volume = self.model.volumes[volume_id]
            is_other = volume.place[0] == project_id and volume.place[1] not in {PRODUCTION, target}
            if is_other:
                self.model.detach([volume_id], at=self.kept.clock.now)
