"""Where the API listens, and whom it believes."""

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.setting_groups.field import setting


@frozen(kw_only=True, slots=False)
class HttpSettings:
    """The API's address, and its dealings with browsers and proxies."""

    host: str = setting(
        setting_values.host, "the address on which the API listens", default="127.0.0.1"
    )
    port: int = setting(setting_values.integer(1, 65_535), "the API's port", default=8080)
    api_urls: tuple[str, ...] = setting(
        setting_values.http_urls,
        "where the router reaches the API, as in `http://10.0.0.4:8080`, each process of it; this "
        "host and port by default",
        default=(),
    )
    trusted_proxies: tuple[IPNetwork, ...] = setting(
        setting_values.networks,
        "networks whose X-Forwarded-For is believed; none by default",
        default=(),
    )
    allowed_origins: tuple[str, ...] = setting(
        setting_values.origins,
        "origins of other web pages that may use the API; none by default",
        default=(),
    )
    metrics_token: str | None = setting(
        setting_values.secret,
        "wanted as a bearer token for `/metrics`; public without",
        default=None,
        repr=False,
    )
