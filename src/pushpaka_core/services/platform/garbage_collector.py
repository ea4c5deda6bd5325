"""Garbage collection: deleted projects, orphaned instances, old releases, logs and volumes."""

from attrs import frozen

from pushpaka_core.services.concurrency import run_all
from pushpaka_core.services.deployments.previews import IdlePreviewRemoval
from pushpaka_core.services.deployments.release_retention import ReleaseRetention
from pushpaka_core.services.platform.data_retention import DataRetention
from pushpaka_core.services.platform.orphan_removal import OrphanRemoval
from pushpaka_core.services.platform.project_deletion import ProjectDeletion
from pushpaka_core.services.volumes.purge import VolumePurger


@frozen(kw_only=True)
class GarbageCollector:
    """Removes everything that the database no longer references, or that is too old."""

    projects: ProjectDeletion
    releases: ReleaseRetention
    orphans: OrphanRemoval
    data: DataRetention
    previews: IdlePreviewRemoval
    volumes: VolumePurger

    async def collect(self) -> None:
        """
        Run every step once. A step that fails does not prevent the others.

        Raises:
            PushpakaError: The first error, after all steps have ended.
        """
        await run_all(
            [
                self.projects.delete_projects,
                self.releases.remove_old_releases,
                self.orphans.remove_orphaned_rows,
                self.orphans.stop_unknown_instances,
                self.orphans.remove_runtime_leftovers,
                self.orphans.remove_orphaned_workspaces,
                self.orphans.remove_orphaned_artifacts,
                self.data.remove_old_logs,
                self.data.trim_timelines,
                self.data.remove_old_deliveries,
                self.data.remove_expired_invitations,
                self.previews.end_idle_previews,
                self.data.remove_unused_archives,
                self.data.remove_unused_environments,
                self.volumes.purge_due,
            ]
        )
