"""Runs images as containers, each hardened and in its project's network."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import IPv4Network
from math import ceil
from typing import Any

from anyio import CancelScope, fail_after
from attrs import field, frozen
from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.containers import Container

from pushpaka_core.adapters.docker.containers import Most, Profile
from pushpaka_core.adapters.docker.disk import has_written_more
from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.exits import exit_of
from pushpaka_core.adapters.docker.firewall import Firewall
from pushpaka_core.adapters.docker.labels import NAME, PROJECT, Marks
from pushpaka_core.adapters.docker.listeners import Listener, listeners_of
from pushpaka_core.adapters.docker.networks import POOL, Networks
from pushpaka_core.adapters.docker.output import read_output
from pushpaka_core.adapters.docker.waiting import Waiting
from pushpaka_core.domain.instances import Instance
from pushpaka_core.errors import ConflictError, PlatformFaultError, StartError
from pushpaka_core.ports.processes import Exit, OutputChunk
from pushpaka_core.ports.runtime import ObservedInstance, StartRequest

_EPOCH, _NEVER = "1970-01-01T00:00:00Z", "0001-"
"""How the engine writes a moment that has not come."""
_CONFLICT = 409


@frozen(kw_only=True)
class DockerRuntime:
    """Runs each instance as a container that bears the instance's name."""

    _engine: Engine
    _marks: Marks
    _firewall: Firewall
    _waiting: Waiting
    _most: Most = field(factory=Most)
    _pool: IPv4Network = POOL

    async def start(self, request: StartRequest, /) -> None:
        """Make the instance's container and start it; one that is there is left as it is."""
        await self._firewall.close()
        await self._engine.call(self._start, self._profile.of(request), request)

    async def stop(self, name: str, /, *, grace: timedelta) -> None:
        """Stop the container."""
        await self._engine.call(self._stop, name, ceil(grace.total_seconds()))

    async def forget(self, name: str, /) -> None:
        """Remove the container and, where it was the last one, its project's network."""
        await self._engine.call(self._forget, name)

    async def inspect(self, name: str, /) -> ObservedInstance | None:
        """Look at the container of that name."""
        container = await self._engine.call(self._found, name)
        return None if container is None else _observed(name, container.attrs)

    async def instances(self) -> Sequence[ObservedInstance]:
        """Return all containers that bear our mark, but for those that somebody waits for."""
        return await self._engine.call(self._all)

    async def sweep(self) -> None:
        """Find nothing: what an instance has is forgotten with it."""

    async def owns_port(self, instance: Instance, /) -> bool | None:
        """Ask whether the container listens: the port of the host is the engine's, for it alone."""
        if instance.port is None:
            return None
        return await self._engine.call(self._is_heard, instance.name) or None

    async def excess(self, instance: Instance, /) -> str | None:
        """Look at what the container has written."""
        most = self._most.disk_bytes
        is_too_much = await self._engine.call(self._has_written_more, instance.name, most)
        return f"wrote more than its limit of {most >> 20} MiB" if is_too_much else None

    async def listening_elsewhere(self, instance: Instance, /) -> Sequence[str]:
        """Return where else the container listens, also where only it can reach itself."""
        port, listeners = await self._engine.call(self._all_listening, instance.name)
        others = {str(one.port) for one in listeners if one.is_reachable and one.port != port}
        inner = {one for one in listeners if not one.is_reachable and one.port == port}
        alone = [f"{one.address} alone (HOST says 0.0.0.0)" for one in inner]
        return [*sorted(others), *alone]

    def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """Return the output of the container."""
        url = f"/containers/{self._marks.container(name)}/logs"
        return read_output(self._engine, url, after=after, follow=follow)

    async def run_once(
        self,
        request: StartRequest,
        /,
        *,
        timeout: timedelta | None,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Exit:
        """Run a container to its end, and remove it."""
        name = request.instance.name
        async with self._waiting.held(name):
            try:
                with fail_after(timeout.total_seconds() if timeout else None):
                    await self.start(request)
                    async for chunk in self.output(name):
                        await on_output(chunk)
                    return await self._engine.call(self._ended, name)
            finally:
                with CancelScope(shield=True):
                    await self.stop(name, grace=timedelta(0))
                    await self.forget(name)

    @property
    def _profile(self) -> Profile:
        return Profile(marks=self._marks, most=self._most)

    @property
    def _networks(self) -> Networks:
        return Networks(engine=self._engine, marks=self._marks, pool=self._pool)

    def _start(self, profile: Mapping[str, Any], request: StartRequest) -> None:
        self._networks.ensure(request.project.number)
        try:
            container = self._engine.client.containers.create(**profile)
        except ImageNotFound:
            raise StartError(
                "What was built is not there any more. Deploy the commit again."
            ) from None
        except APIError as error:
            if error.status_code != _CONFLICT:
                raise
            return
        try:
            container.start()
        except APIError as error:
            container.remove(force=True, v=True)
            raise _start_fault(error) from error

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

    def _forget(self, name: str) -> None:
        self._waiting.forget(name)
        container = self._found(name)
        if container is None:
            return
        if container.attrs["State"]["Running"]:
            raise ConflictError(f"{name} is running.")
        with suppress(NotFound):
            container.remove(v=True)
        if number := container.labels.get(PROJECT):
            self._networks.remove_unused(int(number))

    def _found(self, name: str) -> Container | None:
        try:
            return self._container(name)
        except NotFound:
            return None

    def _container(self, name: str) -> Container:
        """Return the container that is called so or, of another origin, bears our mark at least."""
        containers = self._engine.client.containers
        try:
            return containers.get(self._marks.container(name))
        except NotFound:
            ours = self._marks.filter["label"]
            found = containers.list(all=True, filters={"label": [ours, f"{NAME}={name}"]})
            found = found or containers.list(all=True, filters={"label": ours, "id": name})
            if not found:
                raise
            return found[0]

    def _all(self) -> list[ObservedInstance]:
        client = self._engine.client
        found: list[ObservedInstance] = []
        for summary in client.api.containers(all=True, filters=self._marks.filter):
            name = summary["Labels"].get(NAME, summary["Id"])
            if self._waiting.has(name):
                continue
            with suppress(NotFound):
                attrs = client.api.inspect_container(summary["Id"])
                found.append(_observed(name, attrs))
        return found

    def _is_heard(self, name: str) -> bool:
        port, listeners = self._listening(name)
        return any(one.port == port and one.is_reachable for one in listeners)

    def _all_listening(self, name: str) -> tuple[int, Sequence[Listener]]:
        port, listeners = self._listening(name)
        return port, list(listeners)

    def _listening(self, name: str) -> tuple[int, Iterable[Listener]]:
        """Return the port on which a container ought to listen, and where it does."""
        container = self._found(name)
        if container is None or not container.attrs["State"]["Pid"]:
            return 0, ()
        ports = container.attrs["HostConfig"]["PortBindings"] or {"0/tcp": None}
        return int(next(iter(ports)).partition("/")[0]), listeners_of(
            container.attrs["State"]["Pid"]
        )

    def _has_written_more(self, name: str, most: int) -> bool:
        container = self._found(name)
        return container is not None and has_written_more(container.attrs, most)

    def _ended(self, name: str) -> Exit:
        container = self._container(name)
        container.wait()
        container.reload()
        return _exit(container.attrs)


def _start_fault(error: APIError) -> PlatformFaultError | StartError:
    """Tell what the application asks for in vain from what the host lacks."""
    said = str(error.explanation)
    if "executable file not found" in said or "no such file or directory" in said:
        return StartError("The image has no such program as its command names.")
    return PlatformFaultError(f"The Docker Engine could not start the container: {said}.")


def _observed(name: str, attrs: Mapping[str, Any]) -> ObservedInstance:
    state = attrs["State"]
    begun = _EPOCH if state["StartedAt"].startswith(_NEVER) else state["StartedAt"]
    is_over = not state["Running"] and state["Status"] != "created"
    return ObservedInstance(
        name=name,
        started_at=datetime.fromisoformat(begun),
        exit=_exit(attrs).words if is_over else None,
    )


def _exit(attrs: Mapping[str, Any]) -> Exit:
    state = attrs["State"]
    code = int(state["ExitCode"])
    limit = attrs["HostConfig"]["Memory"] if state["OOMKilled"] else None
    return exit_of(code, memory_limit=limit)
