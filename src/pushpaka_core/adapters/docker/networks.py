"""A network for each project, isolated from those of other projects."""

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
from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.errors import PlatformFaultError

BRIDGE_PREFIX = "pkb"
"""Prefix of the names of all bridges, for the host's firewall."""
ADDRESS_POOL = IPv4Network("10.213.0.0/16")
_SUBNET_PREFIX_LENGTH = 26
"""Prefix length of a project's subnet, which leaves 62 addresses for containers."""
_MAX_INTERFACE_NAME = 15
"""The kernel's limit for the name of an interface (IFNAMSIZ - 1)."""
_DEFAULT_NETWORK, _BRIDGE_NAME_OPTION = "bridge", "com.docker.network.bridge.name"
_CONFLICT, _OVERLAPS = 409, "overlap"
_ROUTES = Path("/proc/net/route")


@frozen(kw_only=True)
class Networks:
    """
    Creates and removes project networks. All methods block; see `Engine.call`.

    Subnets are chosen here because an engine's default pools only suffice for about 30 networks.
    """

    engine: Engine
    labels: Labels
    address_pool: IPv4Network = ADDRESS_POOL
    """The address range from which subnets are allocated."""

    def ensure(self, project_number: int) -> None:
        """
        Create the project's network unless it exists.

        Raises:
            PlatformFaultError: If no subnet is free.
        """
        if self._find(self.labels.network(project_number)):
            return
        for subnet in self._free_subnets():
            try:
                self._create(project_number, subnet)
            except APIError as error:
                if error.status_code == _CONFLICT:
                    return
                if _OVERLAPS not in str(error.explanation):
                    raise
            else:
                return
        raise PlatformFaultError(
            "No subnet is left for another project's network. Set PUSHPAKA_NETWORK_POOL to a "
            "larger range."
        )

    def remove_unused(self, project_number: int) -> None:
        """Remove the project's network unless containers are attached."""
        with suppress(NotFound, APIError):
            for network in self._find(self.labels.network(project_number)):
                network.remove()

    def _create(self, project_number: int, subnet: IPv4Network) -> None:
        bridge = f"{BRIDGE_PREFIX}{self.labels.instance_id[:4]}{project_number:x}"[
            :_MAX_INTERFACE_NAME
        ]
        self.engine.client.networks.create(
            self.labels.network(project_number),
            driver="bridge",
            labels=self.labels.project_labels(project_number),
            options={_BRIDGE_NAME_OPTION: bridge},
            ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))]),
        )

    def _free_subnets(self) -> Iterator[IPv4Network]:
        """Yield subnets that overlap no network of the engine and no route of the host."""
        taken = [
            *self._used_subnets(),
            *(route for route in _routes() if route.subnet_of(self.address_pool)),
        ]
        for subnet in self.address_pool.subnets(new_prefix=_SUBNET_PREFIX_LENGTH):
            if not any(subnet.overlaps(other) for other in taken):
                yield subnet

    def _used_subnets(self) -> Iterator[IPv4Network]:
        for network in self.engine.client.networks.list():
            for config in (network.attrs.get("IPAM") or {}).get("Config") or ():
                found = ip_network(config["Subnet"], strict=False)
                if isinstance(found, IPv4Network):
                    yield found

    def _find(self, name: str) -> list[Network]:
        return [one for one in self.engine.client.networks.list(names=[name]) if one.name == name]


async def find_build_bridge(engine: Engine) -> str | None:
    """Return the bridge of the engine's default network, on which builds run, or None."""
    return await engine.call(_find_build_bridge, engine)


def _find_build_bridge(engine: Engine) -> str | None:
    with suppress(NotFound):
        options = engine.client.networks.get(_DEFAULT_NETWORK).attrs["Options"]
        return str(options[_BRIDGE_NAME_OPTION]) if _BRIDGE_NAME_OPTION in options else None
    return None


def _routes() -> Iterator[IPv4Network]:
    """
    Yield the destinations of the host's IPv4 routes.

    A VPN or another engine may use addresses in the pool as well.
    """
    with suppress(OSError):
        for line in _ROUTES.read_text().splitlines()[1:]:
            _, destination, *_, mask, _, _, _ = line.split()
            yield IPv4Network((_address(destination), str(_address(mask))))


def _address(text: str) -> IPv4Address:
    """Parse an address from /proc/net/route: a hexadecimal number in the host's byte order."""
    return IPv4Address(int(text, 16).to_bytes(4, byteorder))
