"""Runs the commands of one build, in order, as the project's user."""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path, PurePosixPath

from anyio import to_thread
from attrs import field, frozen

from pushpaka_core.adapters.process.builder.build_caches import (
    cache_directory,
    restore_command,
    save_command,
)
from pushpaka_core.adapters.process.builder.install_archives import (
    InstallArchive,
    archive_directory,
)
from pushpaka_core.adapters.process.builder.install_inputs import install_key
from pushpaka_core.adapters.process.builder.sites import (
    missing_page_messages,
    require_internal_links,
)
from pushpaka_core.adapters.process.environment import build_env, program_env
from pushpaka_core.adapters.process.releases import Release
from pushpaka_core.adapters.process.toolchains.interpreters import Interpreters
from pushpaka_core.adapters.process.toolchains.toolchains import Toolchains
from pushpaka_core.domain.pipeline.build_plans import BuildStep, Origin, StaticSite
from pushpaka_core.errors import BuildError
from pushpaka_core.host.process_output import discard_output
from pushpaka_core.images.caddy_config import output_fallback_command, site_config
from pushpaka_core.ports.builder import BuildRequest
from pushpaka_core.ports.processes import Command, Exit, OutputChunk, ProcessManager, ResourceLimits
from pushpaka_core.ports.progress import Reporter

_CALLS_PIP = re.compile(r"(?<!uv )\bpip3?\b")
_MAX_COMMAND_LENGTH = 200
_COMMAND_NOT_FOUND = 127
"""The exit code of a shell when a command is not found."""


