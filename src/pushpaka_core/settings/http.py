"""Settings for the API server."""

from attrs import frozen

from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.settings import addresses, values
from pushpaka_core.settings.values import setting


@frozen(kw_only=True, slots=False)
class HttpSettings:
    """API server."""

    host: str = setting(addresses.host, "Address on which the API listens.", default="127.0.0.1")
    port: int = setting(
        values.integer(1, 65_535),
        "Port on which the API listens, from 1 to 65535.",
        default=8080,
    )
    api_urls: tuple[str, ...] = setting(
        addresses.http_urls,
        "Comma-separated URLs at which the router reaches each API process, for example "
        "`http://10.0.0.4:8080`. Default: `PUSHPAKA_HOST` and `PUSHPAKA_PORT`.",
        default=(),
    )
    trusted_proxies: tuple[IPNetwork, ...] = setting(
        addresses.networks,
        "Comma-separated networks whose `X-Forwarded-For` header is trusted. Default: none.",
        default=(),
    )
    allowed_origins: tuple[str, ...] = setting(
        addresses.origins,
        "Comma-separated origins of other web pages that can use the API (CORS). Default: none.",
        default=(),
    )
    allowed_hosts: tuple[str, ...] = setting(
        addresses.host_names,
        "Comma-separated additional host names at which the API responds, for example behind your "
        "own proxy. `*` allows any host name and exposes an API on loopback to DNS rebinding. IP "
        "addresses, `localhost`, `api.<base domain>` and the hosts in `PUSHPAKA_API_URLS` are "
        "always allowed.",
        default=(),
    )
    metrics_token: str | None = setting(
        values.secret,
        "Bearer token required for `/metrics`, at least 32 characters long. Default: none, "
        "so `/metrics` is public.",
        default=None,
        repr=False,
    )
