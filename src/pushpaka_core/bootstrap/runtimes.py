"""Selects the runtime if no setting does. The first start stores the selection."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from anyio import to_thread
from attrs import frozen

from pushpaka_core.bootstrap.host_programs import find_program, program_output
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.settings.settings import RuntimeChoice, Settings

FindObstacle = Callable[[Settings], Awaitable[str | None]]
"""
A function that returns why containers cannot be used, as a clause after "because", or None if they
can be used.
"""

_REASON_SETTING = "PUSHPAKA_RUNTIME selects it"
_REASON_BUILT = "applications of this instance were built for it"


@frozen(kw_only=True)
class RuntimeSelection:
    """The selected runtime, and the reason for it."""

    runtime: RuntimeChoice
    reason: str
    is_persistent: bool
    """Whether a later start selects the same runtime without probing."""

    async def store(self, directory: Path) -> None:
        """
        Store the selection in an existing data directory.

        Raises:
            SettingsError: If another process has just selected another runtime, or the file cannot
                be written.
        """
        from pushpaka_core.adapters.files.stored_runtime import StoredRuntime, store_runtime

        if not self.is_persistent:
            kept = StoredRuntime(runtime=self.runtime, reason=self.reason)
            await to_thread.run_sync(store_runtime, directory, kept)


async def select_runtime(
    settings: Settings, *, find_obstacle: "FindObstacle | None" = None
) -> RuntimeSelection:
    """
    Return the runtime from the settings or the data directory, or select one.

    If none is known, Docker is selected if *find_obstacle* returns None, else the process runtime.
    An instance that has already built applications for the process runtime keeps it.

    Args:
        settings: The settings of the instance.
        find_obstacle: Returns why Docker cannot be used. By default it is probed.

    Raises:
        SettingsError: If the stored selection cannot be read.
    """
    known = await to_thread.run_sync(known_runtime, settings)
    if known is not None:
        return known
    lack = await (find_obstacle or docker_obstacle)(settings)
    if lack is None:
        reason = f"a Docker Engine responded at {settings.docker_url} at the first start"
        return RuntimeSelection(runtime=RuntimeChoice.DOCKER, reason=reason, is_persistent=False)
    reason = f"at the first start {lack}"
    return RuntimeSelection(runtime=RuntimeChoice.PROCESS, reason=reason, is_persistent=False)


def known_runtime(settings: Settings) -> RuntimeSelection | None:
    """
    Return the runtime from the settings or the data directory, or None before the first start.

    Raises:
        SettingsError: If the stored selection cannot be read.
    """
    from pushpaka_core.adapters.files.stored_runtime import (
        has_process_releases,
        read_stored_runtime,
    )

    if settings.runtime is not None:
        return RuntimeSelection(
            runtime=settings.runtime, reason=_REASON_SETTING, is_persistent=True
        )
    if kept := read_stored_runtime(settings.data_directory):
        runtime = RuntimeChoice(kept.runtime)
        return RuntimeSelection(runtime=runtime, reason=kept.reason, is_persistent=True)
    if has_process_releases(settings.data_directory):
        return RuntimeSelection(
            runtime=RuntimeChoice.PROCESS, reason=_REASON_BUILT, is_persistent=False
        )
    return None


async def docker_obstacle(settings: Settings) -> str | None:
    """Return why the Docker runtime cannot be used on this host, or None if it can."""
    from pushpaka_core.adapters.docker.engine import open_engine

    if os.geteuid() != 0:
        return "Pushpaka did not run as root, which containers require"
    program = await find_program("docker")
    if program is None:
        return "there was no docker command"
    async with open_engine(settings.docker_url) as engine:
        try:
            await engine.check()
        except RuntimeUnavailableError:
            return f"no Docker Engine responded at {settings.docker_url}"
    if await program_output(program, "buildx", "version") is None:
        return "the docker command had no buildx plugin"
    return None
