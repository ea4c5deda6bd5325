"""Runs images as containers, each hardened and attached to its project's network."""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import IPv4Network
from math import ceil
from typing import Any

from anyio import CancelScope, fail_after
from attrs import field, frozen
from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.containers import Container

from pushpaka_core.adapters.docker.containers import (
    ContainerLimits,
    ContainerProfile,
    exceeds_disk_limit,
    exit_from_code,
)
from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.firewall import Firewall
from pushpaka_core.adapters.docker.labels import NAME, PROJECT, Labels
from pushpaka_core.adapters.docker.listeners import Listener, listeners_of
from pushpaka_core.adapters.docker.networks import ADDRESS_POOL, Networks
from pushpaka_core.adapters.docker.output import read_output
from pushpaka_core.adapters.docker.run_lock import RunLock
from pushpaka_core.adapters.docker.volume_containers import VolumeContainers
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.errors import ConflictError, PlatformFaultError, StartError
from pushpaka_core.host.process_trees import worker_processes
from pushpaka_core.ports.processes import Exit, OutputChunk
from pushpaka_core.ports.runtime import ObservedInstance, StartRequest

_EPOCH, _NEVER_PREFIX = "1970-01-01T00:00:00Z", "0001-"
"""The engine's timestamps for "never" start with the prefix and are replaced by the epoch."""
_CONFLICT = 409


