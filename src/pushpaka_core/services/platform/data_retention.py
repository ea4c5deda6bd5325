"""Removes logs, archives and other stored data after their retention time."""

from datetime import timedelta
from functools import partial

from attrs import frozen

from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.concurrency import run_all
from pushpaka_core.services.logs.log_retention import remove_lines
from pushpaka_core.services.projects.archive_store import MAX_UPLOAD_TIME, ArchiveStore

MAX_TIMELINE_EVENTS = 1000
"""The maximum number of timeline events per deployment that is still running."""
_BATCH_SIZE = 100
"""The maximum number of deployments per run whose logs and timelines are removed."""
_DELIVERIES_KEPT = timedelta(days=90)
"""
How long digests of deliveries are kept. Git providers resend deliveries for up to a month, and an
attacker may replay a recorded delivery even later.
"""
_ARCHIVES_KEPT = timedelta(days=1)


@frozen(kw_only=True)
class DataRetention:
    """Removes stored data that is older than its retention time, or no longer needed."""

    _storage: Storage
    _archives: ArchiveStore
    _now: Clock
    _log_retention: timedelta
    """How long logs and timelines are kept after a deployment has ended."""

    async def remove_old_logs(self) -> None:
        """
        Remove the logs and timelines of deployments that ended long ago. The deployments themselves
        stay.
        """
        async with self._storage.snapshot() as uow:
            old = await uow.timeline_events.list_expired(
                self._now() - self._log_retention, limit=_BATCH_SIZE
            )
        for deployment_id in old:
            await remove_lines(self._storage, deployment_id)
            async with self._storage.transaction() as uow:
                await uow.timeline_events.remove(deployment_id)

    async def trim_timelines(self) -> None:
        """Remove the oldest timeline events of running deployments that have too many."""
        async with self._storage.snapshot() as uow:
            overlong = await uow.timeline_events.list_with_too_many_events(MAX_TIMELINE_EVENTS)
        for deployment_id in overlong:
            async with self._storage.transaction() as uow:
                await uow.timeline_events.remove(deployment_id, keep_newest=MAX_TIMELINE_EVENTS)

    async def remove_old_deliveries(self) -> None:
        """Remove the digests of old webhook deliveries, which detect duplicates."""
        async with self._storage.transaction() as uow:
            await uow.webhooks.remove_deliveries(self._now() - _DELIVERIES_KEPT)

    async def remove_expired_invitations(self) -> None:
        """Remove expired invitations."""
        async with self._storage.transaction() as uow:
            await uow.invitations.remove_expired(self._now())

    async def remove_unused_archives(self) -> None:
        """Remove archives unused for a day, interrupted uploads and orphaned files."""
        async with self._storage.snapshot() as uow:
            now = self._now()
            unneeded = await uow.archives.list_removable(
                now - _ARCHIVES_KEPT, incomplete_before=now - MAX_UPLOAD_TIME
            )
        await run_all(partial(self._archives.remove_unless_needed, archive) for archive in unneeded)
        await self._archives.remove_orphaned_files()

    async def remove_unused_environments(self) -> None:
        """Remove the frozen environment variables of deployments that cannot be served again."""
        async with self._storage.transaction() as uow:
            await uow.env_vars.remove_unused_environments()
