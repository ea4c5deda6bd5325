"""The configuration of an instance: the one place that reads the environment."""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from typing import Any, Self

import attrs
from attrs import field, frozen

from pushpaka_core import setting_values
from pushpaka_core.domain.failpoints import Failpoint
from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.errors import SettingsError

PREFIX = "PUSHPAKA_"
FAILPOINT, TIMING = "PUSHPAKA_TEST_FAILPOINT", "PUSHPAKA_TEST_TIMING"
"""Read though they are for tests: what goes wrong, and whether the clockwork is fast."""
_MARK = "PUSHPAKA_PROCESS"
"""What programs carry that Pushpaka has started, another Pushpaka among them."""
_PASSED_OVER = ("PUSHPAKA_TEST_", "PUSHPAKA_CLIENT_")

_HOST_ENV = frozenset(
    {
        *("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"),
        *("all_proxy", "https_proxy", "http_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *("PIP_CERT", "PIP_INDEX_URL", "PIP_FIND_LINKS"),
        *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_FIND_LINKS"),
        *("NODE_EXTRA_CA_CERTS", "NPM_CONFIG_REGISTRY", "npm_config_registry"),
        *("BUN_CONFIG_REGISTRY", "YARN_NPM_REGISTRY_SERVER"),
    }
)
"""What builds may see of the platform's own environment: proxies, certificates, indexes."""


class Stage(StrEnum):
    """What the instance is for; production accepts no secret that it made up itself."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class RuntimeChoice(StrEnum):
    """Where applications run."""

    PROCESS = "process"
    MEMORY = "memory"


class RouterChoice(StrEnum):
    """Who sends requests to applications."""

    TRAEFIK = "traefik"
    NONE = "none"
    MEMORY = "memory"


def _setting(parse: Callable[[str], Any], help: str, **options: Any) -> Any:
    return field(metadata={"parse": parse, "help": help}, **options)


def _default_data_directory() -> Path:
    return _data_directory(os.environ)


def _data_directory(environ: Mapping[str, str]) -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/pushpaka")
    home, data = environ.get("HOME"), environ.get("XDG_DATA_HOME")
    if not (home or data):
        raise SettingsError("There is no HOME. Set PUSHPAKA_DATA_DIRECTORY to a directory.")
    return Path(data or f"{home}/.local/share") / "pushpaka"


def _host_env(environ: Mapping[str, str]) -> Mapping[str, str]:
    return {name: environ[name] for name in _HOST_ENV if name in environ}


@frozen(kw_only=True)
class Settings:
    """
    How an instance is configured, by PUSHPAKA_* or by a program that embeds it.

    An unknown name is an error: a misspelt setting must not be ignored in silence.
    """

    stage: Stage = _setting(
        setting_values.one_of(Stage),
        "`development`, or `production`, which wants its own secrets",
        default=Stage.DEVELOPMENT,
    )
    data_directory: Path = _setting(
        setting_values.absolute,
        "where everything is kept: `/var/lib/pushpaka` for root, else `~/.local/share/pushpaka`",
        factory=_default_data_directory,
    )
    database_url: str | None = _setting(
        setting_values.database_url,
        "`sqlite:////path`, `postgresql://user:password@host/database`, or `memory:` for tests; "
        "a file in the data directory",
        default=None,
        repr=False,
    )
    redis_url: str | None = _setting(
        setting_values.redis_url,
        "`redis://host:6379/0`, `rediss://` or `unix:///socket`, for several processes; none by "
        "default",
        default=None,
        repr=False,
    )
    runtime: RuntimeChoice = _setting(
        setting_values.one_of(RuntimeChoice),
        "`process`, or `memory` for tests",
        default=RuntimeChoice.PROCESS,
    )
    node: str | None = _setting(
        setting_values.label,
        "what this machine is called among those of the instance; its host name at the first start",
        default=None,
    )
    router: RouterChoice = _setting(
        setting_values.one_of(RouterChoice),
        "`traefik`, `none`, or `memory` for tests",
        default=RouterChoice.TRAEFIK,
    )
    node_address: str = _setting(
        setting_values.own_address,
        "the IPv4 address of this machine on which applications listen, for the router",
        default="127.0.0.1",
    )
    host: str = _setting(
        setting_values.host, "the address on which the API listens", default="127.0.0.1"
    )
    port: int = _setting(setting_values.integer(1, 65_535), "the API's port", default=8080)
    api_urls: tuple[str, ...] = _setting(
        setting_values.http_urls,
        "where the router reaches the API, as in `http://10.0.0.4:8080`, each process of it; this "
        "host and port by default",
        default=(),
    )
    router_host: str = _setting(
        setting_values.host, "the address on which the router listens", default="127.0.0.1"
    )
    router_port: int | None = _setting(
        setting_values.integer(1, 65_535),
        "the router's port: 80 where it may be bound, else 8000",
        default=None,
    )
    router_urls: tuple[str, ...] = _setting(
        setting_values.http_urls,
        "where Traefiks on other machines show which route table they use, as in "
        "`http://10.0.0.5:8081`; none by default, and one runs here",
        default=(),
    )
    router_token: str | None = _setting(
        setting_values.secret,
        "by which those Traefiks fetch the route table from the API",
        default=None,
        repr=False,
    )
    base_domain: str = _setting(
        setting_values.domain, "applications answer at `<slug>.<base domain>`", default="localhost"
    )
    registration: RegistrationPolicy | None = _setting(
        setting_values.one_of(RegistrationPolicy),
        "`open`, `first` (closes after the first account) or `closed`; "
        "open on loopback, else first",
        default=None,
    )
    accept_unsandboxed: bool = _setting(
        setting_values.flag,
        "`true` lets the process runtime, which is no sandbox, serve beyond loopback to whoever "
        "may register: each of them can run programs on this host",
        default=False,
    )
    secret_key: str | None = _setting(
        setting_values.secret,
        "signs access tokens; a random one in the data directory in development",
        default=None,
        repr=False,
    )
    encryption_keys: Mapping[str, bytes] | None = _setting(
        setting_values.key_ring,
        "encrypt stored secrets, the current one first; a random one in the data directory in "
        "development",
        default=None,
        repr=False,
    )
    token_lifetime: timedelta = _setting(
        lambda text: timedelta(hours=setting_values.integer(1, 2160)(text)),
        "hours that an access token is good for",
        default=timedelta(hours=24),
    )
    concurrency: int = _setting(
        setting_values.integer(1, 64), "deployments in work at a time", default=2
    )
    instance_ports: range = _setting(
        setting_values.ports,
        "ports for applications on the process runtime",
        default=range(20_000, 30_000),
    )
    releases_kept: int = _setting(
        setting_values.integer(1, 1000), "releases to keep for rollbacks of each project", default=5
    )
    logs_kept: int = _setting(
        setting_values.integer(1, 36_500),
        "days that logs are kept once their deployment is over",
        default=30,
    )
    min_free_disk: int = _setting(
        setting_values.integer(0, 10**9),
        "MiB that must be free beside the data directory for a deployment to begin",
        default=1024,
    )
    min_free_memory: int = _setting(
        setting_values.integer(0, 10**9),
        "MiB of memory that must be available for a deployment to begin",
        default=256,
    )
    source_timeout: timedelta = _setting(
        setting_values.seconds, "seconds to fetch a commit", default=timedelta(seconds=120)
    )
    build_timeout: timedelta = _setting(
        setting_values.seconds, "seconds to build", default=timedelta(minutes=15)
    )
    release_timeout: timedelta = _setting(
        setting_values.seconds, "seconds for a release command", default=timedelta(minutes=10)
    )
    drain_timeout: timedelta = _setting(
        setting_values.seconds,
        "seconds that a replaced deployment has to end what it has begun",
        default=timedelta(seconds=30),
    )
    local_repo_root: Path | None = _setting(
        setting_values.absolute,
        "local repositories may lie below this directory; none by default",
        default=None,
    )
    git_allow_http: bool = _setting(
        setting_values.flag, "`true` allows repositories over plain http", default=False
    )
    git_allow_nets: tuple[IPNetwork, ...] = _setting(
        setting_values.networks,
        "networks with Git servers that are not public, as in `10.0.0.0/8`; none by default",
        default=(),
    )
    trusted_proxies: tuple[IPNetwork, ...] = _setting(
        setting_values.networks,
        "networks whose X-Forwarded-For is believed; none by default",
        default=(),
    )
    allowed_origins: tuple[str, ...] = _setting(
        setting_values.origins,
        "origins of other web pages that may use the API; none by default",
        default=(),
    )
    metrics_token: str | None = _setting(
        setting_values.secret,
        "wanted as a bearer token for `/metrics`; public without",
        default=None,
        repr=False,
    )
    log_format: str = _setting(
        setting_values.word("console", "json"), "`console` or `json`", default="console"
    )
    host_env: Mapping[str, str] = field(factory=lambda: _host_env(os.environ), repr=False)
    """What builds see of the platform's own environment: proxies, certificates, indexes."""
    failpoint: Failpoint | None = None
    """What a test lets go wrong."""
    is_fast: bool = False
    """Whether a test wants a faster clockwork."""
    timings: Timings = field()
    """Derived from the time-outs unless it is given."""

    @timings.default
    def _default_timings(self) -> Timings:
        timings = Timings(
            source=self.source_timeout,
            build=self.build_timeout,
            release=self.release_timeout,
            drain=self.drain_timeout,
        )
        return timings.hastened() if self.is_fast else timings

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """
        Read the settings from an environment.

        Raises:
            SettingsError: If a name is unknown or a value cannot be used; it names the setting.
        """
        known = {PREFIX + a.name.upper(): a for a in _from_environment()}
        given = {
            name: text
            for name, text in environ.items()
            if name.startswith(PREFIX) and name != _MARK and not name.startswith(_PASSED_OVER)
        }
        for name in given:
            if name not in known:
                raise SettingsError(_unknown(name, known))
        values: dict[str, Any] = {
            known[name].name: _parsed(known[name].metadata["parse"], name, given[name])
            for name in given
        }
        if "data_directory" not in values:
            values["data_directory"] = _data_directory(environ)
        return cls(host_env=_host_env(environ), **_for_tests(environ), **values)

    @property
    def storage_url(self) -> str:
        """Return the database's URL: a file in the data directory unless another is set."""
        return self.database_url or f"sqlite:///{self.data_directory / 'pushpaka.sqlite'}"

    @property
    def database(self) -> str:
        """Return what kind of a database that is: `sqlite`, `postgresql` or `memory`."""
        scheme = self.storage_url.partition(":")[0]
        return "postgresql" if scheme == "postgres" else scheme

    @property
    def is_of_one_process(self) -> bool:
        """Tell whether what it knows is gone with the process that knows it."""
        return self.runtime is RuntimeChoice.MEMORY or self.database == "memory"

    @property
    def is_tested(self) -> bool:
        """Tell whether it is set to behave as no instance should that people rely on."""
        return self.is_fast or self.failpoint is not None

    @property
    def is_exposed(self) -> bool:
        """Tell whether others than this host can reach the API, the router or applications."""
        return not all(map(_is_loopback, (self.host, self.router_host, self.node_address)))

    @property
    def registration_policy(self) -> RegistrationPolicy:
        """Return who may register: anybody on loopback, else whoever comes first, unless set."""
        default = RegistrationPolicy.FIRST if self.is_exposed else RegistrationPolicy.OPEN
        return self.registration or default

    @property
    def local_root(self) -> PurePosixPath | None:
        """Return the root of local repositories as the source policy wants it."""
        root = self.local_repo_root
        return None if root is None else PurePosixPath(root)


def documented() -> list[tuple[str, str, str]]:
    """Return each setting's name, default and meaning, for a table in the documentation."""
    return [
        (PREFIX + a.name.upper(), _shown(a.default), a.metadata["help"])
        for a in _from_environment()
    ]


def _from_environment() -> list["attrs.Attribute[Any]"]:
    return [a for a in attrs.fields(Settings) if "parse" in a.metadata]


def _shown(default: object) -> str:
    match default:
        case bool():
            return str(default).lower()
        case timedelta() if default >= timedelta(hours=24):
            return f"{default.total_seconds() / 3600:g}"
        case timedelta():
            return f"{default.total_seconds():g}"
        case range():
            return f"{default[0]}-{default[-1]}"
        case int() | str():
            return str(default)
        case _:
            return ""


def _for_tests(environ: Mapping[str, str]) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if text := environ.get(FAILPOINT):
        wanted["failpoint"] = _parsed(setting_values.failpoint, FAILPOINT, text)
    if text := environ.get(TIMING):
        wanted["is_fast"] = _parsed(setting_values.word("fast"), TIMING, text) == "fast"
    return wanted


def _parsed(parse: Callable[[str], object], name: str, text: str) -> object:
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsError(f"{name} {error}.") from None


def _unknown(name: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"{name} is not a known setting.{hint}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
