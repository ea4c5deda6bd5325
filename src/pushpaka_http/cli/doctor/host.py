"""Checks of the host: installed programs, free resources, permissions and limits."""

import ctypes
import os
import platform
import re
import resource
import sys
from pathlib import Path

from anyio import to_thread

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.adapters.host.local_host import LocalHost
from pushpaka_core.adapters.iptables.packet_filters import iptables_programs
from pushpaka_core.adapters.process.sandbox.cgroups import available_cgroups
from pushpaka_core.bootstrap.host_programs import find_program, program_output
from pushpaka_core.bootstrap.runtimes import known_runtime
from pushpaka_core.container.worker import VERSION
from pushpaka_core.host.control_groups import CPU, MEMORY, PIDS
from pushpaka_core.ports.runtime import HostCapacity
from pushpaka_core.services.disk_reserve import MEBIBYTE
from pushpaka_core.settings.settings import RouterChoice, RuntimeChoice, Settings
from pushpaka_http.cli.doctor.findings import Finding, nearest_existing, ok, problem, warning

_MIN_GIT_VERSION = (2, 37)
_MIN_OPEN_FILES = 4096
_CAP_SYS_ADMIN = 21
_TIME_ERROR = 5
"""The return value `TIME_ERROR` of adjtimex: the clock is not synchronized."""
_TIMEX_BYTES = 256
_CGROUP_ROOT = "/sys/fs/cgroup"


async def check_python(_: Settings) -> Finding:
    """Report the versions of Pushpaka and Python."""
    return ok(f"Pushpaka {VERSION} on Python {platform.python_version()}, {sys.executable}")


async def check_git(_: Settings) -> Finding:
    """Check the version of git, and whether ssh is installed for private repositories."""
    binary = await to_thread.run_sync(find_git)
    version_output = await program_output(str(binary), "--version") or ""
    found = re.search(r"(\d+)\.(\d+)[.\d]*", version_output)
    if found is None:
        return problem(f"{binary} does not print its version.", "Reinstall git.")
    if (int(found[1]), int(found[2])) < _MIN_GIT_VERSION:
        return problem(f"git {found[0]} is too old.", "Install git 2.37 or newer.")
    if await find_program("ssh") is None:
        message = f"git {found[0]}, without ssh: only https repositories can be fetched."
        return warning(message, "Install openssh-client to fetch repositories with a deploy key.")
    return ok(f"git {found[0]}, with ssh.")


async def check_application_isolation(settings: Settings) -> Finding:
    """Check whether applications share memory and temporary files with other processes."""
    known = await to_thread.run_sync(known_runtime, settings)
    if known is not None and known.runtime is not RuntimeChoice.PROCESS:
        return ok("Applications run in containers.")
    if os.geteuid() != 0:
        return ok("Applications run as this user and share its /tmp and /dev/shm.")
    if await to_thread.run_sync(_can_mount):
        return ok("Each application has its own shared memory, message queues and /tmp.")
    return warning(
        "Applications share /tmp, /var/tmp and /dev/shm with this host, because Pushpaka cannot "
        "mount file systems. Files that they leave there are deleted with their project.",
        'Give Pushpaka the capability CAP_SYS_ADMIN, or use the runtime "docker".',
    )


def _can_mount() -> bool:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    effective = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    return bool(effective >> _CAP_SYS_ADMIN & 1)


