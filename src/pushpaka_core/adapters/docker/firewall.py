"""Blocks containers and builds from reaching the host and the cloud's metadata service."""

import logging
import shutil
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from anyio import Lock, current_time, to_thread
from attrs import define, field

from pushpaka_core.adapters.docker.networks import BRIDGE_PREFIX
from pushpaka_core.ports.processes import Command, OutputChunk, ProcessManager

logger = logging.getLogger(__name__)

_SEARCH_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_CHECK_INTERVAL = 60
"""Seconds for which the rules are assumed to stay in force before they are checked again."""
_DNS_PORT = "53"


@define
class Firewall:
    """The host's firewall, configured with iptables."""

    _process_manager: ProcessManager
    _build_bridge: Callable[[], Awaitable[str | None]]
    """A function that returns the bridge of the engine's default network, on which builds run."""
    _now: Callable[[], float] = current_time
    _next_check_at: float = field(default=float("-inf"), init=False)
    _lock: Lock = field(factory=Lock, init=False)

    async def ensure_rules(self) -> None:
        """Insert missing rules, unless they were checked within the last minute."""
        async with self._lock:
            if self._now() >= self._next_check_at:
                await self._ensure_rules()
                self._next_check_at = self._now() + _CHECK_INTERVAL

    async def _ensure_rules(self) -> None:
        """Insert missing rules. Log a warning if that is not possible."""
        program = await to_thread.run_sync(partial(shutil.which, "iptables", path=_SEARCH_PATH))
        rules = _rules(await self._build_bridge())
        if not (program and await self._insert_missing(program, rules)):
            logger.warning(
                "Containers and builds can reach this host and link-local addresses because the "
                "firewall rules could not be added. Run the worker as root, and install iptables."
            )

    async def _insert_missing(self, program: str, rules: Iterable[tuple[str, ...]]) -> bool:
        """
        Insert the rules that are missing, and return False if any could not be inserted.

        Rules are checked one by one only if they are not found in the list of all rules, which is
        requested once.
        """
        listed = (await self._run(program, "-S") or "").splitlines()
        missing = [rule for rule in rules if " ".join(("-A", *rule)) not in listed]
        return all([await self._insert(program, rule) for rule in missing])

    async def _insert(self, program: str, rule: tuple[str, ...]) -> bool:
        if await self._run(program, "-C", *rule) is not None:
            return True
        return await self._run(program, "-I", *rule) is not None

    async def _run(self, program: str, *arguments: str) -> str | None:
        """Run iptables and return its output, or None if it failed."""
        output = bytearray()

        async def take(chunk: OutputChunk) -> None:
            output.extend(chunk.data)

        command = Command(argv=(program, "--wait", *arguments), directory=Path("/"))
        ended = await self._process_manager.run(command, on_output=take)
        return output.decode(errors="replace") if ended.succeeded else None


def _rules(build_bridge: str | None) -> Iterator[tuple[str, ...]]:
    """
    Yield rules that block new connections to link-local IPs and to the host, except to its DNS.

    Builds are also kept from connecting to each other, because the builds of all projects share one
    bridge. The rules are written as `iptables -S` prints them.
    """
    for bridge in filter(None, (f"{BRIDGE_PREFIX}+", build_bridge)):
        begins = ("-m", "conntrack", "--ctstate", "NEW", "!", "--ctorigdstport", _DNS_PORT)
        yield ("INPUT", "-i", bridge, *begins, "-j", "DROP")
        yield ("DOCKER-USER", "-d", "169.254.0.0/16", "-i", bridge, "-j", "DROP")
    if build_bridge:
        yield ("DOCKER-USER", "-i", build_bridge, "-o", build_bridge, "-j", "DROP")
