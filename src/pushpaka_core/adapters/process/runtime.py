"""Runs releases as processes of this host."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from anyio import to_thread
from anyio.lowlevel import checkpoint
from attrs import evolve, field, frozen

from pushpaka_core.adapters.process.environment import program_env
from pushpaka_core.adapters.process.os_errors import translate_os_errors
from pushpaka_core.adapters.process.releases import Release, Releases
from pushpaka_core.adapters.process.sandbox.home_directories import (
    HomeDirectories,
    create_home,
    directory_name,
)
from pushpaka_core.adapters.process.sandbox.scratch import TemporaryHomes
from pushpaka_core.adapters.process.supervisor.leftovers import remove_leftovers
from pushpaka_core.adapters.process.toolchains.tools import SharedTools
from pushpaka_core.adapters.process.volumes.files import VolumeDirectories
from pushpaka_core.adapters.process.volumes.mounts import ReleaseMounts
from pushpaka_core.domain.instances.instances import WEB_PROCESS_TYPE, Instance
from pushpaka_core.errors import BuildError, StartError
from pushpaka_core.ports.processes import (
    EXIT_UNKNOWN,
    Command,
    Exit,
    LaunchedProcess,
    OutputChunk,
    ProcessManager,
    ResourceLimits,
)
from pushpaka_core.ports.runtime import ObservedInstance, StartRequest

RUN_LIMITS = ResourceLimits(cpu_weight=50, open_files=65_536, processes=1024)
"""The limits of instances. The low CPU weight gives precedence to the platform and its router."""

_LANGUAGE_ENV: Mapping[str, Mapping[str, str]] = {
    "node": {
        "NODE_ENV": "production",
        "npm_config_logs_max": "0",
        "npm_config_update_notifier": "false",
    }
}
"""Default environment variables by language, which projects can override."""
_INSTANCE_NAME = re.compile(r"[0-9a-f-]{36}\.[0-9]+\..+")


@frozen(kw_only=True)
class ProcessRuntime:
    """
    Runs each instance as a launched process with the instance's name.

    Args:
        process_manager: Starts and inspects processes.
        releases_directory: Contains the release directories.
        tools_directory: Contains uv and Caddy for all projects.
        instances_directory: Contains the home directories of instances.
        volumes_directory: Contains the volumes.
        uid_of: Returns the user id for a project's number, or None to run as the platform's own
            user.
        host_env: The platform's environment variables that instances see.
        isolate_projects: Awaited before any program of a project runs.
        limits: Resource limits; memory and CPU limits come from the project's settings.
    """

    _process_manager: ProcessManager
    _releases: Releases = field(alias="releases_directory", converter=Releases)
    _tools: SharedTools = field(alias="tools_directory", converter=SharedTools)
    _instances: Path = field(alias="instances_directory")
    _volumes: VolumeDirectories = field(alias="volumes_directory", converter=VolumeDirectories)
    _uid_of: Callable[[int], int | None] = lambda _: None
    _host_env: Mapping[str, str] = field(factory=dict, repr=False)
    _isolate_projects: Callable[[], Awaitable[None]] = checkpoint
    _limits: ResourceLimits = RUN_LIMITS

    async def start(self, request: StartRequest, /) -> None:
        """Launch the command of the process type, or the file server for a static site."""
        await self._isolate_projects()
        name = request.instance.name
        home = await to_thread.run_sync(self._home_directories.create_marker, name)
        await self._process_manager.launch(name, await self._command(request, home, name))

    async def stop(self, name: str, /, *, grace_period: timedelta) -> None:
        """Stop the process."""
        await self._process_manager.stop(name, grace_period=grace_period)

    async def remove(self, name: str, /) -> None:
        """Delete the record of the process, its home directory and its leftover files."""
        await self._process_manager.remove(name)
        owner = await to_thread.run_sync(self._home_directories.owner_of, name)
        await to_thread.run_sync(self._home_directories.remove, name)
        if owner is not None:
            await to_thread.run_sync(remove_leftovers, owner)

    async def inspect(self, name: str, /) -> ObservedInstance | None:
        """Return the state of the process *name*, or None if there is no such process."""
        process = await self._process_manager.inspect(name)
        return None if process is None else _to_observed_instance(process)

    async def instances(self) -> Sequence[ObservedInstance]:
        """
        Return the launched processes of instances, after killing orphaned processes.

        Starts that were interrupted before the launch are returned as ended instances.
        """
        await self._process_manager.kill_orphans()
        await to_thread.run_sync(self._temporary_homes.remove_abandoned)
        noted = await to_thread.run_sync(self._home_directories.marker_times)
        launched = await self._process_manager.list_launched()
        seen = [
            _to_observed_instance(each) for each in launched if _INSTANCE_NAME.fullmatch(each.name)
        ]
        unlaunched = noted.keys() - {one.name for one in seen}
        ended_instances = (
            ObservedInstance(name=n, started_at=noted[n], exit=EXIT_UNKNOWN) for n in unlaunched
        )
        return [*seen, *ended_instances]

    async def remove_unused_resources(self) -> None:
        """
        Reapply the firewall rules that isolate projects, in case another program flushed them.

        This runtime has no unused resources to remove.
        """
        await self._isolate_projects()

    async def owns_port(self, instance: Instance, /) -> bool | None:
        """Return whether the instance listens on its port, or None if no process does."""
        if instance.port is None:
            return None
        listener = await self._process_manager.listening_program(instance.port, host=instance.host)
        return None if listener is None else listener == instance.name

    async def worker_processes(self, instance: Instance, /) -> frozenset[str] | None:
        """Return the worker processes in the instance's process tree."""
        return await self._process_manager.worker_processes(instance.name)

    async def exceeded_limit(self, instance: Instance, /) -> str | None:  # noqa: ARG002 - see below
        """Return None: the host itself enforces the limits."""
        return None

    async def other_listeners(self, instance: Instance, /) -> Sequence[str]:
        """Return the other ports that the instance's process tree listens on."""
        ports = await self._process_manager.listening_ports(instance.name)
        return [str(port) for port in ports if port != instance.port]

    def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """Return the output of the process."""
        return self._process_manager.output(name, after=after, follow=follow)

    async def run_once(
        self,
        request: StartRequest,
        /,
        *,
        timeout: timedelta | None,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Exit:
        """Run the command to completion in a temporary home directory."""
        await self._isolate_projects()
        async with self._temporary_homes.create(directory_name(request.instance.name)) as home:
            command = await self._command(request, home, None)
            return await self._process_manager.run(command, on_output=on_output, timeout=timeout)

    @property
    def _temporary_homes(self) -> TemporaryHomes:
        return TemporaryHomes(self._instances)

    @property
    def _home_directories(self) -> HomeDirectories:
        return HomeDirectories(self._instances)

    async def _command(self, request: StartRequest, home: Path, name: str | None) -> Command:
        """Return the command of the instance *name*, or of a one-off command if *name* is None."""
        with translate_os_errors("The start"):
            mounts = await to_thread.run_sync(self._mounts, request, home, name)
            rivals = await to_thread.run_sync(mounts.rivals)
            ended = {one for one in rivals if one and await self._has_ended(one)}
            return await to_thread.run_sync(self._prepare_command, request, home, mounts, ended)

    async def _has_ended(self, name: str) -> bool:
        process = await self._process_manager.inspect(name)
        return process is not None and not process.is_alive

    def _mounts(self, request: StartRequest, home: Path, name: str | None) -> ReleaseMounts:
        release = self._sealed_release(request)
        try:
            return ReleaseMounts.of(request, release, self._volumes, home=home, name=name)
        except BuildError as error:
            raise StartError(str(error)) from None

    def _sealed_release(self, request: StartRequest) -> Release:
        release = self._releases.by_name(request.artifact)
        if not release.is_sealed:
            raise StartError("The build output has been removed. Deploy the commit again.")
        return release

    def _prepare_command(
        self, request: StartRequest, home: Path, mounts: ReleaseMounts, ended: Collection[str]
    ) -> Command:
        release = self._sealed_release(request)
        uid = self._uid_of(request.project.number)
        env = self._env(request, release, uid, home)
        mounts.mount(uid, ended=ended)
        argv, directory = self._argv_and_directory(request, release)
        return Command(
            argv=argv,
            directory=directory,
            env=env,
            uid=uid,
            private_tmp=home / "tmp",
            limits=self._limits_of(request),
        )

    def _argv_and_directory(
        self, request: StartRequest, release: Release
    ) -> tuple[list[str], Path]:
        directory, type_ = request.plan.directory, request.instance.process_type
        step, site = request.plan.processes.get(type_), request.plan.static
        try:
            if site and type_ == WEB_PROCESS_TYPE:
                self._tools.install()
                argv = [str(self._tools.caddy), "run", "--config", str(release.site_config)]
                return argv, release.subdirectory(directory, site.directory)
            if step:
                return ["/bin/sh", "-c", step.command], release.subdirectory(directory)
        except BuildError as error:
            raise StartError(str(error)) from None
        raise StartError(
            f"The plan has no command for the process type {type_}. Add it to the Procfile or to "
            "pushpaka.toml, and deploy again."
        )

    def _env(
        self, request: StartRequest, release: Release, uid: int | None, home: Path
    ) -> Mapping[str, str]:
        instance = request.instance
        create_home(home, uid)
        port = {} if instance.port is None else {"PORT": str(instance.port)}
        defaults = _LANGUAGE_ENV.get(request.plan.language, {})
        env = {**defaults, **self._host_env, **request.env, "HOST": instance.host, **port}
        return program_env(
            release,
            uid=uid,
            directory=request.plan.directory,
            tools=self._tools.install(),
            private_directory=home,
            env=env,
        )

    def _limits_of(self, request: StartRequest) -> ResourceLimits:
        """Return the limits of the instance; a static site's file server has no memory limit."""
        most = request.settings.memory_limit
        is_site = request.plan.static and request.instance.process_type == WEB_PROCESS_TYPE
        memory = None if most is None or is_site else most * 2**20
        return evolve(self._limits, memory_bytes=memory, cpus=request.settings.cpu_limit)


def _to_observed_instance(process: LaunchedProcess) -> ObservedInstance:
    return ObservedInstance(
        name=process.name,
        started_at=process.started_at,
        exit=None if process.exit is None else process.exit.description,
    )
