"""What a Swarm is told of an instance: a service of one task, as contained as any container."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from attrs import field, frozen

from pushpaka_core.adapters.docker.containers import (
    OWN_CAPABILITIES,
    Most,
    command_of,
    directory_of,
    own_env_of,
    place_env_of,
)
from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.domain.instances import ONE_OFF, RELEASE
from pushpaka_core.errors import StartError
from pushpaka_core.ports.runtime import StartRequest

WAITER = "pushpaka.waiter"
"""The label that says on which host somebody waits for what a service runs."""
_SECRET = "pushpaka-env"  # noqa: S105 - the name of a secret, not one
_LARGEST_SECRET = 500 * 1024
_SHELL = ("/bin/sh", "-c")
_NANO = 10**9


@frozen(kw_only=True)
class ServiceProfile:
    """Turns what is asked for into what the SDK's `create_service` takes."""

    marks: Marks
    most: Most = field(factory=Most)
    constraints: Sequence[str] = ()
    """Which machines may run it, in the words of `docker service create --constraint`."""
    grace: timedelta = timedelta(seconds=10)
    """From SIGTERM to SIGKILL."""

    def secret_of(self, request: StartRequest) -> bytes | None:
        """
        Return the env vars as a shell reads them; None without any, or without a shell of ours.

        A program that begins as its own image says has no shell before it.

        Raises:
            StartError: If they are more than fit into a secret.
        """
        command = command_of(request)
        if command is None or tuple(command[:2]) != _SHELL:
            return None
        own = {k: v for k, v in request.env.items() if k not in place_env_of(request)}
        text = "".join(f"export {k}={shlex.quote(v)}\n" for k, v in own.items())
        if len(data := text.encode()) >= _LARGEST_SECRET:
            raise StartError(f"Its env vars are over {_LARGEST_SECRET} bytes. Set less.")
        return data or None

    def labels_of(self, request: StartRequest, *, waiter: str | None) -> dict[str, str]:
        """Return the labels of what belongs to an instance, for which a *waiter* may wait."""
        labels = self.marks.of_instance(request.instance, request.project.number)
        return {**labels, WAITER: waiter} if waiter else labels

    def of(
        self,
        request: StartRequest,
        *,
        secret_id: str | None,
        waiter: str | None,
        avoided: Sequence[str] = (),
    ) -> Mapping[str, Any]:
        """
        Return how the service is made.

        Args:
            request: What is to run.
            secret_id: What has its env vars.
            waiter: The host of who waits for it, if any.
            avoided: The ids of nodes that are not to run it.
        """
        instance, number = request.instance, request.project.number
        labels = self.labels_of(request, waiter=waiter)
        return {
            "name": self.marks.service(instance.name),
            "labels": labels,
            "mode": {"Replicated": {"Replicas": 1}},
            "endpoint_spec": {"Mode": "dnsrr", "Ports": self._ports(request)},
            "task_template": {
                "ContainerSpec": {
                    **self._container(request, secret_id),
                    "Image": self.marks.image_of(request.artifact),
                    "Labels": labels,
                },
                "Resources": {
                    "Limits": {
                        "MemoryBytes": self.most.memory_of(request.settings),
                        "NanoCPUs": self.most.nano_cpus_of(request.settings),
                        "Pids": self.most.processes,
                    }
                },
                "RestartPolicy": {"Condition": "none"},
                "Placement": {
                    "Constraints": [*self.constraints, *(f"node.id!={id_}" for id_ in avoided)]
                },
                "Networks": [{"Target": self.marks.network(number)}],
                "LogDriver": {
                    "Name": "json-file",
                    "Options": {"max-size": "10m", "max-file": "3"},
                },
            },
        }

    def _container(self, request: StartRequest, secret_id: str | None) -> dict[str, Any]:
        is_own = request.plan.dockerfile is not None
        command = command_of(request)
        env = {**own_env_of(request), **request.env, **place_env_of(request)}
        if command is not None and secret_id is not None:
            command[-1] = f". /run/secrets/{_SECRET}; {command[-1]}"
            env = {**own_env_of(request), **place_env_of(request)}
        is_ended_by_force = request.instance.process_type in {RELEASE, ONE_OFF}
        return {
            "Args": command,
            "Env": [f"{name}={value}" for name, value in env.items()],
            "Dir": directory_of(request) or "",
            "Init": True,
            "CapabilityDrop": ["ALL"],
            "CapabilityAdd": list(OWN_CAPABILITIES) if is_own else [],
            "Privileges": {"NoNewPrivileges": True},
            "ReadOnly": not is_own,
            "Mounts": [self._tmp],
            "Secrets": [self._file(request, secret_id)] if secret_id else [],
            "StopGracePeriod": round(self.grace.total_seconds() * _NANO),
            "StopSignal": "SIGKILL" if is_ended_by_force else "",
        }

    @property
    def _tmp(self) -> dict[str, Any]:
        return {
            "Type": "tmpfs",
            "Target": "/tmp",  # noqa: S108 - a container's
            "TmpfsOptions": {"SizeBytes": self.most.tmp_bytes, "Mode": 0o1777},
        }

    def _file(self, request: StartRequest, secret_id: str) -> dict[str, Any]:
        return {
            "SecretID": secret_id,
            "SecretName": self.marks.service(request.instance.name),
            "File": {"Name": _SECRET, "UID": "0", "GID": "0", "Mode": 0o444},
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