@frozen(kw_only=True)
class Build:
    """Builds the files of a release directory according to the build plan."""

    request: BuildRequest
    release: Release
    uid: int | None
    limits: ResourceLimits
    tools: Path
    cache: Path
    host_env: Mapping[str, str] = field(repr=False)
    process_manager: ProcessManager
    interpreters: Interpreters
    toolchains: Toolchains
    report: Reporter
    on_output: Callable[[OutputChunk], Awaitable[None]]

    async def run(self) -> None:
        """
        Run the build plan: toolchains, install command, build commands, static site.

        Raises:
            BuildError: If a command fails, or the directory or page it should have created is
                missing.
        """
        plan = self.request.plan
        steps = (*((plan.install,) if plan.install else ()), *plan.build)
        await self._link_toolchains()
        if plan.language == "python":
            await self._create_venv(steps)
        if plan.install:
            await self._install(plan.install)
        await self._build()
        if plan.static and plan.build:
            await self._run_command("/bin/sh", "-c", output_fallback_command(plan.static))
        if plan.static:
            for missing in await to_thread.run_sync(self._prepare_site, plan.static):
                await self.report(missing)

    async def _link_toolchains(self) -> None:
        programs = await self.toolchains.node_programs_of(
            self.request.plan, for_other_users=self.uid is not None, report=self.report
        )
        await to_thread.run_sync(self.release.link_programs, programs)

    async def _create_venv(self, steps: tuple[BuildStep, ...]) -> None:
        requested_version = self.request.plan.language_version
        interpreter = await self.interpreters.choose(
            requested_version, for_other_users=self.uid is not None, report=self.report
        )
        await to_thread.run_sync(
            self.release.link_programs, {interpreter.path.name: interpreter.path}
        )
        await self.report(f"Using Python {interpreter.version}.")
        seed = ("--seed",) if any(_CALLS_PIP.search(step.command) for step in steps) else ()
        uv = (str(self.tools / "uv"), "venv", "--quiet", "--allow-existing", *seed)
        ending = await self._run_command(
            *uv, "--python", str(interpreter.path), str(self.release.venv)
        )
        if not ending.succeeded:
            raise BuildError(
                f"The virtual environment could not be created: uv {ending.description}."
                " Check the build log, and deploy again."
            )

    async def _install(self, step: BuildStep) -> None:
        """Run the install command, or restore the packages of an identical earlier run."""
        kept = await to_thread.run_sync(self._install_archive)
        if kept and await self._try_to_restore(kept):
            await self.report(
                f"Reusing the packages from the last `{step.command}`: its inputs have not changed."
            )
            return
        await self._run(step)
        if kept:
            await self._run_silently(kept.save_command(self.release.directory))

    def _install_archive(self) -> InstallArchive | None:
        key = install_key(self.request.plan, self.release, {**self.host_env, **self.request.env})
        place = archive_directory(self.cache, self.request.project_number)
        return InstallArchive(place / key) if key else None

    async def _try_to_restore(self, install_archive: InstallArchive) -> bool:
        is_there = await to_thread.run_sync(lambda: install_archive.exists)
        return is_there and (await self._run_silently(install_archive.restore_command())).succeeded

    async def _build(self) -> None:
        """Run the build commands, with the framework caches of the previous build in place."""
        await self._move_caches(restore_command)
        try:
            for step in self.request.plan.build:
                await self._run(step)
        except BuildError:
            await self._move_caches(save_command)
            raise
        await self._move_caches(save_command)

    async def _move_caches(self, command: Callable[[Path], tuple[str, ...]]) -> None:
        """
        Move the framework caches into or out of the release. Failures only cost build time.

        Workspace tools keep their cache in the workspace root, above the application's directory.
        """
        plan = self.request.plan
        if plan.language != "node" or not plan.build:
            return
        own = PurePosixPath(plan.directory)
        for directory in map(str, (own, *own.parents)):
            place = cache_directory(self.cache, self.request.project_number, directory)
            await self._run_silently(command(place), directory)

    async def _run(self, step: BuildStep) -> None:
        await self.report(f"Running `{step.command}`")
        ending = await self._run_command("/bin/sh", "-c", step.command)
        if not ending.succeeded:
            raise BuildError(_failure_message(step, ending))

    async def _run_command(self, *argv: str) -> Exit:
        command = await to_thread.run_sync(self._command, argv)
        return await self.process_manager.run(command, on_output=self.on_output)

    async def _run_silently(self, argv: tuple[str, ...], directory: str | None = None) -> Exit:
        command = await to_thread.run_sync(self._command, argv, directory)
        return await self.process_manager.run(command, on_output=discard_output)

    def _command(self, argv: tuple[str, ...], directory: str | None = None) -> Command:
        place = self.request.plan.directory if directory is None else directory
        return Command(
            argv=argv,
            directory=self.release.subdirectory(place),
            env=self._env(),
            uid=self.uid,
            private_tmp=self.release.build_scratch / "tmp",
            limits=self.limits,
        )

    def _env(self) -> Mapping[str, str]:
        tooling = build_env(self.release, self.cache)
        env = {**self.host_env, **self.request.env, **tooling}
        return program_env(
            self.release,
            uid=self.uid,
            directory=self.request.plan.directory,
            tools=self.tools,
            private_directory=self.release.build_scratch,
            env=env,
        )

    def _prepare_site(self, site: StaticSite) -> tuple[str, ...]:
        """Configure the file server for *site* and return warnings about missing pages."""
        directory = self.release.subdirectory(self.request.plan.directory, site.directory)
        require_internal_links(directory, self.release.app)
        missing = missing_page_messages(directory, site)
        if missing and site.origin is not Origin.DETECTED:
            raise BuildError(f"{missing[0]} Then deploy again.")
        self.release.site_config.write_text(site_config(site), encoding="utf-8")
        self.release.site_config.chmod(0o644)
        return missing


def _failure_message(step: BuildStep, exit_status: Exit) -> str:
    command = step.command[:_MAX_COMMAND_LENGTH]
    return (
        f"The build command `{command}` {exit_status.description}.{_hint(exit_status)}"
        " Check the build log, fix the command or the repository, and deploy again."
    )


def _hint(exit_status: Exit) -> str:
    """Return a likely cause for exit statuses that are hard to interpret."""
    if exit_status.code == _COMMAND_NOT_FOUND:
        return " The command, or a program that it calls, was not found."
    if exit_status.signal and exit_status.memory_limit is None:
        return " The build may have exceeded its memory limit."
    return ""
