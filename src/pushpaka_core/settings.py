"""The configuration of an instance: the one place that reads the environment."""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path, PurePosixPath
from typing import Any, Self

import attrs
from attrs import field, frozen

from pushpaka_core import setting_values
from pushpaka_core.domain.failpoints import Failpoint
from pushpaka_core.domain.networks import IPNetwork, is_loopback
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.setting_sources import (
    read_for_tests,
    read_host_env,
    read_settings,
    usual_data_directory,
)

_TIMINGS = Timings()


class Stage(StrEnum):
    """What the instance is for; production accepts no secret that it made up itself."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class RuntimeChoice(StrEnum):
    """Where applications run."""

    PROCESS = "process"
    DOCKER = "docker"
    MEMORY = "memory"


class RouterChoice(StrEnum):
    """Who sends requests to applications."""

    TRAEFIK = "traefik"
    NONE = "none"
    MEMORY = "memory"


def _setting(parse: Callable[[str], Any], help: str, **options: Any) -> Any:
    return field(metadata={"parse": parse, "help": help}, **options)


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
        factory=lambda: usual_data_directory(os.environ),
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
    runtime: RuntimeChoice | None = _setting(
        setting_values.one_of(RuntimeChoice),
        "`process`, `docker`, or `memory` for tests; chosen at the first start, and kept: docker "
        "where an engine with buildx answers, else process",
        default=None,
    )
    docker_url: str = _setting(
        str, "where the Docker Engine answers", default="unix:///var/run/docker.sock"
    )
    image_prefix: str | None = _setting(
        str,
        "stands before the names of base images, as in `mirror.example.com/`; none by default",
        default=None,
    )
    network_pool: IPv4Network = _setting(
        setting_values.network_pool,
        "the addresses that containers get, 64 to a project; to be used for nothing else",
        default=IPv4Network("10.213.0.0/16"),
    )
    most_memory: int = _setting(
        setting_values.integer(16, 10**7), "MiB that a container may use at most", default=2048
    )
    most_cpus: int = _setting(
        setting_values.integer(1, 1024), "cores that a container may use at most", default=2
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
    https_port: int | None = _setting(
        setting_values.integer(1, 65_535),
        "the router's port for HTTPS, as 443; by default there is none",
        default=None,
    )
    acme_email: str | None = _setting(
        setting_values.email,
        "whom a certificate authority tells what is wrong; with it, certificates for verified "
        "custom domains are obtained, and its terms agreed to",
        default=None,
    )
    acme_url: str = _setting(
        setting_values.https_url,
        "the ACME directory of that authority",
        default="https://acme-v02.api.letsencrypt.org/directory",
    )
    acme_ca_file: Path | None = _setting(
        setting_values.absolute,
        "the certificate by which the authority's own is judged; the host's by default",
        default=None,
    )
    acme_challenge: str = _setting(
        setting_values.word("http-01", "tls-alpn-01"),
        "how the authority tries a domain: `http-01` on port 80, or `tls-alpn-01` on port 443",
        default="http-01",
    )
    certificates_directory: Path | None = _setting(
        setting_values.absolute,
        "where certificates of your own lie, as `<name>.crt` beside `<name>.key`; none by default",
        default=None,
    )
    hsts: int | None = _setting(
        setting_values.integer(1, 10**9),
        "seconds for which browsers are told to come by HTTPS alone; they are not by default",
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
    dns_servers: tuple[tuple[str, int], ...] = _setting(
        setting_values.name_servers,
        "name servers that are asked for the records of custom domains, as in "
        "`9.9.9.9,127.0.0.1:5353`; those of this host by default",
        default=(),
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
    previews: int = _setting(
        setting_values.integer(1, 1000),
        "previews that a project may have; a newer one ends the oldest",
        default=10,
    )
    preview_idle: int = _setting(
        setting_values.integer(1, 36_500),
        "days that a preview is kept after its last deployment",
        default=7,
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
        setting_values.seconds, "seconds to fetch a commit", default=_TIMINGS.source
    )
    build_timeout: timedelta = _setting(
        setting_values.seconds, "seconds to build", default=_TIMINGS.build
    )
    release_timeout: timedelta = _setting(
        setting_values.seconds, "seconds for a release command", default=_TIMINGS.release
    )
    drain_timeout: timedelta = _setting(
        setting_values.seconds,
        "seconds that a replaced deployment has to end what it has begun",
        default=_TIMINGS.drain,
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
    notify_allow_nets: tuple[IPNetwork, ...] = _setting(
        setting_values.networks,
        "networks that are not public and may be told by notifications; none by default",
        default=(),
    )
    ssh_known_hosts: Path | None = _setting(
        setting_values.absolute,
        "a file of ssh host keys, in the form of OpenSSH's `known_hosts`, beside which none is "
        "accepted; without it each host's first key is remembered in the data directory",
        default=None,
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
    host_env: Mapping[str, str] = field(factory=lambda: read_host_env(os.environ), repr=False)
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
    def from_environ(
        cls, environ: Mapping[str, str] = os.environ, *, data_directory: Path | None = None
    ) -> Self:
        """
        Read the settings from an environment.

        Args:
            environ: What is set, by name.
            data_directory: What is taken where none is set, in place of the user's usual one.

        Raises:
            SettingsError: If a name is unknown or a value cannot be used; it names the setting.
        """
        fields = (a for a in attrs.fields(cls) if "parse" in a.metadata)
        values = read_settings(environ, {a.name: a.metadata["parse"] for a in fields})
        if "data_directory" not in values:
            values["data_directory"] = data_directory or usual_data_directory(environ)
        return cls(host_env=read_host_env(environ), **read_for_tests(environ), **values)

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
        return not all(map(is_loopback, (self.host, self.router_host, self.node_address)))

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
