"""The state machine of a deployment: its phases, statuses and transitions, as two tables."""

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen


class DeploymentStatus(StrEnum):
    """The status of a deployment."""

    QUEUED = "queued"
    """The deployment is waiting for a worker."""
    BUILDING = "building"
    """The deployment's source is being fetched and built."""
    DEPLOYING = "deploying"
    """The deployment's instances are being started, and traffic is being switched to them."""
    RUNNING = "running"
    """The deployment is live."""
    CRASHED = "crashed"
    """The deployment was live, but keeps crashing. It is restarted with increasing delays."""
    FAILED = "failed"
    """The deployment did not go live, or was rolled back automatically."""
    CANCELLED = "cancelled"
    """A user canceled the deployment before it went live."""
    SUPERSEDED = "superseded"
    """A newer deployment replaced this one before it went live."""
    STOPPED = "stopped"
    """The deployment was live, and was replaced or stopped."""


class Phase(StrEnum):
    """The current phase of a deployment in progress."""

    SOURCE = "source"
    """The commit or archive is being fetched."""
    BUILD = "build"
    """The build is being planned and run."""
    RELEASE = "release"
    """The release command is running, for example database migrations."""
    START = "start"
    """New instances are being started, and must pass their health check."""
    SWITCH = "switch"
    """Traffic is being switched to the new instances."""
    RUN = "run"
    """The deployment is live."""


_S = DeploymentStatus


@frozen(kw_only=True)
class PhaseRule:
    """A phase of the state machine, with its timeout and the status of deployments in it."""

    status: DeploymentStatus
    timeout: str | None = None
    """The name of the timeout in `Timeouts`, or None if the phase has no timeout of its own."""


PHASES: Mapping[Phase, PhaseRule] = {
    Phase.SOURCE: PhaseRule(status=_S.BUILDING, timeout="source"),
    Phase.BUILD: PhaseRule(status=_S.BUILDING, timeout="build"),
    Phase.RELEASE: PhaseRule(status=_S.DEPLOYING, timeout="release"),
    Phase.START: PhaseRule(status=_S.DEPLOYING),
    Phase.SWITCH: PhaseRule(status=_S.DEPLOYING),
    Phase.RUN: PhaseRule(status=_S.RUNNING),
}
"""
The phases in order. The name of a phase is also the name of its failpoint.

`start` is limited by the project's health check timeout, `switch` is retried until it succeeds, and
`run` has no time limit.
"""

TRANSITIONS: Mapping[DeploymentStatus, frozenset[DeploymentStatus]] = {
    _S.QUEUED: frozenset({_S.BUILDING, _S.DEPLOYING, _S.FAILED, _S.CANCELLED, _S.SUPERSEDED}),
    _S.BUILDING: frozenset({_S.QUEUED, _S.DEPLOYING, _S.FAILED, _S.CANCELLED, _S.SUPERSEDED}),
    _S.DEPLOYING: frozenset({_S.QUEUED, _S.RUNNING, _S.FAILED, _S.CANCELLED, _S.SUPERSEDED}),
    _S.RUNNING: frozenset({_S.CRASHED, _S.FAILED, _S.STOPPED}),
    _S.CRASHED: frozenset({_S.RUNNING, _S.FAILED, _S.STOPPED}),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.SUPERSEDED: frozenset(),
    _S.STOPPED: frozenset(),
}
"""The statuses that each status can change to."""

IN_PROGRESS = frozenset({_S.BUILDING, _S.DEPLOYING})
"""The statuses of deployments that a worker is processing."""

QUEUED_OR_IN_PROGRESS = IN_PROGRESS | {_S.QUEUED}
"""The statuses of deployments that are queued or in progress."""

FINAL = frozenset(status for status, steps in TRANSITIONS.items() if not steps)
"""The statuses that never change again."""

ENDED_WITHOUT_SERVING = FINAL - {_S.STOPPED}
"""The final statuses of deployments that never went live, or were rolled back."""

SERVING = frozenset({_S.RUNNING, _S.CRASHED})
"""The statuses of deployments that receive requests."""
