"""The profile of every container: what it may, what it sees, and what it is called."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from docker.types import LogConfig

from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.domain.instances import WEB
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.errors import StartError
from pushpaka_core.images.dockerfiles import site_command, working_directory
from pushpaka_core.ports.runtime import StartRequest

OWN_CAPABILITIES = (
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

    def memory_of(self, settings: RunSettings) -> int:
        """Return the bytes of memory that a container gets with *settings*."""
        asked = settings.memory_limit
        return min(asked * 2**20 if asked else self.memory_bytes, self.memory_bytes)

    def nano_cpus_of(self, settings: RunSettings) -> int:
        """Return the billionths of a core that it gets."""
        return round(min(settings.cpu_limit or self.cpus, self.cpus) * _NANO)


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
            "command": command_of(request),
            "name": self.marks.container(instance.name),
            "labels": self.marks.of_instance(instance, number),
            "environment": {**own_env_of(request), **request.env, **place_env_of(request)},
            "working_dir": directory_of(request),
            "init": True,
            "detach": True,
            "network": self.marks.network(number),
            "ports": self._ports(request),
            "cap_drop": ["ALL"],
            "cap_add": list(OWN_CAPABILITIES) if is_own else [],
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
        memory = self.most.memory_of(request.settings)
        return {
            "mem_limit": memory,
            "memswap_limit": memory,
            "nano_cpus": self.most.nano_cpus_of(request.settings),
            "pids_limit": self.most.processes,
        }


def command_of(request: StartRequest) -> list[str] | None:
    """
    Return the command in place of the image's own, or None to run that.

    Raises:
        StartError: If the plan has none for the process type.
    """
    plan, process_type = request.plan, request.instance.process_type
    if step := plan.processes.get(process_type):
        return ["/bin/sh", "-c", step.command]
    if process_type == WEB and plan.static:
        return list(site_command())
    if process_type == WEB and plan.dockerfile:
        return None
    raise StartError(f"The plan has no command for the process type {process_type}.")


def directory_of(request: StartRequest) -> str | None:
    """Return the working directory; None is the image's own."""
    if request.plan.dockerfile is not None:
        return None
    return working_directory(request.plan, request.instance.process_type)


def own_env_of(request: StartRequest) -> dict[str, str]:
    """Return what programs see unless their env vars say otherwise."""
    return {} if request.plan.dockerfile else {"HOME": "/tmp"}  # noqa: S108 - a container's


def place_env_of(request: StartRequest) -> dict[str, str]:
    """Return where programs have to listen, whatever their env vars say."""
    port = {} if request.instance.port is None else {"PORT": str(request.settings.port)}
    return {"HOST": "0.0.0.0", **port}  # noqa: S104 - inside the container
