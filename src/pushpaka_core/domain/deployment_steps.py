"""The steps of a deployment, and the statuses between them, as two tables."""

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen


class DeploymentStatus(StrEnum):
    """What a deployment is, in one word."""

    QUEUED = "queued"
    BUILDING = "building"
    DEPLOYING = "deploying"
    RUNNING = "running"
    CRASHED = "crashed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"


class Phase(StrEnum):
    """What is being done for a deployment right now."""

    SOURCE = "source"
    BUILD = "build"
    RELEASE = "release"
    START = "start"
    SWITCH = "switch"
    RUN = "run"


_S = DeploymentStatus


@frozen(kw_only=True)
class Step:
    """One step of the way: the status in which it is done, and what bounds it."""

    status: DeploymentStatus
    deadline: str | None = None
    """The name of its time-out in `Timings`; None where another rule ends it."""


STEPS: Mapping[Phase, Step] = {
    Phase.SOURCE: Step(status=_S.BUILDING, deadline="source"),
    Phase.BUILD: Step(status=_S.BUILDING, deadline="build"),
    Phase.RELEASE: Step(status=_S.DEPLOYING, deadline="release"),
    Phase.START: Step(status=_S.DEPLOYING),
    Phase.SWITCH: Step(status=_S.DEPLOYING),
    Phase.RUN: Step(status=_S.RUNNING),
}
"""
The steps in their order; a phase is also the name of its failpoint.

`start` is bounded by the project's health check time-out. `switch` is retried
until it is done, and `run` has no end of its own.
"""

TRANSITIONS: Mapping[DeploymentStatus, frozenset[DeploymentStatus]] = {
    _S.QUEUED: frozenset({_S.BUILDING, _S.DEPLOYING, _S.FAILED, _S.CANCELLED, _S.SUPERSEDED}),
    _S.BUILDING: frozenset({_S.QUEUED, _S.DEPLOYING, _S.FAILED, _S.CANCELLED, _S.SUPERSEDED}),
    _S.DEPLOYING: frozenset({_S.QUEUED, _S.RUNNING, _S.FAILED, _S.CANCELLED, _S.SUPERSEDED}),
    _S.RUNNING: frozenset({_S.CRASHED, _S.STOPPED}),
    _S.CRASHED: frozenset({_S.RUNNING, _S.STOPPED}),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.SUPERSEDED: frozenset(),
    _S.STOPPED: frozenset(),
}

IN_WORK = frozenset({_S.BUILDING, _S.DEPLOYING})

UNDER_WAY = IN_WORK | {_S.QUEUED}
"""What neither serves nor is over yet."""

FINAL = frozenset(status for status, steps in TRANSITIONS.items() if not steps)

ENDED_UNSERVED = FINAL - {_S.STOPPED}

SERVING = frozenset({_S.RUNNING, _S.CRASHED})
