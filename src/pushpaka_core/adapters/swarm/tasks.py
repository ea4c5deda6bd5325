"""Services and tasks of a Swarm, translated to instances."""

from collections.abc import Mapping
from datetime import UTC, datetime
from signal import SIGKILL
from typing import Any, Self

from attrs import frozen

from pushpaka_core.adapters.docker.containers import exit_from_code
from pushpaka_core.errors import PlatformFaultError, StartError
from pushpaka_core.ports.processes import EXIT_UNKNOWN, Exit
from pushpaka_core.ports.runtime import ClusterNode, ObservedInstance

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STARTING_STATES = frozenset(
    {"new", "pending", "assigned", "accepted", "preparing", "ready", "starting"},
)
_RUNNING = "running"
_SHUTDOWN_STATES = frozenset({"shutdown", "remove"})
_EXITED_MESSAGE = "task: non-zero exit"
"""Prefix of the message of a task whose program has started and then exited."""
_DOWN = "down"
_NO_NODE_MESSAGE = "no suitable node"
_NO_NETWORK_MESSAGE = "network sandbox join failed"
"""
Prefix of the message of a task whose node could not connect it to its network. An engine that was
restarted sometimes cannot do this at first.
"""
_NO_IMAGE_MESSAGE = "No such image"
"""Prefix of the message of a task whose node could not pull the image, for any reason."""


@frozen(kw_only=True)
class Task:
    """The task of a service, which may not have a container yet."""

    id: str
    state: str
    message: str
    """The Swarm's message about the state."""
    node: ClusterNode | None
    """The node that runs the task, or None before the task is assigned."""
    state_changed_at: datetime
    is_shutting_down: bool
    """Whether the Swarm is shutting the task down, for example to drain the node."""
    exit_code: int | None
    """The exit code of the task's container, or None if there was never one."""
    memory_limit: int | None
    """Memory limit in bytes, or None."""

    @classmethod
    def parse(cls, attrs: Mapping[str, Any], nodes: Mapping[str, ClusterNode]) -> Self:
        """Parse a task of the engine's API."""
        status = attrs["Status"]
        container = status.get("ContainerStatus") or {}
        return cls(
            id=attrs["ID"],
            state=status["State"],
            message=status.get("Err") or status.get("Message") or "",
            node=nodes.get(attrs.get("NodeID", "")),
            state_changed_at=datetime.fromisoformat(status["Timestamp"]),
            is_shutting_down=attrs["DesiredState"] in _SHUTDOWN_STATES,
            exit_code=container.get("ExitCode", 0) if container.get("ContainerID") else None,
            memory_limit=attrs["Spec"].get("Resources", {}).get("Limits", {}).get("MemoryBytes"),
        )

    @property
    def is_starting(self) -> bool:
        """Return whether the task's container has yet to start."""
        is_given_up = self.is_shutting_down and self.node is None
        return self.state in _STARTING_STATES and not (self.is_lost or is_given_up)

    @property
    def is_unplaceable(self) -> bool:
        """Return whether no node is suitable."""
        return self.node is None and self.message.startswith(_NO_NODE_MESSAGE)

    @property
    def is_over(self) -> bool:
        """Return whether the task no longer runs."""
        return self.is_lost or not (self.is_starting or self.state == _RUNNING)

    @property
    def is_lost(self) -> bool:
        """Return whether the task's node is down, so that the task's actual state is unknown."""
        return self.node is not None and self.node.state == _DOWN

    @property
    def failed_to_start(self) -> bool:
        """Return whether the task's program never started."""
        failed = self.state in {"failed", "rejected"}
        return failed and not self.is_lost and not self.message.startswith(_EXITED_MESSAGE)

    @property
    def start_failure(self) -> StartError | PlatformFaultError:
        """Return an error that explains why the task's program never started."""
        sentence = f"The Swarm could not start the instance: {self.message}."
        node = "its node" if self.node is None else f"the node {self.node.name}"
        if self.message.startswith(_NO_NETWORK_MESSAGE):
            return PlatformFaultError(f"{sentence} If this persists, restart Docker on {node}.")
        if self.message.startswith(_NO_IMAGE_MESSAGE):
            sentence += f" Check that {node} can reach the registry."
        return StartError(sentence)

    @property
    def exit(self) -> Exit:
        """Return the exit status of the task's program."""
        return Exit() if self.exit_code is None else exit_from_code(self.exit_code)

    def as_observed(self, name: str) -> ObservedInstance:
        """Return the task as the observed instance *name*."""
        return ObservedInstance(
            name=name,
            started_at=self.state_changed_at if self.state == _RUNNING else _EPOCH,
            exit=self._exit_message if self.is_over or self.is_shutting_down else None,
            host=self.node.address if self.node else None,
        )

    @property
    def _exit_message(self) -> str:
        if self.is_lost and self.node:
            return f"ran on the node {self.node.name}, which is down"
        if self.failed_to_start:
            return f"could not be started: {self.message}"
        if not self.is_over and self.node:
            return f"must leave the node {self.node.name}"
        return f"{self.exit.description}{self._memory_hint}"

    @property
    def _memory_hint(self) -> str:
        """
        Return a hint that a lack of memory may be the reason for a kill. Swarm does not report the
        reason.
        """
        if self.exit.signal != SIGKILL or not self.memory_limit:
            return ""
        return f", possibly because it exceeded its memory limit of {self.memory_limit >> 20} MiB"


@frozen(kw_only=True)
class ObservedService:
    """An instance's service with its task, or the leftover secret of a removed service."""

    name: str
    labels: Mapping[str, str]
    created_at: datetime
    is_ended: bool
    """Whether a service without a task will never get a task."""
    task: Task | None

    @property
    def is_alive(self) -> bool:
        """Return whether the service's task runs or will run."""
        return not (self.is_ended if self.task is None else self.task.is_over)

    @property
    def as_observed(self) -> ObservedInstance:
        """Return the service as an observed instance."""
        if self.task is not None:
            return self.task.as_observed(self.name)
        return ObservedInstance(
            name=self.name, started_at=_EPOCH, exit=None if self.is_alive else EXIT_UNKNOWN
        )
