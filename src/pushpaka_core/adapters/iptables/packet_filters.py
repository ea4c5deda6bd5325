"""Packet filters of one Pushpaka instance on this host. Setting them requires root."""

import logging
import shutil
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from pathlib import Path
from uuid import UUID

from anyio import Lock, create_task_group, current_time, run_process, to_thread
from attrs import define, field

from pushpaka_core.domain.networks import IPNetwork

logger = logging.getLogger(__name__)

_SEARCH_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_IPV6 = Path("/proc/net/if_inet6")
_CHECK_SECONDS = 60
"""Seconds between checks. Other programs may flush the rules at any time."""
_LOCK_TIMEOUT_SECONDS = 10
"""How long to wait for the lock of the host's rules, in seconds."""
_RESET = "-j REJECT --reject-with tcp-reset"
_CLIENT_PREFIX_LENGTHS = {4: 32, 6: 64}
"""The prefix length that identifies one client, by IP version."""


def iptables_programs() -> list[Path]:
    """
    Return the iptables command for each IP version that this host uses. Blocks.

    Raises:
        FileNotFoundError: If one of them is not installed.
    """
    names = ("iptables", "ip6tables") if _IPV6.exists() else ("iptables",)
    return [_find_program(name) for name in names]


@define(kw_only=True)
class PacketFilter:
    """
    A chain of rules, and the rule that jumps to it.

    The name of the chain contains the instance id, so that several instances can share a host.
    """

    _chain: str
    """The name of the chain, at most 28 characters."""
    _jump: str
    """The rule that jumps to the chain, without its target, as iptables lists it."""
    _rules: Callable[[int], Iterable[str]]
    """A function that returns the rules of the chain for an IP version, as iptables lists them."""
    _warning: str
    """The risk without the rules, as the beginning of a log message."""
    _now: Callable[[], float] = current_time
    _due_at: float = field(default=float("-inf"), init=False)
    _has_warned: bool = field(default=False, init=False)
    _check_lock: Lock = field(factory=Lock, init=False)

    async def apply(self) -> None:
        """Install the rules unless they were checked within the last minute. Log a failure once."""
        async with self._check_lock:
            if self._now() < self._due_at:
                return
            is_applied = await self._run_for_each_version(self._apply)
            self._due_at = self._now() + _CHECK_SECONDS
        if not is_applied and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%s because the firewall rules could not be installed. Install iptables, and run "
                "Pushpaka as root.",
                self._warning,
            )

    async def remove(self) -> None:
        """Remove the rules. Does nothing if there are none, or if iptables is not installed."""
        await self._run_for_each_version(self._remove)

    async def _run_for_each_version(self, action: Callable[[Path], Awaitable[bool]]) -> bool:
        """Run *action* for every IP version, and return True if all runs succeeded."""
        try:
            programs = await to_thread.run_sync(iptables_programs)
        except FileNotFoundError:
            return False
        outcomes: list[bool] = []

        async def run_action(program: Path) -> None:
            outcomes.append(await action(program))

        async with create_task_group() as tasks:
            for program in programs:
                tasks.start_soon(run_action, program)
        return all(outcomes)

    async def _apply(self, program: Path) -> bool:
        listed = await self._list_rules(program)
        if listed is None:
            return False
        version = 6 if program.name == "ip6tables" else 4
        rules = [f"-A {self._chain} {rule}" for rule in self._rules(version)]
        if rules != [line for line in listed if line.startswith(f"-A {self._chain} ")]:
            # Declaring the chain flushes it; iptables-restore applies the change atomically.
            table = ["*filter", f":{self._chain} - [0:0]", *rules, "COMMIT", ""]
            restore = program.with_name(f"{program.name}-restore")
            if await self._run(restore, "--noflush", stdin="\n".join(table)) is None:
                return False
        if f"-A {self._jump_rule}" in listed:
            return True
        return await self._run(program, "-I", *self._jump_rule.split()) is not None

    async def _remove(self, program: Path) -> bool:
        listed = await self._list_rules(program) or []
        if f"-A {self._jump_rule}" in listed:
            await self._run(program, "-D", *self._jump_rule.split())
        if f"-N {self._chain}" in listed:
            await self._run(program, "-F", self._chain)
            await self._run(program, "-X", self._chain)
        return True

    @property
    def _jump_rule(self) -> str:
        return f"{self._jump} -j {self._chain}"

    async def _list_rules(self, program: Path) -> list[str] | None:
        output = await self._run(program, "-S")
        return None if output is None else output.splitlines()

    async def _run(self, program: Path, *arguments: str, stdin: str = "") -> str | None:
        """Return the output of *program*, or None if it fails."""
        command = [str(program), f"--wait={_LOCK_TIMEOUT_SECONDS}", *arguments]
        # The environment of this process contains secrets, so it is not passed on.
        env = {"PATH": _SEARCH_PATH}
        try:
            ended = await run_process(command, input=stdin.encode(), env=env, check=False)
        except OSError:  # The host is out of processes or descriptors; the next check retries.
            return None
        return ended.stdout.decode(errors="replace") if ended.returncode == 0 else None


def port_filter(instance_id: UUID, *, uids: range, ports: Collection[int]) -> PacketFilter:
    """
    Return a filter that rejects connections from users *uids* to TCP *ports* of this host.

    It matches the loopback interface, which is used for all addresses of the host itself.
    """
    return PacketFilter(
        chain=_chain(instance_id),
        jump=f"OUTPUT -o lo -p tcp -m owner --uid-owner {uids[0]}-{uids[-1]}",
        rules=lambda _: [f"-p tcp -m tcp --dport {port} {_RESET}" for port in sorted(ports)],
        warning="Applications can connect to the API, the database and the other ports of the "
        "platform on this host",
    )


def connection_filter(
    instance_id: UUID,
    *,
    ports: Collection[int],
    limit: int,
    exempt_networks: Sequence[IPNetwork] = (),
) -> PacketFilter:
    """
    Return a filter that limits each client to *limit* open connections to each of *ports*.

    A client is an IPv4 address or an IPv6 /64. Networks in *exempt_networks* are not limited.
    """

    def rules(ip_version: int) -> Iterable[str]:
        yield from (f"-s {net} -j RETURN" for net in exempt_networks if net.version == ip_version)
        counted = f"--connlimit-above {limit} --connlimit-mask {_CLIENT_PREFIX_LENGTHS[ip_version]}"
        for port in sorted(ports):
            yield f"-p tcp -m tcp --dport {port} -m connlimit {counted} --connlimit-saddr {_RESET}"

    return PacketFilter(
        chain=f"{_chain(instance_id)}-in",
        jump="INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN",
        rules=rules,
        warning="One client can take all connections of the router",
    )


def _chain(instance_id: UUID) -> str:
    return f"pushpaka-{instance_id.hex[:16]}"


def _find_program(name: str) -> Path:
    program = shutil.which(name, path=_SEARCH_PATH)
    if program is None:
        raise FileNotFoundError(name)
    return Path(program)
