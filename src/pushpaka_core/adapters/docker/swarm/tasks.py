"""What a manager tells of services and their tasks, read as instances."""

from collections.abc import Mapping
from datetime import UTC, datetime
from signal import SIGKILL
from typing import Any, Self

from attrs import frozen

from pushpaka_core.adapters.docker.exits import exit_of
from pushpaka_core.ports.machines import Machine
from pushpaka_core.ports.processes import GONE, Exit
from pushpaka_core.ports.runtime import ObservedInstance

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMING = frozenset(
    {"new", "pending", "assigned", "accepted", "preparing", "ready", "starting"},
)
_RUNNING = "running"
_LEAVING = frozenset({"shutdown", "remove"})
_BY_ITSELF = "task: non-zero exit"
"""How the reason begins of a task whose program has begun, and has ended."""
_DOWN = "down"
_NO_MACHINE = "no suitable node"
_NO_IMAGE = "No such image"
"""How the reason begins of a task whose image its machine has not got, whyever."""


@frozen(kw_only=True)
class Task:
    """The one task of a service: a container, or what is to become one."""

    id: str
    state: str
    reason: str
    """Why it is in no better state, in the Swarm's words."""
    machine: Machine | None
    """Which has it; None before it is given to any."""
    begun_at: datetime
    is_unwanted: bool
    """Whether the Swarm has told it to end, as on a machine that is drained."""
    code: int | None
    """The exit code of its container, if it ever had one."""
    memory_limit: int | None
    """In bytes, if it has one."""

    @classmethod
    def of(cls, attrs: Mapping[str, Any], machines: Mapping[str, Machine]) -> Self:
        """Read what the manager tells of it."""
        status = attrs["Status"]
        container = status.get("ContainerStatus") or {}
        return cls(
            id=attrs["ID"],
            state=status["State"],
            reason=status.get("Err") or status.get("Message") or "",
            machine=machines.get(attrs.get("NodeID", "")),
            begun_at=datetime.fromisoformat(status["Timestamp"]),
            is_unwanted=attrs["DesiredState"] in _LEAVING,
            code=container.get("ExitCode", 0) if container.get("ContainerID") else None,
            memory_limit=attrs["Spec"].get("Resources", {}).get("Limits", {}).get("MemoryBytes"),
        )

    @property
    def is_coming(self) -> bool:
        """Tell whether its container does not run yet."""
        is_given_up = self.is_unwanted and self.machine is None
        return self.state in _COMING and not (self.is_lost or is_given_up)

    @property
    def is_homeless(self) -> bool:
        """Tell whether no machine is good for it."""
        return self.machine is None and self.reason.startswith(_NO_MACHINE)

    @property
    def is_over(self) -> bool:
        """Tell whether it runs no more, and never will again."""
        return self.is_lost or not (self.is_coming or self.state == _RUNNING)

    @property
    def is_lost(self) -> bool:
        """Tell whether its machine is down: nobody knows what has become of it there."""
        return self.machine is not None and self.machine.state == _DOWN

    @property
    def is_refused(self) -> bool:
        """Tell whether its program never began."""
        failed = self.state in {"failed", "rejected"}
        return failed and not self.is_lost and not self.reason.startswith(_BY_ITSELF)

    @property
    def refusal(self) -> str:
        """Say why its program never began, and what to look at."""
        sentence = f"The Swarm could not start it: {self.reason}."
        if self.machine is None or not self.reason.startswith(_NO_IMAGE):
            return sentence
        return f"{sentence} See whether the registry answers on the machine {self.machine.name}."

    @property
    def exit(self) -> Exit:
        """Return how its program ended."""
        return Exit() if self.code is None else exit_of(self.code)

    def observed(self, name: str) -> ObservedInstance:
        """Return it as the instance of that name."""
        return ObservedInstance(
            name=name,
            started_at=self.begun_at if self.state == _RUNNING else _EPOCH,
            exit=self._ending if self.is_over or self.is_unwanted else None,
            host=self.machine.address if self.machine else None,
        )

    @property
    def _ending(self) -> str:
        if self.is_lost and self.machine:
            return f"was on the machine {self.machine.name}, which is down"
        if self.is_refused:
            return f"could not be started: {self.reason}"
        if not self.is_over and self.machine:
            return f"has to leave the machine {self.machine.name}"
        return f"{self.exit.words}{self._guess}"

    @property
    def _guess(self) -> str:
        """Say what a kill may have been for: no Swarm tells of memory."""
        if self.exit.signal != SIGKILL or not self.memory_limit:
            return ""
        return f", as is what uses more memory than its limit of {self.memory_limit >> 20} MiB"


@frozen(kw_only=True)
class Seen:
    """The service of an instance, or a secret of it that is left, with the task."""

    name: str
    labels: Mapping[str, str]
    made_at: datetime
    is_banished: bool
    """Whether one that has no task will never have any."""
    task: Task | None

    @property
    def is_alive(self) -> bool:
        """Tell whether it runs, or will."""
        return not (self.is_banished if self.task is None else self.task.is_over)

    @property
    def observed(self) -> ObservedInstance:
        """Return it as an instance."""
        if self.task is not None:
            return self.task.observed(self.name)
        return ObservedInstance(
            name=self.name, started_at=_EPOCH, exit=None if self.is_alive else GONE
        )