async def check_free_capacity(settings: Settings) -> Finding:
    """Compare free memory and disk space with the minimum for a deployment."""
    directory = await to_thread.run_sync(nearest_existing, settings.data_directory)
    left = await LocalHost(directory).free_capacity()
    least = HostCapacity(
        disk=settings.min_free_disk * MEBIBYTE, memory=settings.min_free_memory * MEBIBYTE
    )
    message = (
        f"{left.disk // MEBIBYTE} MiB of disk space are free at {directory}, and "
        f"{left.memory // MEBIBYTE} MiB of memory are available"
    )
    if left.disk < least.disk or left.memory < least.memory:
        return problem(
            f"{message}. That is not enough to start a deployment.",
            "Free up disk space or memory, or lower PUSHPAKA_MIN_FREE_DISK or "
            "PUSHPAKA_MIN_FREE_MEMORY.",
        )
    if left.disk < 2 * least.disk or left.memory < 2 * least.memory:
        return warning(
            f"{message}. That is barely enough to start a deployment.",
            "Free up disk space or memory before deployments have to wait.",
        )
    return ok(f"{message}.")


async def check_control_groups(settings: Settings) -> Finding:
    """Check which resources of applications or image builds can be limited."""
    known = await to_thread.run_sync(known_runtime, settings)
    if known is not None and known.runtime in {RuntimeChoice.DOCKER, RuntimeChoice.SWARM}:
        if os.geteuid() == 0 and await to_thread.run_sync(os.access, _CGROUP_ROOT, os.W_OK):
            return ok("The resources of image builds can be limited.")
        return problem(
            "The resources of image builds cannot be limited.", "Run the worker as root."
        )
    found = (await to_thread.run_sync(available_cgroups)).controllers
    missing = [name for name in (CPU, MEMORY, PIDS) if name not in found]
    if not missing:
        return ok("The CPU, memory and processes of applications can be limited.")
    return warning(
        f"No control groups for {', '.join(missing)}: limits apply to each process separately.",
        "Run as root, or in a systemd unit with Delegate=yes.",
    )


async def check_application_network(settings: Settings) -> Finding:
    """Check whether applications can connect to the platform's own ports."""
    known = await to_thread.run_sync(known_runtime, settings)
    if known is not None and known.runtime in {RuntimeChoice.DOCKER, RuntimeChoice.SWARM}:
        return ok("Applications have their own networks.")
    return await _firewall_finding(
        "Applications cannot connect to the API, the database and Redis on this host.",
        risk="Applications can connect to the API, the database and Redis on this host",
    )


async def check_client_connections(settings: Settings) -> Finding:
    """Check whether a single client can use up all connections of the router."""
    if settings.router is not RouterChoice.TRAEFIK or settings.router_urls:
        return ok("There is no router on this machine.")
    return await _firewall_finding(
        f"Each client can open {settings.router_connections} connections to the router.",
        risk="One client can take all connections of the router",
    )


async def _firewall_finding(ok_message: str, *, risk: str) -> Finding:
    if os.geteuid() != 0:
        return warning(f"{risk}: only root can configure the firewall.", "Run as root.")
    try:
        filters = await to_thread.run_sync(iptables_programs)
    except FileNotFoundError as error:
        return warning(f"{risk}: {error} is not installed.", "Install iptables.")
    if None in [
        await program_output(str(program), "--wait", "-S", "OUTPUT") for program in filters
    ]:
        return warning(f"{risk}: iptables fails.", "Give Pushpaka the capability CAP_NET_ADMIN.")
    return ok(ok_message)


async def check_clock(_: Settings) -> Finding:
    """Ask the kernel whether the clock is synchronized, without changing the clock."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state == _TIME_ERROR:
        return warning(
            "The clock is not synchronized. If it is wrong, certificates and tokens expire at the"
            " wrong time.",
            "Install systemd-timesyncd or chrony, unless the hypervisor sets the clock.",
        )
    return ok("The clock is synchronized." if state >= 0 else "The state of the clock is unknown.")


async def check_open_files(_: Settings) -> Finding:
    """Check how many files and connections a process can have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _MIN_OPEN_FILES:
        return warning(
            f"The limit for open files and connections is {soft}, and can be raised to {hard}.",
            "Set LimitNOFILE=65536 in the systemd unit, or run `ulimit -n 65536` first.",
        )
    return ok(f"The limit for open files and connections is {soft}.")
