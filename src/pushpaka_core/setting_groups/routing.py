"""Who sends requests to applications, and by which names."""

from enum import StrEnum

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.setting_groups.field import setting


class RouterChoice(StrEnum):
    """Who sends requests to applications."""

    TRAEFIK = "traefik"
    NONE = "none"
    MEMORY = "memory"


@frozen(kw_only=True, slots=False)
class RoutingSettings:
    """The router and the domain below which applications have names."""

    router: RouterChoice = setting(
        setting_values.one_of(RouterChoice),
        "`traefik`, `none`, or `memory` for tests",
        default=RouterChoice.TRAEFIK,
    )
    router_host: str = setting(
        setting_values.host, "the address on which the router listens", default="127.0.0.1"
    )
    router_port: int | None = setting(
        setting_values.integer(1, 65_535),
        "the router's port: 80 where it may be bound, else 8000",
        default=None,
    )
    router_urls: tuple[str, ...] = setting(
        setting_values.http_urls,
        "where Traefiks on other machines show which route table they use, as in "
        "`http://10.0.0.5:8081`; none by default, and one runs here",
        default=(),
    )
    router_token: str | None = setting(
        setting_values.secret,
        "by which those Traefiks fetch the route table from the API",
        default=None,
        repr=False,
    )
    node_address: str = setting(
        setting_values.own_address,
        "the IPv4 address of this machine on which applications listen, for the router",
        default="127.0.0.1",
    )
    base_domain: str = setting(
        setting_values.domain, "applications answer at `<slug>.<base domain>`", default="localhost"
    )
    dns_servers: tuple[tuple[str, int], ...] = setting(
        setting_values.name_servers,
        "name servers that are asked for the records of custom domains, as in "
        "`9.9.9.9,127.0.0.1:5353`; those of this host by default",
        default=(),
    )
