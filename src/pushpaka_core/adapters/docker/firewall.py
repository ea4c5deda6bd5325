"""Keeps containers from this host and from its cloud's metadata, where the host lets us."""

import logging
import shutil
from collections.abc import Callable, Sequence
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
_FROM_PROJECTS = ("-i", f"{BRIDGES}+")
_RULES: Sequence[tuple[str, ...]] = (
    ("INPUT", *_FROM_PROJECTS, "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP"),
    ("DOCKER-USER", *_FROM_PROJECTS, "-d", "169.254.0.0/16", "-j", "DROP"),
)
"""Nothing begins a connection from a project's network to the host, or to link-local addresses."""


@define
class Firewall:
    """The host's own, by iptables."""

    _processes: Processes
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
        refused = [rule for rule in _RULES if not (program and await self._keep(program, rule))]
        if refused:
            logger.warning(
                "Containers can reach this host and link-local addresses: the firewall could not be"
                " told otherwise. Run the worker as root, with iptables installed."
            )

    async def _keep(self, program: str, rule: tuple[str, ...]) -> bool:
        return await self._run(program, "-C", *rule) or await self._run(program, "-I", *rule)

    async def _run(self, program: str, *arguments: str) -> bool:
        command = Command(argv=(program, "--wait", *arguments), directory=Path("/"))
        return (await self._processes.run(command, on_output=_discard)).succeeded


async def _discard(_: OutputChunk) -> None:
    """Take what iptables says of rules that are not there."""
