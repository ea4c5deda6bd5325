"""
Id types of entities. Project entities such as webhooks (see `entities.EntityType`) declare their id
types in their own modules.
"""

from typing import NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
ProjectId = NewType("ProjectId", UUID)
DeploymentId = NewType("DeploymentId", UUID)
ReleaseId = NewType("ReleaseId", UUID)
InstanceId = NewType("InstanceId", UUID)
ArchiveId = NewType("ArchiveId", UUID)
AuditEntryId = NewType("AuditEntryId", UUID)
EnvVarId = NewType("EnvVarId", UUID)
TimelineEventId = NewType("TimelineEventId", UUID)
OutboxMessageId = NewType("OutboxMessageId", UUID)
ApiTokenId = NewType("ApiTokenId", UUID)
WorkerId = NewType("WorkerId", UUID)
VolumeId = NewType("VolumeId", UUID)
SnapshotId = NewType("SnapshotId", UUID)
SnapshotFileId = NewType("SnapshotFileId", UUID)
