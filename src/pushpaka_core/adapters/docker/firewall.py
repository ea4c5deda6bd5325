"""Keeps containers and builds from this host and its cloud's metadata, where the host lets us."""

import logging
import shutil
from collections.abc import Awaitable, Callable, Iterator
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
        refused = [rule for rule in rules if not (program and await self._keep(program, rule))]
        if refused:
            logger.warning(
                "Containers and builds can reach this host and link-local addresses: the firewall"
                " could not be told otherwise. Run the worker as root, with iptables installed."
            )

    async def _keep(self, program: str, rule: tuple[str, ...]) -> bool:
        return await self._run(program, "-C", *rule) or await self._run(program, "-I", *rule)

    async def _run(self, program: str, *arguments: str) -> bool:
        command = Command(argv=(program, "--wait", *arguments), directory=Path("/"))
        return (await self._processes.run(command, on_output=_discard)).succeeded


def _rules(bridge_of_builds: str | None) -> Iterator[tuple[str, ...]]:
    """
    Let nothing begin a connection to the host, but to its DNS, or to link-local addresses.

    Nor builds to each other: whichever project they are of, they are behind the same bridge.
    """
    for bridge in filter(None, (f"{BRIDGES}+", bridge_of_builds)):
        begins = ("-m", "conntrack", "--ctstate", "NEW", "!", "--ctorigdstport", _DNS)
        yield ("INPUT", "-i", bridge, *begins, "-j", "DROP")
        yield ("DOCKER-USER", "-i", bridge, "-d", "169.254.0.0/16", "-j", "DROP")
    if bridge_of_builds:
        yield ("DOCKER-USER", "-i", bridge_of_builds, "-o", bridge_of_builds, "-j", "DROP")


async def _discard(_: OutputChunk) -> None:
    """Take what iptables says of rules that are not there."""
