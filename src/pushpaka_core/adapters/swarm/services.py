"""The specification of a Swarm service, hardened like a container."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from attrs import field, frozen

from pushpaka_core.adapters.docker.containers import (
    CUSTOM_IMAGE_CAPABILITIES,
    ContainerLimits,
    command_of,
    default_env_of,
    listen_env_of,
    working_directory_of,
)
from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.adapters.swarm.volume_mounts import NodeMounts
from pushpaka_core.domain.instances.instances import ONE_OFF_PROCESS_TYPE, RELEASE_PROCESS_TYPE
from pushpaka_core.errors import StartError
from pushpaka_core.ports.runtime import StartRequest

WAITER_LABEL = "pushpaka.waiter"
"""Label with the host of the process that waits for a one-off command."""
_ENV_SECRET = "pushpaka-env"  # noqa: S105 - the name of a secret, not one
_MAX_SECRET_BYTES = 500 * 1024
_SHELL = ("/bin/sh", "-c")
_NANO = 10**9


@frozen(kw_only=True)
class ServiceProfile:
    """Translates a start request into arguments of the SDK's `create_service`."""

    labels: Labels
    limits: ContainerLimits = field(factory=ContainerLimits)
    constraints: Sequence[str] = ()
    """Constraints for all services, as in `docker service create --constraint`."""
    grace: timedelta = timedelta(seconds=10)
    """Time between SIGTERM and SIGKILL."""

    def env_script_of(self, request: StartRequest) -> bytes | None:
        """
        Return the environment variables as a shell script, or None if a secret cannot be used.

        A secret needs a shell that reads it before the program starts, so it is not used for the
        image's own command.

        Raises:
            StartError: If the environment variables exceed the maximum size of a secret.
        """
        command = command_of(request)
        if command is None or tuple(command[:2]) != _SHELL:
            return None
        own = {k: v for k, v in request.env.items() if k not in listen_env_of(request)}
        text = "".join(f"export {k}={shlex.quote(v)}\n" for k, v in own.items())
        if len(data := text.encode()) >= _MAX_SECRET_BYTES:
            raise StartError(
                "On a Swarm, all environment variables together must be smaller than "
                f"{_MAX_SECRET_BYTES} bytes. Remove or shorten some."
            )
        return data or None

    def labels_of(self, request: StartRequest, *, waiter: str | None) -> dict[str, str]:
        """
        Return the labels of an instance, including the host of the process that waits for it, if
        any.
        """
        labels = self.labels.instance_labels(request.instance, request.project.number)
        return {**labels, WAITER_LABEL: waiter} if waiter else labels

    def create_arguments(
        self,
        request: StartRequest,
        *,
        secret_id: str | None,
        waiter: str | None,
        avoided_nodes: Sequence[str] = (),
        mounts: NodeMounts | None = None,
    ) -> Mapping[str, Any]:
        """
        Return the arguments of `create_service`.

        Args:
            request: The instance to run.
            secret_id: Id of the secret with the environment variables of the instance, or None.
            waiter: Host of the process that waits for the end, or None.
            avoided_nodes: Ids of nodes that must not run the instance.
            mounts: The volumes of the instance and their node, or None.
        """
        instance, number = request.instance, request.project.number
        labels = self.labels_of(request, waiter=waiter)
        return {
            "name": self.labels.service(instance.name),
            "labels": labels,
            "mode": {"Replicated": {"Replicas": 1}},
            "endpoint_spec": {"Mode": "dnsrr", "Ports": self._ports(request)},
            "task_template": {
                "ContainerSpec": {
                    **self._container(request, secret_id),
                    "Mounts": [self._tmp_mount, *(mounts.mounts if mounts else ())],
                    "Image": self.labels.image_of(request.artifact),
                    "Labels": labels,
                },
                "Resources": {
                    "Limits": {
                        "MemoryBytes": self.limits.memory_of(request.settings),
                        "NanoCPUs": self.limits.nano_cpus_of(request.settings),
                        "Pids": self.limits.processes,
                    }
                },
                "RestartPolicy": {"Condition": "none"},
                "Placement": {
                    "Constraints": [
                        *self.constraints,
                        *(f"node.id!={id_}" for id_ in avoided_nodes),
                        *([f"node.id=={mounts.node_id}"] if mounts else ()),
                    ]
                },
                "Networks": [
                    {
                        "Target": self.labels.network(number),
                        "Aliases": [request.network_alias] if request.network_alias else [],
                    }
                ],
                "LogDriver": {
                    "Name": "json-file",
                    "Options": {"max-size": "10m", "max-file": "3"},
                },
            },
        }

    def _container(self, request: StartRequest, secret_id: str | None) -> dict[str, Any]:
        is_own = request.plan.has_own_image
        command = command_of(request)
        env = {**default_env_of(request), **request.env, **listen_env_of(request)}
        if command is not None and secret_id is not None:
            command[-1] = f". /run/secrets/{_ENV_SECRET}; {command[-1]}"
            env = {**default_env_of(request), **listen_env_of(request)}
        is_ended_by_force = request.instance.process_type in {
            RELEASE_PROCESS_TYPE,
            ONE_OFF_PROCESS_TYPE,
        }
        return {
            "Args": command,
            "Env": [f"{name}={value}" for name, value in env.items()],
            "Dir": working_directory_of(request) or "",
            "Init": True,
            "CapabilityDrop": ["ALL"],
            "CapabilityAdd": list(CUSTOM_IMAGE_CAPABILITIES) if is_own else [],
            "Privileges": {"NoNewPrivileges": True},
            "ReadOnly": not is_own,
            "Secrets": [self._secret_mount(request, secret_id)] if secret_id else [],
            "StopGracePeriod": round(self.grace.total_seconds() * _NANO),
            "StopSignal": "SIGKILL" if is_ended_by_force else "",
        }

    @property
    def _tmp_mount(self) -> dict[str, Any]:
        return {
            "Type": "tmpfs",
            "Target": "/tmp",  # noqa: S108 - a container's
            "TmpfsOptions": {"SizeBytes": self.limits.tmp_bytes, "Mode": 0o1777},
        }

    def _secret_mount(self, request: StartRequest, secret_id: str) -> dict[str, Any]:
        return {
            "SecretID": secret_id,
            "SecretName": self.labels.service(request.instance.name),
            "File": {"Name": _ENV_SECRET, "UID": "0", "GID": "0", "Mode": 0o444},
        }

    def _ports(self, request: StartRequest) -> list[dict[str, Any]]:
        if request.instance.port is None:
            return []
        return [
            {
                "Protocol": "tcp",
                "TargetPort": request.settings.port,
                "PublishedPort": request.instance.port,
                "PublishMode": "host",
            }
        ]