@frozen(kw_only=True)
class DockerRuntime:
    """Runs each instance as a container of the same name."""

    _engine: Engine
    _labels: Labels
    _firewall: Firewall
    _run_lock: RunLock
    _limits: ContainerLimits = field(factory=ContainerLimits)
    _address_pool: IPv4Network = ADDRESS_POOL

    async def start(self, request: StartRequest, /) -> None:
        """Create and start the container. An existing container is left as it is."""
        await self._firewall.ensure_rules()
        profile = self._profile.create_arguments(request)
        profile["mounts"] = await self._volumes.prepare(request)
        await self._engine.call(self._start, profile, request)

    async def stop(self, name: str, /, *, grace_period: timedelta) -> None:
        """Stop the container."""
        await self._engine.call(self._stop, name, ceil(grace_period.total_seconds()))

    async def remove(self, name: str, /) -> None:
        """Remove the container, and the project's network if no containers are left in it."""
        await self._engine.call(self._remove, name)

    async def inspect(self, name: str, /) -> ObservedInstance | None:
        """Return the state of the container, or None if it does not exist."""
        container = await self._engine.call(self._find, name)
        return None if container is None else _observed_instance(name, container.attrs)

    async def instances(self) -> Sequence[ObservedInstance]:
        """Return all containers with this instance's label, except unfinished one-off commands."""
        return await self._engine.call(self._all)

    async def remove_unused_resources(self) -> None:
        """Do nothing: `remove` already deletes everything an instance owns."""

    async def owns_port(self, instance: Instance, /) -> bool | None:
        """
        Return True if the container listens on its port, else None.

        The port on the host is not checked: the engine forwards it to this container only.
        """
        if instance.port is None:
            return None
        return await self._engine.call(self._is_listening, instance.name) or None

    async def worker_processes(self, instance: Instance, /) -> frozenset[str] | None:
        """Return the child processes of the container's first process."""
        return await self._engine.call(self._workers, instance.name)

    async def exceeded_limit(self, instance: Instance, /) -> str | None:
        """Return a message if the container has exceeded its disk limit, else None."""
        most = self._limits.disk_bytes
        is_too_much = await self._engine.call(self._exceeds_disk_limit, instance.name, most)
        return f"exceeded its disk limit of {most >> 20} MiB" if is_too_much else None

    async def other_listeners(self, instance: Instance, /) -> Sequence[str]:
        """
        Return the container's listeners on other ports or on addresses that
        only it can reach.
        """
        port, listeners = await self._engine.call(self._all_listeners, instance.name)
        others = {str(one.port) for one in listeners if one.is_reachable and one.port != port}
        inner = {one for one in listeners if not one.is_reachable and one.port == port}
        alone = [f"{one.address} only (HOST is 0.0.0.0)" for one in inner]
        return [*sorted(others), *alone]

    def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """Return the container's output."""
        url = f"/containers/{self._labels.container(name)}/logs"
        return read_output(self._engine, url, after=after, follow=follow)

    async def run_once(
        self,
        request: StartRequest,
        /,
        *,
        timeout: timedelta | None,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Exit:
        """Run a container to completion and remove it."""
        name = request.instance.name
        async with self._run_lock.hold(name):
            try:
                with fail_after(timeout.total_seconds() if timeout else None):
                    await self.start(request)
                    async for chunk in self.output(name):
                        await on_output(chunk)
                    return await self._engine.call(self._wait_for_exit, name)
            finally:
                with CancelScope(shield=True):
                    await self.stop(name, grace_period=timedelta(0))
                    await self.remove(name)

    @property
    def _profile(self) -> ContainerProfile:
        return ContainerProfile(labels=self._labels, limits=self._limits)

    @property
    def _volumes(self) -> VolumeContainers:
        return VolumeContainers(engine=self._engine, labels=self._labels, run_lock=self._run_lock)

    @property
    def _networks(self) -> Networks:
        return Networks(engine=self._engine, labels=self._labels, address_pool=self._address_pool)

    def _start(self, profile: Mapping[str, Any], request: StartRequest) -> None:
        self._networks.ensure(request.project.number)
        try:
            container = self._engine.client.containers.create(**profile)
        except ImageNotFound:
            raise StartError(
                "The build output has been removed. Deploy the commit again."
            ) from None
        except APIError as error:
            if error.status_code != _CONFLICT:
                raise
            return
        try:
            container.start()
        except APIError as error:
            container.remove(force=True, v=True)
            raise _start_error(error) from error

    def _stop(self, name: str, seconds: int) -> None:
        with suppress(NotFound):
            if seconds:
                self._container(name).stop(timeout=seconds)
            else:
                self._kill(self._container(name))

    def _kill(self, container: Container) -> None:
        try:
            container.kill()
        except APIError as error:
            if error.status_code != _CONFLICT:
                raise

    def _remove(self, name: str) -> None:
        self._run_lock.remove(name)
        container = self._find(name)
        if container is None:
            return
        if container.attrs["State"]["Running"]:
            raise ConflictError(f"The instance {name} is still running. Stop it first.")
        with suppress(NotFound):
            container.remove(v=True)
        if number := container.labels.get(PROJECT):
            self._networks.remove_unused(int(number))

    def _find(self, name: str) -> Container | None:
        try:
            return self._container(name)
        except NotFound:
            return None

    def _container(self, name: str) -> Container:
        """Find a container by name. Fall back to the label and the container id."""
        containers = self._engine.client.containers
        try:
            return containers.get(self._labels.container(name))
        except NotFound:
            ours = self._labels.filter["label"]
            found = containers.list(all=True, filters={"label": [ours, f"{NAME}={name}"]})
            found = found or containers.list(all=True, filters={"label": ours, "id": name})
            if not found:
                raise
            return found[0]

    def _all(self) -> list[ObservedInstance]:
        client = self._engine.client
        found: list[ObservedInstance] = []
        for summary in client.api.containers(all=True, filters=self._labels.filter):
            name = summary["Labels"].get(NAME, summary["Id"])
            if self._run_lock.is_held(name):
                continue
            with suppress(NotFound):
                attrs = client.api.inspect_container(summary["Id"])
                found.append(_observed_instance(name, attrs))
        return found

    def _is_listening(self, name: str) -> bool:
        port, listeners = self._listeners(name)
        return any(one.port == port and one.is_reachable for one in listeners)

    def _workers(self, name: str) -> frozenset[str]:
        container = self._find(name)
        pid = container.attrs["State"]["Pid"] if container is not None else 0
        return worker_processes(pid) if pid else frozenset()

    def _all_listeners(self, name: str) -> tuple[int, Sequence[Listener]]:
        port, listeners = self._listeners(name)
        return port, list(listeners)

    def _listeners(self, name: str) -> tuple[int, Iterable[Listener]]:
        """Return the port on which the container should listen, and its actual listeners."""
        container = self._find(name)
        if container is None or not container.attrs["State"]["Pid"]:
            return 0, ()
        ports = container.attrs["HostConfig"]["PortBindings"] or {"0/tcp": None}
        return int(next(iter(ports)).partition("/")[0]), listeners_of(
            container.attrs["State"]["Pid"]
        )

    def _exceeds_disk_limit(self, name: str, limit: int) -> bool:
        container = self._find(name)
        return container is not None and exceeds_disk_limit(container.attrs, limit)

    def _wait_for_exit(self, name: str) -> Exit:
        container = self._container(name)
        container.wait()
        container.reload()
        return _exit(container.attrs)


def _start_error(error: APIError) -> PlatformFaultError | StartError:
    """Return StartError for a mistake in the image, PlatformFaultError for any other cause."""
    explanation = str(error.explanation)
    if "executable file not found" in explanation or "no such file or directory" in explanation:
        return StartError(
            "The start command names a program that is not in the image. Correct the start"
            " command, or CMD in the Dockerfile."
        )
    return PlatformFaultError(
        f"The Docker Engine could not start the container: {explanation}. Check the image "
        "and the start command, and deploy again."
    )


def _observed_instance(name: str, attrs: Mapping[str, Any]) -> ObservedInstance:
    state = attrs["State"]
    started_at = _EPOCH if state["StartedAt"].startswith(_NEVER_PREFIX) else state["StartedAt"]
    is_over = not state["Running"] and state["Status"] != "created"
    return ObservedInstance(
        name=name,
        started_at=datetime.fromisoformat(started_at),
        exit=_exit(attrs).description if is_over else None,
    )


def _exit(attrs: Mapping[str, Any]) -> Exit:
    state = attrs["State"]
    code = int(state["ExitCode"])
    limit = attrs["HostConfig"]["Memory"] if state["OOMKilled"] else None
    return exit_from_code(code, memory_limit=limit)
