"""All that is looked at, at once, and what was found."""

import os
from collections.abc import Collection, Mapping

from anyio import create_task_group, move_on_after

from pushpaka_core.errors import PushpakaError, SettingsError
from pushpaka_core.setting_sources import PREFIX
from pushpaka_core.settings import Settings
from pushpaka_http.cli.examination import host, instance, network, programs
from pushpaka_http.cli.examination.findings import Check, Finding, ok, problem, warning

_SECONDS = 12
_SETTINGS = "settings"
CHECKS: Mapping[str, Check] = {
    "python": host.python,
    "git": host.git,
    "runtime": programs.runtime,
    "docker": programs.docker,
    "toolchains": programs.toolchains,
    "router": programs.router,
    "control groups": host.control_groups,
    "room": host.room,
    "open files": host.limits,
    "clock": host.clock,
    "ports": network.ports,
    "application ports": network.port_range,
    "base domain": network.base_domain,
    "data directory": instance.data_directory,
    "keys": instance.keys,
    "database": instance.database,
    "redis": instance.redis,
    "instance": instance.health,
}
"""What is looked at, in the order in which it is shown."""
_OF_ANY_SETTINGS = ("python", "git", "open files", "clock")


async def examine(environ: Mapping[str, str] = os.environ) -> Mapping[str, Finding]:
    """Look at everything at once; where the settings are wrong, at what does not need them."""
    try:
        settings = Settings.from_environ(environ)
    except SettingsError as error:
        wrong = problem(str(error), "Correct it: the other lines wait for that.")
        usual = {name: text for name, text in environ.items() if not name.startswith(PREFIX)}
        others = await _looked(_OF_ANY_SETTINGS, Settings.from_environ(usual))
        return {_SETTINGS: wrong, **others}
    count = sum(name.startswith(PREFIX) for name in environ)
    named = ok(f"{count} of them are set, and can be used.")
    return {_SETTINGS: named, **await _looked(CHECKS, settings)}


async def _looked(names: Collection[str], settings: Settings) -> Mapping[str, Finding]:
    found: dict[str, Finding] = {}

    async def look(name: str) -> None:
        found[name] = await _asked(CHECKS[name], settings)

    async with create_task_group() as looking:
        for name in names:
            looking.start_soon(look, name)
    return {name: found[name] for name in names}


async def _asked(check: Check, settings: Settings) -> Finding:
    try:
        with move_on_after(_SECONDS):
            return await check(settings)
    except ModuleNotFoundError as error:
        return problem(f"{error.name} is not installed.", "pip install 'pushpaka[serve]'")
    except (PushpakaError, OSError) as error:
        return problem(str(error), "Correct it, and ask again.")
    return warning(f"There was no answer within {_SECONDS} seconds.", "Ask again.")
