"""By what applications run where no setting says so: chosen at the first start, then kept."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from anyio import to_thread
from attrs import frozen

from pushpaka_core.bootstrap.host_programs import on_path, said_by
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.settings import RuntimeChoice, Settings

Probe = Callable[[Settings], Awaitable[str | None]]
"""Says what is missing for containers, in words that follow "because"; None where nothing is."""

_SET = "PUSHPAKA_RUNTIME says so"
_BUILT = "its applications were built for this runtime before"


@frozen(kw_only=True)
class ChosenRuntime:
    """A runtime, and why it is that one."""

    runtime: RuntimeChoice
    reason: str
    is_kept: bool
    """Whether a later start finds the same without asking."""

    async def keep(self, directory: Path) -> None:
        """
        Keep it in a data directory, which is there.

        Raises:
            SettingsError: If another process has just chosen another one, or the disk refuses.
        """
        from pushpaka_core.adapters.files.runtimes import KeptRuntime, keep_runtime

        if not self.is_kept:
            kept = KeptRuntime(runtime=self.runtime, reason=self.reason)
            await to_thread.run_sync(keep_runtime, directory, kept)


async def choose_runtime(settings: Settings, *, missing: "Probe | None" = None) -> ChosenRuntime:
    """
    Return the runtime that the settings name, else the kept one, else a choice to be kept.

    Docker is chosen where nothing is *missing* for it. What was built for processes stays theirs.

    Raises:
        SettingsError: If what is kept cannot be read.
    """
    known = await to_thread.run_sync(known_runtime, settings)
    if known is not None:
        return known
    lack = await (missing or missing_for_docker)(settings)
    if lack is None:
        reason = f"a Docker Engine answered at {settings.docker_url} at the first start"
        return ChosenRuntime(runtime=RuntimeChoice.DOCKER, reason=reason, is_kept=False)
    reason = f"at the first start {lack}"
    return ChosenRuntime(runtime=RuntimeChoice.PROCESS, reason=reason, is_kept=False)


def known_runtime(settings: Settings) -> ChosenRuntime | None:
    """
    Return the runtime that the settings or the data directory tell; None before the first start.

    Raises:
        SettingsError: If what is kept cannot be read.
    """
    from pushpaka_core.adapters.files.runtimes import has_built_programs, kept_runtime

    if settings.runtime is not None:
        return ChosenRuntime(runtime=settings.runtime, reason=_SET, is_kept=True)
    if kept := kept_runtime(settings.data_directory):
        runtime = RuntimeChoice(kept.runtime)
        return ChosenRuntime(runtime=runtime, reason=kept.reason, is_kept=True)
    if has_built_programs(settings.data_directory):
        return ChosenRuntime(runtime=RuntimeChoice.PROCESS, reason=_BUILT, is_kept=False)
    return None


async def missing_for_docker(settings: Settings) -> str | None:
    """Say what the runtime docker lacks on this host."""
    from pushpaka_core.adapters.docker.engine import open_engine

    if os.geteuid() != 0:
        return "Pushpaka was not run by root, as it has to be for containers"
    program = await on_path("docker")
    if program is None:
        return "there was no docker command"
    async with open_engine(settings.docker_url) as engine:
        try:
            await engine.check()
        except RuntimeUnavailableError:
            return f"no Docker Engine answered at {settings.docker_url}"
    if await said_by(program, "buildx", "version") is None:
        return "the docker command had no plugin buildx"
    return None
