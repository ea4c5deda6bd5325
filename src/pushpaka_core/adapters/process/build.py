"""One build: its commands, one after the other, as the project's user."""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path, PurePosixPath

from anyio import to_thread
from attrs import field, frozen

from pushpaka_core.adapters.process.build_caches import bring, keep, place_of
from pushpaka_core.adapters.process.environment import build_env, program_env
from pushpaka_core.adapters.process.install_inputs import key_of
from pushpaka_core.adapters.process.interpreters import Interpreters
from pushpaka_core.adapters.process.kept_installs import KeptInstall, installs_of
from pushpaka_core.adapters.process.releases import Release
from pushpaka_core.adapters.process.sites import check_links, missing_pages
from pushpaka_core.adapters.process.toolchains import Toolchains
from pushpaka_core.domain.build_plans import Origin, StaticSite, Step
from pushpaka_core.errors import BuildError
from pushpaka_core.images.sites import site_config
from pushpaka_core.ports.builder import BuildRequest
from pushpaka_core.ports.processes import Command, Exit, Limits, OutputChunk, Processes

_CALLS_PIP = re.compile(r"(?<!uv )\bpip3?\b")
_MOST_OF_A_COMMAND = 200
_NOT_FOUND = 127
"""The exit code of a shell that does not find a program."""


@frozen(kw_only=True)
class Build:
    """Turns the files that lie in a release into something that can be started."""

    request: BuildRequest
    release: Release
    uid: int | None
    limits: Limits
    tools: Path
    cache: Path
    host_env: Mapping[str, str] = field(repr=False)
    processes: Processes
    interpreters: Interpreters
    toolchains: Toolchains
    report: Callable[[str], Awaitable[None]]
    on_output: Callable[[OutputChunk], Awaitable[None]]

    async def run(self) -> None:
        """
        Do what the plan says.

        Raises:
            BuildError: If a command fails, or what it should have made is not there.
        """
        plan = self.request.plan
        steps = (*((plan.install,) if plan.install else ()), *plan.build)
        await self._place_toolchains()
        if plan.language == "python":
            await self._make_venv(steps)
        if plan.install:
            await self._install(plan.install)
        await self._build()
        if plan.static:
            for missing in await to_thread.run_sync(self._prepare_site, plan.static):
                await self.report(missing)

    async def _place_toolchains(self) -> None:
        programs = await self.toolchains.programs_of(
            self.request.plan, for_others=self.uid is not None, report=self.report
        )
        await to_thread.run_sync(self.release.link, programs)

    async def _make_venv(self, steps: tuple[Step, ...]) -> None:
        wanted = self.request.plan.language_version
        interpreter = await self.interpreters.choose(wanted, for_others=self.uid is not None)
        await self.report(f"Python {interpreter.version} is used.")
        seed = ("--seed",) if any(_CALLS_PIP.search(step.command) for step in steps) else ()
        uv = (str(self.tools / "uv"), "venv", "--quiet", "--allow-existing", *seed)
        ending = await self._end_of(*uv, "--python", str(interpreter.path), str(self.release.venv))
        if not ending.succeeded:
            raise BuildError(f"The virtual environment could not be made: uv {ending.words}.")

    async def _install(self, step: Step) -> None:
        """Install, or take what the very same command has installed before."""
        kept = await to_thread.run_sync(self._kept_install)
        if kept and await self._is_brought(kept):
            await self.report(
                f"The packages of the last `{step.command}` are used:"
                " nothing that decides on them has changed."
            )
            return
        await self._run(step)
        if kept:
            await self._end_quietly(kept.keep(self.release.directory))

    def _kept_install(self) -> KeptInstall | None:
        key = key_of(self.request.plan, self.release, {**self.host_env, **self.request.env})
        place = installs_of(self.cache, self.request.project_number)
        return KeptInstall(place / key) if key else None

    async def _is_brought(self, kept: KeptInstall) -> bool:
        is_there = await to_thread.run_sync(lambda: kept.is_there)
        return is_there and (await self._end_quietly(kept.bring())).succeeded

    async def _build(self) -> None:
        """Run what is no installation, with what frameworks have kept of the last build."""
        await self._hand_over(bring)
        try:
            for step in self.request.plan.build:
                await self._run(step)
        except BuildError:
            await self._hand_over(keep)
            raise
        await self._hand_over(keep)

    async def _hand_over(self, how: Callable[[Path], tuple[str, ...]]) -> None:
        """
        Move what frameworks keep; that it fails costs nothing but time.

        The tools of a workspace keep it at its root, above the application.
        """
        plan = self.request.plan
        if plan.language != "node" or not plan.build:
            return
        own = PurePosixPath(plan.directory)
        for directory in map(str, (own, *own.parents)):
            place = place_of(self.cache, self.request.project_number, directory)
            await self._end_quietly(how(place), directory)

    async def _run(self, step: Step) -> None:
        await self.report(f"Running `{step.command}`")
        ending = await self._end_of("/bin/sh", "-c", step.command)
        if not ending.succeeded:
            raise BuildError(_what_failed(step, ending))

    async def _end_of(self, *argv: str) -> Exit:
        command = await to_thread.run_sync(self._command, argv)
        return await self.processes.run(command, on_output=self.on_output)

    async def _end_quietly(self, argv: tuple[str, ...], directory: str | None = None) -> Exit:
        command = await to_thread.run_sync(self._command, argv, directory)
        return await self.processes.run(command, on_output=_discard)

    def _command(self, argv: tuple[str, ...], directory: str | None = None) -> Command:
        place = self.request.plan.directory if directory is None else directory
        return Command(
            argv=argv,
            directory=self.release.below(place),
            env=self._env(),
            uid=self.uid,
            limits=self.limits,
        )

    def _env(self) -> Mapping[str, str]:
        tooling = build_env(self.release, self.cache)
        env = {**self.host_env, **self.request.env, **tooling}
        return program_env(
            self.release,
            directory=self.request.plan.directory,
            tools=self.tools,
            private=self.release.scratch,
            env=env,
        )

    def _prepare_site(self, site: StaticSite) -> tuple[str, ...]:
        """Tell the file server how to serve *site*, and return what it will not find."""
        directory = self.release.below(self.request.plan.directory, site.directory)
        check_links(directory, self.release.app)
        missing = missing_pages(directory, site)
        if missing and site.origin is not Origin.DETECTED:
            raise BuildError(f"{missing[0]} Mend its name, or the build, and deploy again.")
        self.release.site_config.write_text(site_config(site), encoding="utf-8")
        self.release.site_config.chmod(0o644)
        return missing


async def _discard(_: OutputChunk) -> None:
    """Take output that tells nobody anything."""


def _what_failed(step: Step, ending: Exit) -> str:
    command = step.command[:_MOST_OF_A_COMMAND]
    return (
        f"`{command}` {ending.words}.{_hint(ending)}"
        " Read what it says in the log, mend the repository or the command, and deploy again."
    )


def _hint(ending: Exit) -> str:
    """Say what is behind an end that explains itself to few."""
    if ending.code == _NOT_FOUND:
        return " A program that it calls is not there."
    if ending.signal and ending.memory_limit is None:
        return " It may have needed more memory than it may have."
    return ""
