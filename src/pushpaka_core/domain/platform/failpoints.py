"""Failpoints: the steps at which tests can inject faults."""

from enum import StrEnum

from attrs import frozen

from pushpaka_core.domain.deployments.state_machine import Phase

ACCEPTED, REPLYING = "accepted", "replying"
REQUEST_FAILPOINTS = (ACCEPTED, REPLYING)
"""
The failpoints of an API request that creates a deployment.

`accepted` is reached between the commit and the queue hint, and `replying` between the hint and the
response.
"""
CLAIM, PROBE, COMMIT, SWITCHED = "claim", "probe", "commit", "switched"
DEPLOYMENT_FAILPOINTS = (
    CLAIM,
    *(Phase.SOURCE, Phase.BUILD, Phase.RELEASE, Phase.START),
    PROBE,
    Phase.SWITCH,
    COMMIT,
    SWITCHED,
)
"""
The failpoints of a deployment, in the order in which they are reached.

A failpoint with the name of a phase is reached at the start of the phase, `probe` before the first
health check of a started instance, `commit` right after the commit point, and `switched` once
requests are routed to the deployment.
"""

BROKEN, ROLLED_BACK = "broken", "rolled_back"
ROLLBACK_FAILPOINTS = (BROKEN, ROLLED_BACK)
"""
The failpoints of an automatic rollback.

`broken` is reached when a release is found to be broken, before the decision to roll back.
`rolled_back` is reached after the decision, before the routes change.
"""

HELD, VACATED = "held", "vacated"
TAKEOVER_FAILPOINTS = (HELD, VACATED)
"""
The failpoints of a takeover by a release that is the only writer of a volume.

`held` is reached once the router holds requests, and `vacated` once the running instances have
stopped.
"""

SNAPSHOT_CLAIMED, SNAPSHOT_WRITTEN, SNAPSHOT_CHECKED = (
    "snapshot_claimed",
    "snapshot_written",
    "snapshot_checked",
)
SNAPSHOT_FAILPOINTS = (SNAPSHOT_CLAIMED, SNAPSHOT_WRITTEN, SNAPSHOT_CHECKED)
"""
The failpoints of a snapshot of a volume.

`snapshot_claimed` is reached once a worker has claimed the snapshot, `snapshot_written` once its
file is complete, and `snapshot_checked` after the file was read back, before the snapshot becomes
available.
"""

RESTORE_CREATED, RESTORE_WRITTEN = "restore_created", "restore_written"
RESTORE_FAILPOINTS = (RESTORE_CREATED, RESTORE_WRITTEN)
"""
The failpoints of a restore of a snapshot.

`restore_created` is reached once the new volume exists, before its files are written, and
`restore_written` once all files are written, before the volume can be used.
"""


class Fault(StrEnum):
    """A kind of fault that can be injected."""

    KILL = "kill"
    """The process is killed as if by SIGKILL."""
    RAISE = "raise"
    """An unexpected exception is raised."""
    HANG = "hang"
    """The call blocks until it is canceled."""


@frozen(kw_only=True)
class InjectedFault:
    """A fault to inject whenever a deployment reaches a step."""

    step: str
    fault: Fault
