"""Settings for the router and host names."""

from enum import StrEnum

from attrs import frozen

from pushpaka_core.settings import addresses, values
from pushpaka_core.settings.values import setting


class RouterChoice(StrEnum):
    """The router that sends requests to applications."""

    TRAEFIK = "traefik"
    NONE = "none"
    MEMORY = "memory"


@frozen(kw_only=True, slots=False)
class RoutingSettings:
    """Router and host names."""

    router: RouterChoice = setting(
        values.one_of(RouterChoice),
        "Router: `traefik`, `none`, or `memory` for tests.",
        default=RouterChoice.TRAEFIK,
    )
    router_host: str = setting(
        addresses.host, "Address on which the router listens.", default="127.0.0.1"
    )
    router_port: int | None = setting(
        values.integer(1, 65_535),
        "Port on which the router listens for HTTP, from 1 to 65535. Default: 80 if it can be "
        "bound, else 8000.",
        default=None,
    )
    router_connections: int = setting(
        values.integer(10, 1_000_000),
        "Maximum number of open connections to the router per client (IPv4 address or IPv6 /64), "
        "from 10 to 1,000,000. `PUSHPAKA_TRUSTED_PROXIES` are exempt. Enforced with iptables when "
        "running as root.",
        default=1000,
    )
    router_urls: tuple[str, ...] = setting(
        addresses.http_urls,
        "Comma-separated URLs at which Traefik instances on other machines report their route "
        "table, for example `http://10.0.0.5:8081`. Default: none, and Traefik runs on this "
        "machine.",
        default=(),
    )
    router_token: str | None = setting(
        values.secret,
        "Token that Traefik instances on other machines use to fetch the route table from the API, "
        "at least 32 characters long.",
        default=None,
        repr=False,
    )
    router_page_urls: tuple[str, ...] = setting(
        addresses.http_urls,
        "Comma-separated URLs at which Traefik instances on other machines reach `pushpaka "
        "error-pages`, for example `http://10.0.0.5:8082`. Default: none, and errors are sent as "
        "short plain text.",
        default=(),
    )
    node_address: str = setting(
        addresses.own_address,
        "IPv4 address of this machine on which applications listen for the router.",
        default="127.0.0.1",
    )
    base_domain: str = setting(
        addresses.domain,
        "Base domain of applications, which are served at `<slug>.<base domain>`.",
        default="localhost",
    )
    dns_servers: tuple[tuple[str, int], ...] = setting(
        addresses.name_servers,
        "Comma-separated name servers for checking custom domains, for example "
        "`9.9.9.9,127.0.0.1:5353`. Default: this host's name servers.",
        default=(),
    )
