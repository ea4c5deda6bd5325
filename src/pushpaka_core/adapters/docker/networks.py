"""A network for each project, in which nobody else's containers are."""

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, ip_network
from pathlib import Path
from sys import byteorder

from attrs import frozen
from docker.errors import APIError, NotFound
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.errors import PlatformFaultError

BRIDGES = "pkb"
"""How the names of the bridges begin, by which the host's firewall can know them."""
POOL = IPv4Network("10.213.0.0/16")
_SIZE = 26
"""The length of the prefix of each project's addresses: there are 62 for its containers."""
_MOST_OF_A_NAME = 15
"""Bytes that the kernel has for an interface's name."""
_OF_THE_ENGINE, _BRIDGE_NAME = "bridge", "com.docker.network.bridge.name"
_CONFLICT, _OVERLAPS = 409, "overlap"
_ROUTES = Path("/proc/net/route")


@frozen(kw_only=True)
class Networks:
    """Blocks; see `Engine.call`. An engine's own pools would do for some thirty networks only."""

    engine: Engine
    marks: Marks
    pool: IPv4Network = POOL
    """What the addresses of all projects are taken from."""

    def ensure(self, project_number: int) -> None:
        """
        Make the project's network unless it is there.

        Raises:
            PlatformFaultError: If there are no addresses left.
        """
        if self._found(self.marks.network(project_number)):
            return
        for subnet in self._free():
            try:
                self._create(project_number, subnet)
            except APIError as error:
                if error.status_code == _CONFLICT:
                    return
                if _OVERLAPS not in str(error.explanation):
                    raise
            else:
                return
        raise PlatformFaultError("There are no addresses left for more projects' networks.")

    def remove_unused(self, project_number: int) -> None:
        """Remove the project's network unless containers are in it."""
        with suppress(NotFound, APIError):
            for network in self._found(self.marks.network(project_number)):
                network.remove()

    def _create(self, project_number: int, subnet: IPv4Network) -> None:
        bridge = f"{BRIDGES}{self.marks.platform[:4]}{project_number:x}"[:_MOST_OF_A_NAME]
        self.engine.client.networks.create(
            self.marks.network(project_number),
            driver="bridge",
            labels=self.marks.of_project(project_number),
            options={_BRIDGE_NAME: bridge},
            ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))]),
        )

    def _free(self) -> Iterator[IPv4Network]:
        """Yield what no network of the engine or of the host has, as far as that can be seen."""
        taken = [*self._taken(), *(route for route in _routes() if route.subnet_of(self.pool))]
        for subnet in self.pool.subnets(new_prefix=_SIZE):
            if not any(subnet.overlaps(other) for other in taken):
                yield subnet

    def _taken(self) -> Iterator[IPv4Network]:
        for network in self.engine.client.networks.list():
            for config in (network.attrs.get("IPAM") or {}).get("Config") or ():
                found = ip_network(config["Subnet"], strict=False)
                if isinstance(found, IPv4Network):
                    yield found

    def _found(self, name: str) -> list[Network]:
        return [one for one in self.engine.client.networks.list(names=[name]) if one.name == name]


async def bridge_of_builds(engine: Engine) -> str | None:
    """Return the bridge of the engine's own network, in which builds are; None if it has none."""
    return await engine.call(_bridge_of_builds, engine)


def _bridge_of_builds(engine: Engine) -> str | None:
    with suppress(NotFound):
        options = engine.client.networks.get(_OF_THE_ENGINE).attrs["Options"]
        return str(options[_BRIDGE_NAME]) if _BRIDGE_NAME in options else None
    return None


def _routes() -> Iterator[IPv4Network]:
    """Yield where this host sends packets: another engine, or a tunnel, may be in the pool too."""
    with suppress(OSError):
        for line in _ROUTES.read_text().splitlines()[1:]:
            _, destination, *_, mask, _, _, _ = line.split()
            yield IPv4Network((_address(destination), str(_address(mask))))


def _address(text: str) -> IPv4Address:
    """Read an address as the kernel writes it: a number in the host's order of bytes."""
    return IPv4Address(int(text, 16).to_bytes(4, byteorder))
