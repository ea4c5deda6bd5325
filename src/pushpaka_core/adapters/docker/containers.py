"""The profile of every container: what it may, what it sees, and what it is called."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from docker.types import LogConfig

from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.domain.instances import WEB
from pushpaka_core.errors import StartError
from pushpaka_core.images.dockerfiles import site_command, working_directory
from pushpaka_core.ports.runtime import StartRequest

_OWN_CAPABILITIES = (
    *("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "NET_BIND_SERVICE", "KILL"),
)
"""What programs of images that were written by hand may need to become another user."""
_NANO = 10**9


@frozen(kw_only=True)
class Most:
    """What an operator lets each container take at most."""

    memory_bytes: int = 2 * 2**30
    cpus: float = 2.0
    processes: int = 256
    tmp_bytes: int = 256 * 2**20
    disk_bytes: int = 10 * 2**30


@frozen(kw_only=True)
class Profile:
    """Turns what is asked for into what the engine is told."""

    marks: Marks
    most: Most = field(factory=Most)

    def of(self, request: StartRequest) -> dict[str, Any]:
        """
        Return how the container of an instance is made.

        Raises:
            StartError: If the plan has no command for it.
        """
        instance, number = request.instance, request.project.number
        is_own = request.plan.dockerfile is not None
        return {
            "image": request.artifact,
            "command": _command(request.plan, instance.process_type),
            "name": self.marks.container(instance.name),
            "labels": self.marks.of_instance(instance, number),
            "environment": _env(request),
            "working_dir": None
            if is_own
            else working_directory(request.plan, instance.process_type),
            "init": True,
            "detach": True,
            "network": self.marks.network(number),
            "ports": self._ports(request),
            "cap_drop": ["ALL"],
            "cap_add": list(_OWN_CAPABILITIES) if is_own else [],
            "security_opt": ["no-new-privileges:true"],
            "read_only": not is_own,
            "tmpfs": {"/tmp": f"size={self.most.tmp_bytes},mode=1777"},  # noqa: S108 - a container's
            "restart_policy": {"Name": "no"},
            "log_config": LogConfig(
                type=LogConfig.types.JSON, config={"max-size": "10m", "max-file": "3"}
            ),
            **self._limits(request),
        }

    def _ports(self, request: StartRequest) -> Mapping[str, tuple[str, int]]:
        instance = request.instance
        if instance.port is None:
            return {}
        return {f"{request.settings.port}/tcp": (instance.host, instance.port)}

    def _limits(self, request: StartRequest) -> dict[str, Any]:
        asked = request.settings.memory_limit
        memory = min(asked * 2**20 if asked else self.most.memory_bytes, self.most.memory_bytes)
        cpus = min(request.settings.cpu_limit or self.most.cpus, self.most.cpus)
        return {
            "mem_limit": memory,
            "memswap_limit": memory,
            "nano_cpus": round(cpus * _NANO),
            "pids_limit": self.most.processes,
        }


def _command(plan: BuildPlan, process_type: str) -> list[str] | None:
    """Return the command in place of the image's own, or None to run that."""
    if step := plan.processes.get(process_type):
        return ["/bin/sh", "-c", step.command]
    if process_type == WEB and plan.static:
        return list(site_command())
    if process_type == WEB and plan.dockerfile:
        return None
    raise StartError(f"The plan has no command for the process type {process_type}.")


def _env(request: StartRequest) -> dict[str, str]:
    home = {} if request.plan.dockerfile else {"HOME": "/tmp"}  # noqa: S108 - a container's
    port = {} if request.instance.port is None else {"PORT": str(request.settings.port)}
    return {**home, **request.env, "HOST": "0.0.0.0", **port}  # noqa: S104 - inside the container
