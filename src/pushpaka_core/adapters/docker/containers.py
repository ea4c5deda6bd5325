"""Creates containers, measures them, and explains their exits."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from signal import Signals
from typing import Any

from attrs import field, frozen
from docker.types import EndpointConfig, LogConfig

from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.instances.instances import APP_USER_NAME, WEB_PROCESS_TYPE
from pushpaka_core.errors import StartError
from pushpaka_core.images.dockerfiles import site_command, working_directory
from pushpaka_core.ports.processes import Exit
from pushpaka_core.ports.runtime import StartRequest

CUSTOM_IMAGE_CAPABILITIES = (
    *("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "NET_BIND_SERVICE", "KILL"),
)
"""Capabilities that hand-written images may need, for example to change to another user."""
_NANO = 10**9
_API_VERSION = "1.41"
"""A version of the engine's API in which endpoints have all settings that are used here."""
_MIN_FILE_BYTES = 4096
"""The minimum size that is counted for a file. Even an empty file takes an inode."""
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
"""
Matches the name of a volume that the engine has created for a VOLUME instruction of the image.
"""

_SIGNAL_OFFSET = 128


@frozen(kw_only=True)
class ContainerLimits:
    """The operator's upper limits for each container."""

    memory_bytes: int = 2 * 2**30
    cpus: float = 2.0
    processes: int = 256
    tmp_bytes: int = 256 * 2**20
    disk_bytes: int = 10 * 2**30

    def memory_of(self, settings: RunSettings) -> int:
        """Return an instance's memory limit in bytes, at most the operator's limit."""
        asked = settings.memory_limit
        return min(asked * 2**20 if asked else self.memory_bytes, self.memory_bytes)

    def nano_cpus_of(self, settings: RunSettings) -> int:
        """Return an instance's CPU limit in billionths of a core, at most the operator's limit."""
        return round(min(settings.cpu_limit or self.cpus, self.cpus) * _NANO)


@frozen(kw_only=True)
class ContainerProfile:
    """Translates a start request into arguments of the docker SDK."""

    labels: Labels
    limits: ContainerLimits = field(factory=ContainerLimits)

    def create_arguments(self, request: StartRequest) -> dict[str, Any]:
        """
        Return the arguments of `containers.create` for an instance.

        Raises:
            StartError: If the plan has no command for the instance's process type.
        """
        instance, number = request.instance, request.project.number
        is_own = request.plan.has_own_image
        return {
            "image": request.artifact,
            "command": command_of(request),
            "name": self.labels.container(instance.name),
            "labels": self.labels.instance_labels(instance, number),
            "environment": {**default_env_of(request), **request.env, **listen_env_of(request)},
            "working_dir": working_directory_of(request),
            "init": True,
            "detach": True,
            "network": self.labels.network(number),
            "networking_config": self._networking_config(request),
            "ports": self._ports(request),
            "cap_drop": ["ALL"],
            "cap_add": list(CUSTOM_IMAGE_CAPABILITIES) if is_own else [],
            "security_opt": ["no-new-privileges:true"],
            "read_only": not is_own,
            "tmpfs": {"/tmp": f"size={self.limits.tmp_bytes},mode=1777"},  # noqa: S108 - a container's
            "restart_policy": {"Name": "no"},
            "log_config": LogConfig(
                type=LogConfig.types.JSON, config={"max-size": "10m", "max-file": "3"}
            ),
            **self._limits(request),
        }

    def _networking_config(self, request: StartRequest) -> Mapping[str, EndpointConfig] | None:
        """Return the endpoint in the project's network, or None if it needs no host name."""
        if request.network_alias is None:
            return None
        network = self.labels.network(request.project.number)
        return {network: EndpointConfig(_API_VERSION, aliases=[request.network_alias])}

    def _ports(self, request: StartRequest) -> Mapping[str, tuple[str, int]]:
        instance = request.instance
        if instance.port is None:
            return {}
        return {f"{request.settings.port}/tcp": (instance.host, instance.port)}

    def _limits(self, request: StartRequest) -> dict[str, Any]:
        memory = self.limits.memory_of(request.settings)
        return {
            "mem_limit": memory,
            "memswap_limit": memory,
            "nano_cpus": self.limits.nano_cpus_of(request.settings),
            "pids_limit": self.limits.processes,
        }


def command_of(request: StartRequest) -> list[str] | None:
    """
    Return the command to run, or None to run the image's own.

    Raises:
        StartError: If the plan has no command for the process type.
    """
    plan, process_type = request.plan, request.instance.process_type
    if step := plan.processes.get(process_type):
        return ["/bin/sh", "-c", step.command]
    if process_type == WEB_PROCESS_TYPE and plan.static:
        return list(site_command())
    if process_type == WEB_PROCESS_TYPE and plan.has_own_image:
        return None
    raise StartError(
        f"The plan has no command for the process type {process_type}. Add it to the Procfile or "
        "to pushpaka.toml, and deploy again."
    )


def working_directory_of(request: StartRequest) -> str | None:
    """Return the working directory, or None for the image's own."""
    if request.plan.has_own_image:
        return None
    return working_directory(request.plan, request.instance.process_type)


def default_env_of(request: StartRequest) -> dict[str, str]:
    """Return default environment variables, which the variables of the project override."""
    if request.plan.has_own_image:
        return {}
    return {"HOME": "/tmp", "LOGNAME": APP_USER_NAME, "USER": APP_USER_NAME}  # noqa: S108 - a container's


def listen_env_of(request: StartRequest) -> dict[str, str]:
    """Return HOST and PORT, which override the project's environment variables."""
    port = {} if request.instance.port is None else {"PORT": str(request.settings.port)}
    return {"HOST": "0.0.0.0", **port}  # noqa: S104 - inside the container


def exit_from_code(code: int, *, memory_limit: int | None = None) -> Exit:
    """Return the exit status for *code*. 128 + n means signal n, as in a shell."""
    if code - _SIGNAL_OFFSET in set(Signals):
        return Exit(signal=code - _SIGNAL_OFFSET, memory_limit=memory_limit)
    return Exit(code=code, memory_limit=memory_limit)


def exceeds_disk_limit(attrs: Mapping[str, Any], limit: int) -> bool:
    """
    Return whether a container's writable layer and anonymous volumes exceed *limit* bytes.

    Blocks. Volumes of the project are measured separately.
    """
    total = 0
    for size in _sizes(attrs):
        total += size
        if total > limit:
            return True
    return False


def _sizes(attrs: Mapping[str, Any]) -> Iterator[int]:
    layer = ((attrs.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir")
    volumes = [
        mount["Source"] for mount in attrs["Mounts"] if _ANONYMOUS.fullmatch(mount.get("Name", ""))
    ]
    for directory in filter(None, (layer, *volumes)):
        for place, _, names in os.walk(directory):
            for name in names:
                with suppress(OSError):
                    yield max(Path(place, name).lstat().st_blocks * 512, _MIN_FILE_BYTES)
