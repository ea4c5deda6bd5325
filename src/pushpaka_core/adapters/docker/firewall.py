"""Keeps containers and builds from this host and its cloud's metadata, where the host lets us."""

import logging
import shutil
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from anyio import Lock, current_time, to_thread
from attrs import define, field

from pushpaka_core.adapters.docker.networks import BRIDGES
from pushpaka_core.ports.processes import Command, OutputChunk, Processes

logger = logging.getLogger(__name__)

_SEARCH_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_SECONDS = 60
"""How long the rules are believed to be in force."""
_DNS = "53"


@define
class Firewall:
    """The host's own, by iptables."""

    _processes: Processes
    _bridge_of_builds: Callable[[], Awaitable[str | None]]
    """Tells which bridge the commands of builds are behind: that of the engine's own network."""
    _now: Callable[[], float] = current_time
    _due_at: float = field(default=float("-inf"), init=False)
    _looking: Lock = field(factory=Lock, init=False)

    async def close(self) -> None:
        """Put the rules in force unless they are, or were a moment ago."""
        async with self._looking:
            if self._now() >= self._due_at:
                await self._close()
                self._due_at = self._now() + _SECONDS

    async def _close(self) -> None:
        """Put the rules in force unless they are; say it where that cannot be done."""
        program = await to_thread.run_sync(partial(shutil.which, "iptables", path=_SEARCH_PATH))
        rules = _rules(await self._bridge_of_builds())
        if not (program and await self._all_kept(program, rules)):
            logger.warning(
                "Containers and builds can reach this host and link-local addresses: the firewall"
                " could not be told otherwise. Run the worker as root, with iptables installed."
            )

    async def _all_kept(self, program: str, rules: Iterable[tuple[str, ...]]) -> bool:
        """Ask once what is in force, and then only for what was not found in the answer."""
        listed = (await self._said(program, "-S") or "").splitlines()
        missing = [rule for rule in rules if " ".join(("-A", *rule)) not in listed]
        return all([await self._keep(program, rule) for rule in missing])

    async def _keep(self, program: str, rule: tuple[str, ...]) -> bool:
        if await self._said(program, "-C", *rule) is not None:
            return True
        return await self._said(program, "-I", *rule) is not None

    async def _said(self, program: str, *arguments: str) -> str | None:
        """Return what iptables prints; None where it refuses."""
        said = bytearray()

        async def take(chunk: OutputChunk) -> None:
            said.extend(chunk.data)

        command = Command(argv=(program, "--wait", *arguments), directory=Path("/"))
        ended = await self._processes.run(command, on_output=take)
        return said.decode(errors="replace") if ended.succeeded else None


def _rules(bridge_of_builds: str | None) -> Iterator[tuple[str, ...]]:
    """
    Let nothing begin a connection to the host, but to its DNS, or to link-local addresses.

    Nor builds to each other: whichever project they are of, they are behind the same bridge.
    Each is written as iptables lists it.
    """
    for bridge in filter(None, (f"{BRIDGES}+", bridge_of_builds)):
        begins = ("-m", "conntrack", "--ctstate", "NEW", "!", "--ctorigdstport", _DNS)
        yield ("INPUT", "-i", bridge, *begins, "-j", "DROP")
        yield ("DOCKER-USER", "-d", "169.254.0.0/16", "-i", bridge, "-j", "DROP")
    if bridge_of_builds:
        yield ("DOCKER-USER", "-i", bridge_of_builds, "-o", bridge_of_builds, "-j", "DROP")
