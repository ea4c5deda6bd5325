"""The machine: what is installed on it, what it has left, and what it lets this user do."""

import ctypes
import os
import platform
import re
import resource
import sys

from anyio import to_thread

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.adapters.host.host import LocalHost
from pushpaka_core.adapters.process.cgroups import own_cgroups
from pushpaka_core.bootstrap.host_programs import on_path, said_by
from pushpaka_core.bootstrap.runtimes import known_runtime
from pushpaka_core.control_groups import CPU, MEMORY, PIDS
from pushpaka_core.engine import VERSION
from pushpaka_core.ports.host import Room
from pushpaka_core.services.admission import MEBIBYTE
from pushpaka_core.settings import RuntimeChoice, Settings
from pushpaka_http.cli.examination.findings import Finding, nearest, ok, problem, warning

_OLDEST_GIT = (2, 37)
_FEW_FILES = 4096
_UNSYNCHRONISED = 5
"""What the kernel answers whose clock nobody sets right."""
_TIMEX_BYTES = 256
_CONTROL_GROUPS = "/sys/fs/cgroup"


async def python(_: Settings) -> Finding:
    """Tell what this is."""
    return ok(f"Pushpaka {VERSION} on Python {platform.python_version()}, {sys.executable}")


async def git(_: Settings) -> Finding:
    """Look for git, and for what fetches by ssh."""
    binary = await to_thread.run_sync(find_git)
    said = await said_by(str(binary), "--version") or ""
    found = re.search(r"(\d+)\.(\d+)[.\d]*", said)
    if found is None:
        return problem(f"{binary} does not tell its version.", "Install git anew.")
    if (int(found[1]), int(found[2])) < _OLDEST_GIT:
        return problem(f"git is of version {found[0]}.", "Install git, 2.37 or newer.")
    if await on_path("ssh") is None:
        told = f"git {found[0]}, but no ssh: repositories are fetched by https alone."
        return warning(told, "Install openssh-client for those that are not public.")
    return ok(f"git {found[0]}, with ssh")


async def room(settings: Settings) -> Finding:
    """Measure memory and disk against what deployments need to begin."""
    directory = await to_thread.run_sync(nearest, settings.data_directory)
    left = await LocalHost(directory).room()
    least = Room(disk=settings.min_free_disk * MEBIBYTE, memory=settings.min_free_memory * MEBIBYTE)
    told = (
        f"{left.disk // MEBIBYTE} MiB of disk free at {directory}, "
        f"{left.memory // MEBIBYTE} MiB of memory available"
    )
    if left.disk < least.disk or left.memory < least.memory:
        return problem(
            f"{told}: too little for a deployment to begin.",
            "Free some, or lower PUSHPAKA_MIN_FREE_DISK or PUSHPAKA_MIN_FREE_MEMORY.",
        )
    if left.disk < 2 * least.disk or left.memory < 2 * least.memory:
        return warning(f"{told}: soon too little.", "Free some before deployments have to wait.")
    return ok(told)


async def control_groups(settings: Settings) -> Finding:
    """Ask which limits hold for a program with all its children, or for a build of an image."""
    known = await to_thread.run_sync(known_runtime, settings)
    if known is not None and known.runtime in {RuntimeChoice.DOCKER, RuntimeChoice.SWARM}:
        if os.geteuid() == 0 and await to_thread.run_sync(os.access, _CONTROL_GROUPS, os.W_OK):
            return ok("Builds of images can be bounded.")
        return problem("Builds of images cannot be bounded.", "Run the worker as root.")
    found = (await to_thread.run_sync(own_cgroups)).controllers
    lacking = [name for name in (CPU, MEMORY, PIDS) if name not in found]
    if not lacking:
        return ok("Processors, memory and processes of applications can be limited.")
    return warning(
        f"No control groups for {', '.join(lacking)}: limits hold for each process alone.",
        "Run as root, or in a unit of systemd with Delegate=yes.",
    )


async def clock(_: Settings) -> Finding:
    """Ask the kernel whether somebody sets the clock right; nothing is set by that."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state == _UNSYNCHRONISED:
        return warning(
            "Nobody sets the clock right: certificates and tokens end at the wrong time once it is"
            " off.",
            "Install systemd-timesyncd or chrony, unless the machine's host does it.",
        )
    return ok("The clock is set right by a time server." if state >= 0 else "It is not known how.")


async def limits(_: Settings) -> Finding:
    """Look at how many files and connections a process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FEW_FILES:
        return warning(
            f"A process may have {soft} files and connections open, {hard} at most.",
            "Set LimitNOFILE=65536 in the unit of systemd, or `ulimit -n 65536` before.",
        )
    return ok(f"A process may have {soft} files and connections open.")
