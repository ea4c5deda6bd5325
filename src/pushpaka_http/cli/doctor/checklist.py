"""The list of all checks, and the function that runs them concurrently."""

import os
from collections.abc import Collection, Mapping

from anyio import create_task_group, move_on_after

from pushpaka_core.errors import PushpakaError, SettingsError
from pushpaka_core.settings.settings import Settings
from pushpaka_core.settings.sources import PREFIX
from pushpaka_http.cli.doctor import host, instance, network, programs
from pushpaka_http.cli.doctor.findings import Check, Finding, ok, problem, warning

_TIMEOUT = 12
"""Seconds that each check may take."""
_SETTINGS = "settings"
CHECKS: Mapping[str, Check] = {
    "python": host.check_python,
    "git": host.check_git,
    "runtime": programs.check_runtime,
    "docker": programs.check_docker,
    "toolchains": programs.check_toolchains,
    "router": programs.check_router,
    "control groups": host.check_control_groups,
    "application network": host.check_application_network,
    "application isolation": host.check_application_isolation,
    "client connections": host.check_client_connections,
    "free capacity": host.check_free_capacity,
    "open files": host.check_open_files,
    "clock": host.check_clock,
    "ports": network.check_ports,
    "application ports": network.check_port_range,
    "base domain": network.check_base_domain,
    "host names": network.check_host_names,
    "data directory": instance.check_data_directory,
    "damaged files": instance.check_damaged_files,
    "keys": instance.check_keys,
    "database": instance.check_database,
    "redis": instance.check_redis,
    "instance": instance.check_health,
}
"""All checks by name, in the order of the output."""
_SETTINGS_INDEPENDENT = ("python", "git", "open files", "clock")


async def run_checks(environ: Mapping[str, str] = os.environ) -> Mapping[str, Finding]:
    """
    Run all checks concurrently and return their findings by name.

    If the settings are invalid, run only the checks that do not depend on them.
    """
    try:
        settings = Settings.from_environ(environ)
    except SettingsError as error:
        wrong = problem(
            str(error), "Correct the setting. Checks that depend on settings were skipped."
        )
        usual = {name: text for name, text in environ.items() if not name.startswith(PREFIX)}
        others = await _run_checks_named(_SETTINGS_INDEPENDENT, Settings.from_environ(usual))
        return {_SETTINGS: wrong, **others}
    count = sum(name.startswith(PREFIX) for name in environ)
    named = ok(f"The settings are valid; PUSHPAKA_* variables set: {count}.")
    return {_SETTINGS: named, **await _run_checks_named(CHECKS, settings)}


async def _run_checks_named(names: Collection[str], settings: Settings) -> Mapping[str, Finding]:
    found: dict[str, Finding] = {}

    async def add_finding(name: str) -> None:
        found[name] = await _run_check(CHECKS[name], settings)

    async with create_task_group() as looking:
        for name in names:
            looking.start_soon(add_finding, name)
    return {name: found[name] for name in names}


async def _run_check(check: Check, settings: Settings) -> Finding:
    try:
        with move_on_after(_TIMEOUT):
            return await check(settings)
    except ModuleNotFoundError as error:
        return problem(f"{error.name} is not installed.", "Run: pip install 'pushpaka[serve]'")
    except (PushpakaError, OSError) as error:
        return problem(str(error), "Correct the cause, then run the check again.")
    return warning(f"The check did not finish within {_TIMEOUT} seconds.", "Run the check again.")
