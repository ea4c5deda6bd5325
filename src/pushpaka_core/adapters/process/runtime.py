"""Runs releases as programs of this host."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from anyio import to_thread
from attrs import evolve, field, frozen

from pushpaka_core.adapters.process.environment import program_env
from pushpaka_core.adapters.process.faults import translated_faults
from pushpaka_core.adapters.process.homes import Homes, furnish, short
from pushpaka_core.adapters.process.releases import Release, Releases
from pushpaka_core.adapters.process.scratch import Scratch
from pushpaka_core.adapters.process.tools import Tools
from pushpaka_core.domain.instances import WEB, Instance
from pushpaka_core.errors import BuildError, StartError
from pushpaka_core.ports.processes import (
    GONE,
    Command,
    Exit,
    LaunchedProcess,
    Limits,
    OutputChunk,
    Processes,
)
from pushpaka_core.ports.runtime import ObservedInstance, StartRequest

RUN_LIMITS = Limits(open_files=65_536, processes=1024)

_ENV: Mapping[str, Mapping[str, str]] = {
    "node": {
        "NODE_ENV": "production",
        "npm_config_logs_max": "0",
        "npm_config_update_notifier": "false",
    }
}
"""What programs in a language find set when they are run, unless the project sets it otherwise."""
_INSTANCE = re.compile(r"[0-9a-f-]{36}\.[0-9]+\..+")


@frozen(kw_only=True)
class ProcessRuntime:
    """
    Runs each instance as a launched process that bears the instance's name.

    `uid_of` and `host_env` are as for the builder, whose releases it runs.
    """

    _processes: Processes
    _releases: Releases = field(alias="releases_directory", converter=Releases)
    _tools: Tools = field(alias="tools_directory", converter=Tools)
    _instances: Path = field(alias="instances_directory")
    _uid_of: Callable[[int], int | None] = lambda _: None
    _host_env: Mapping[str, str] = field(factory=dict, repr=False)
    _limits: Limits = RUN_LIMITS

    async def start(self, request: StartRequest, /) -> None:
        """Launch the command of the instance's process type, or the file server for its site."""
        name = request.instance.name
        home = await to_thread.run_sync(self._homes.note, name)
        command = await to_thread.run_sync(self._command, request, home)
        await self._processes.launch(name, command)

    async def stop(self, name: str, /, *, grace: timedelta) -> None:
        """Stop the process."""
        await self._processes.stop(name, grace=grace)

    async def forget(self, name: str, /) -> None:
        """Forget the process, and remove the home that it had."""
        await self._processes.forget(name)
        await to_thread.run_sync(self._homes.remove, name)

    async def inspect(self, name: str, /) -> ObservedInstance | None:
        """Look at the process of that name."""
        process = await self._processes.inspect(name)
        return None if process is None else _observed(process)

    async def instances(self) -> Sequence[ObservedInstance]:
        """
        Return the launched processes whose names are those of instances, orphans ended first.

        What was made ready to be launched, and was not, is told as gone.
        """
        await self._processes.sweep()
        await to_thread.run_sync(self._scratch.sweep)
        noted = await to_thread.run_sync(self._homes.noted)
        launched = await self._processes.launched()
        seen = [_observed(each) for each in launched if _INSTANCE.fullmatch(each.name)]
        unlaunched = noted.keys() - {one.name for one in seen}
        gone = (ObservedInstance(name=n, started_at=noted[n], exit=GONE) for n in unlaunched)
        return [*seen, *gone]

    async def sweep(self) -> None:
        """Find nothing: what an instance has is forgotten with it."""

    async def owns_port(self, instance: Instance, /) -> bool | None:
        """Ask who listens on the instance's port."""
        if instance.port is None:
            return None
        listener = await self._processes.listener(instance.port, host=instance.host)
        return None if listener is None else listener == instance.name

    async def excess(self, instance: Instance, /) -> str | None:  # noqa: ARG002 - see below
        """Return None: the host itself keeps programs to the limits that they have."""
        return None

    async def listening_elsewhere(self, instance: Instance, /) -> Sequence[str]:
        """Return the other ports of the instance's tree."""
        ports = await self._processes.ports(instance.name)
        return [str(port) for port in ports if port != instance.port]

    def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """Return the output of the process."""
        return self._processes.output(name, after=after, follow=follow)

    async def run_once(
        self,
        request: StartRequest,
        /,
        *,
        timeout: timedelta | None,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Exit:
        """Run the command to its end; its home goes with it."""
        async with self._scratch.held(short(request.instance.name)) as home:
            command = await to_thread.run_sync(self._command, request, home)
            return await self._processes.run(command, on_output=on_output, timeout=timeout)

    @property
    def _scratch(self) -> Scratch:
        return Scratch(self._instances)

    @property
    def _homes(self) -> Homes:
        return Homes(self._instances)

    def _command(self, request: StartRequest, home: Path) -> Command:
        with translated_faults("The start"):
            return self._prepared(request, home)

    def _prepared(self, request: StartRequest, home: Path) -> Command:
        release = self._releases.named(request.artifact)
        if not release.is_sealed:
            raise StartError("What was built is not there any more. Deploy the commit again.")
        uid = self._uid_of(request.project.number)
        argv, directory = self._what_and_where(request, release)
        return Command(
            argv=argv,
            directory=directory,
            env=self._env(request, release, uid, home),
            uid=uid,
            limits=self._limits_of(request),
        )

    def _what_and_where(self, request: StartRequest, release: Release) -> tuple[list[str], Path]:
        directory, type_ = request.plan.directory, request.instance.process_type
        step, site = request.plan.processes.get(type_), request.plan.static
        try:
            if site and type_ == WEB:
                self._tools.place()
                argv = [str(self._tools.caddy), "run", "--config", str(release.site_config)]
                return argv, release.below(directory, site.directory)
            if step:
                return ["/bin/sh", "-c", step.command], release.below(directory)
        except BuildError as error:
            raise StartError(str(error)) from None
        raise StartError(f"The plan has no command for the process type {type_}.")

    def _env(
        self, request: StartRequest, release: Release, uid: int | None, home: Path
    ) -> Mapping[str, str]:
        instance = request.instance
        furnish(home, uid)
        port = {} if instance.port is None else {"PORT": str(instance.port)}
        defaults = _ENV.get(request.plan.language, {})
        env = {**defaults, **self._host_env, **request.env, "HOST": instance.host, **port}
        return program_env(
            release,
            directory=request.plan.directory,
            tools=self._tools.place(),
            private=home,
            env=env,
        )

    def _limits_of(self, request: StartRequest) -> Limits:
        """Bound what the project's own programs take; the file server of a site needs little."""
        most = request.settings.memory_limit
        is_site = request.plan.static and request.instance.process_type == WEB
        memory = None if most is None or is_site else most * 2**20
        return evolve(self._limits, memory_bytes=memory, cpus=request.settings.cpu_limit)


def _observed(process: LaunchedProcess) -> ObservedInstance:
    return ObservedInstance(
        name=process.name,
        started_at=process.started_at,
        exit=None if process.exit is None else process.exit.words,
    )
