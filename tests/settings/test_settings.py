"""Settings, and the messages about invalid ones."""

import os
from base64 import b64encode
from datetime import timedelta
from ipaddress import IPv4Network, ip_network
from pathlib import Path

import attrs
import pytest

from pushpaka_core.bootstrap import open_application
from pushpaka_core.bootstrap.options import make_options, public_urls
from pushpaka_core.domain.accounts.users import RegistrationPolicy
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.platform.failpoints import Fault, InjectedFault
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.errors import SettingsError
from pushpaka_core.ports.router import Upstream
from pushpaka_core.settings.settings import RouterChoice, Settings

KEY = b64encode(bytes(range(32))).decode()
REDIS_FORMS = "redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket?db=0."
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def parse_settings(**environ: str) -> Settings:
    given = {f"PUSHPAKA_{name.upper()}": text for name, text in environ.items()}
    return Settings.from_environ({"HOME": "/home/jane", **given})


def test_defaults_are_those_of_an_embedded_instance() -> None:
    """By default, Traefik and SQLite are used on this host, and other hosts cannot connect."""
    settings = Settings.from_environ({"HOME": "/home/jane", "XDG_DATA_HOME": "/data"})

    assert RouterChoice.TRAEFIK is settings.router
    assert not settings.is_exposed
    assert RegistrationPolicy.OPEN is settings.registration_policy
    assert f"sqlite:///{settings.data_directory}/pushpaka.sqlite" == settings.storage_url


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("port", "9000", "port", 9000),
        ("data_directory", "/data", "data_directory", Path("/data")),
        ("token_lifetime", "2", "token_lifetime", timedelta(hours=2)),
        ("drain_timeout", "5", "drain_timeout", timedelta(seconds=5)),
        ("instance_ports", "21000-21009", "instance_ports", range(21_000, 21_010)),
        ("git_allow_http", "true", "git_allow_http", True),
        ("git_allow_nets", "10.0.0.0/8", "git_allow_nets", (ip_network("10.0.0.0/8"),)),
        (
            "allowed_origins",
            "https://A.b, http://localhost:5173,http://[::1]:80",
            "allowed_origins",
            ("https://a.b", "http://localhost:5173", "http://[::1]:80"),
        ),
        (
            "allowed_hosts",
            "Deploy.Example.com, api",
            "allowed_hosts",
            ("deploy.example.com", "api"),
        ),
        ("allowed_hosts", "*", "allowed_hosts", ("*",)),
        ("router_urls", "http://10.0.0.5:8081/", "router_urls", ("http://10.0.0.5:8081",)),
        (
            "api_urls",
            "http://10.0.0.4:8080, http://[fd00::4]",
            "api_urls",
            ("http://10.0.0.4:8080", "http://[fd00::4]"),
        ),
        (
            "dns_servers",
            "9.9.9.9, [::1]:5353",
            "dns_servers",
            (("9.9.9.9", 53), ("::1", 5353)),
        ),
        ("node_address", "10.0.0.7", "node_address", "10.0.0.7"),
        ("registry", "10.0.0.5:5000/apps", "registry", "https://10.0.0.5:5000/apps"),
        ("registry", "http://10.0.0.5:5000", "registry", "http://10.0.0.5:5000"),
        (
            "placement",
            "node.role==worker, node.labels.disk!=slow",
            "placement",
            ("node.role==worker", "node.labels.disk!=slow"),
        ),
        ("network_pool", "10.9.0.0/16", "network_pool", IPv4Network("10.9.0.0/16")),
        ("base_domain", "Apps.Example.com", "base_domain", "apps.example.com"),
        ("base_domain", "box", "base_domain", "box"),
        ("router_host", "::", "router_host", "::"),
        *(
            ("redis_url", text, "redis_url", text)
            for text in (
                *("redis://localhost", "redis://jane:pw@[::1]:6380/2"),
                *("rediss://redis.example.com/0", "unix:///s"),
            )
        ),
    ],
)
def test_values_are_parsed(name: str, text: str, field: str, value: object) -> None:
    assert value == getattr(parse_settings(**{name: text}), field)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("port", "http", 'PUSHPAKA_PORT must be a whole number from 1 to 65535, but is "http".'),
        ("port", "70000", "PUSHPAKA_PORT must be a whole number from 1 to 65535, but"),
        ("archive_timeout", "3001", "PUSHPAKA_ARCHIVE_TIMEOUT must be a whole number from 1 to"),
        (
            "runtime",
            "podman",
            "PUSHPAKA_RUNTIME must be one of process, docker, swarm, memory, but",
        ),
        ("registry", "10.0.0.5/Apps", "PUSHPAKA_REGISTRY must be a registry such as registry."),
        ("placement", "worker", "PUSHPAKA_PLACEMENT must be comma-separated constraints"),
        ("git_allow_http", "yes", "PUSHPAKA_GIT_ALLOW_HTTP must be true or false, but"),
        ("data_directory", "data", "PUSHPAKA_DATA_DIRECTORY must be an absolute path, but"),
        *(
            ("data_directory", f"/srv/{text}", "PUSHPAKA_DATA_DIRECTORY must not contain")
            for text in ("a:b", "a\\b", "a#b", "a?b", "a*b", "a\nb", "a\tb", "a\udcff")
        ),
        ("git_allow_nets", "x", "PUSHPAKA_GIT_ALLOW_NETS must be comma-separated networks"),
        ("instance_ports", "9-1", "PUSHPAKA_INSTANCE_PORTS must be a range of ports"),
        ("database_url", "mysql://x", 'PUSHPAKA_DATABASE_URL must be "memory:"'),
        ("secret_key", "secret", "PUSHPAKA_SECRET_KEY must be a random secret"),
        ("secret_key", "change-me-in-production-please-123456", "PUSHPAKA_SECRET_KEY must be"),
        ("secret_key", "a" * 64, "PUSHPAKA_SECRET_KEY must be a random secret"),
        *(
            ("secret_key", text, "PUSHPAKA_SECRET_KEY must be a random secret")
            for text in (
                "a-string-secret-at-least-256-bits-long",
                "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
                "0123456789abcdef0123456789abcdef",
                "Django-InSecure-x7Qm2vLk9RtYw3Zp8Nb5Hc",
            )
        ),
        ("encryption_keys", "k1=dGVzdA==", "PUSHPAKA_ENCRYPTION_KEYS must be comma-separated keys"),
        ("encryption_keys", "k1", "PUSHPAKA_ENCRYPTION_KEYS must be comma-separated keys"),
        (
            "router_urls",
            "10.0.0.5:8081",
            "PUSHPAKA_ROUTER_URLS must be comma-separated http:// URLs",
        ),
        (
            "router_urls",
            "http://a:1/x",
            "PUSHPAKA_ROUTER_URLS must be comma-separated http:// URLs",
        ),
        (
            "router_urls",
            "http://a@b:1",
            "PUSHPAKA_ROUTER_URLS must be comma-separated http:// URLs",
        ),
        ("router_urls", "http://a:x", "PUSHPAKA_ROUTER_URLS must be comma-separated http:// URLs"),
        (
            "dns_servers",
            "dns.example.com",
            "PUSHPAKA_DNS_SERVERS must be comma-separated IP addresses",
        ),
        ("dns_servers", "9.9.9.9:x", "PUSHPAKA_DNS_SERVERS must be comma-separated IP addresses"),
        ("acme_url", "http://acme.example.com", "PUSHPAKA_ACME_URL must be an https:// URL"),
        ("acme_url", "https://", "PUSHPAKA_ACME_URL must be an https:// URL"),
        ("acme_email", "ops", "PUSHPAKA_ACME_EMAIL must be an email address"),
        ("acme_email", "a b@example.com", "PUSHPAKA_ACME_EMAIL must be an email address"),
        ("acme_challenge", "dns-01", "PUSHPAKA_ACME_CHALLENGE must be one of http-01, tls-alpn-01"),
        ("api_urls", "https://a:1", "PUSHPAKA_API_URLS must be comma-separated http:// URLs"),
        ("api_urls", "http://:1", "PUSHPAKA_API_URLS must be comma-separated http:// URLs"),
        ("router_token", "secret", "PUSHPAKA_ROUTER_TOKEN must be a random secret"),
        ("network_pool", "10.9.0.1/16", "PUSHPAKA_NETWORK_POOL must be an IPv4 network with"),
        ("network_pool", "10.9.0.0/27", "PUSHPAKA_NETWORK_POOL must be an IPv4 network with"),
        ("node_address", "node-1", "PUSHPAKA_NODE_ADDRESS must be an IPv4 address of this machine"),
        ("node_address", "0.0.0.0", "PUSHPAKA_NODE_ADDRESS must be an IPv4 address of this"),
        ("encryption_keys", "k1=\u00e9", "PUSHPAKA_ENCRYPTION_KEYS must be comma-separated keys"),
        ("encryption_keys", f"={KEY}", "PUSHPAKA_ENCRYPTION_KEYS must be comma-separated keys"),
        (
            "encryption_keys",
            f"k={KEY},k={KEY}",
            "PUSHPAKA_ENCRYPTION_KEYS must be comma-separated keys",
        ),
        ("log_format", "xml", "PUSHPAKA_LOG_FORMAT must be one of console, json, but"),
        *(
            ("base_domain", text, "PUSHPAKA_BASE_DOMAIN must be a domain name such as")
            for text in (
                *("", "http://x y", "apps.example.com.", ".example.com", "a..b", "a_b.com"),
                *("*.example.com", "10.0.0.1", "::1", "localhost:80", "x" * 64, "x." * 95 + "x"),
            )
        ),
        *(
            ("allowed_origins", text, "PUSHPAKA_ALLOWED_ORIGINS must be comma-separated origins")
            for text in (
                *("", "*", "a.b", "https://a.b/", "https://a.b/x", "ftp://a.b", "https://"),
                *("https://a b", "https://a.b:0x", "https://jane@a.b", "https://a.b,null"),
            )
        ),
        *(
            ("redis_url", text, f"PUSHPAKA_REDIS_URL must be a URL such as {REDIS_FORMS}")
            for text in (
                *("http://:pw@redis.example.com", "redis://:pw@redis.example.com:port"),
                *("redis://:pw@", "redis+tls://:pw@redis.example.com", "unix:?password=pw"),
                *("pw", "redis://[pw", ""),
            )
        ),
        *(
            ("allowed_hosts", text, "PUSHPAKA_ALLOWED_HOSTS must be comma-separated host names")
            for text in ("", "a:80", "https://a.b", "*.a.b", "a, *", "10.0.0.1", "a b", "a.")
        ),
        *(
            (name, text, f"PUSHPAKA_{name.upper()} must be an IP address such as")
            for name in ("host", "router_host")
            for text in ("", "a b", "[::]", "127.0.0.1:80", "999.1.1.1", "http://localhost")
        ),
    ],
)
def test_bad_value_is_refused_with_its_name(name: str, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        parse_settings(**{name: text})

    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metrics_token", "hunter2"),
        ("router_urls", "http://jane:hunter2@10.0.0.5"),
        ("registry", "jane:hunter2@registry.example.com"),
    ],
)
def test_refused_secret_is_not_shown(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match="must be") as refusal:
        parse_settings(**{name: text})

    assert "hunter2" not in str(refusal.value)


def test_refused_value_is_shown_escaped_and_shortened() -> None:
    with pytest.raises(SettingsError, match=r'but is "\\ud800x{99}"…\.$'):
        parse_settings(port="\ud800" + "x" * 200)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_password_of_the_database_is_not_shown(scheme: str) -> None:
    url = f"{scheme}://pushpaka:hunter2@db.example.com/pushpaka"

    settings = parse_settings(database_url=url)

    assert (url, "postgresql") == (settings.storage_url, settings.database)
    assert "hunter2" not in repr(settings)


def test_misspelled_name_is_refused_with_a_suggestion() -> None:
    with pytest.raises(
        SettingsError, match=r"PUSHPAKA_PROT is not a known setting. Did you mean PUSHPAKA_PORT?"
    ):
        parse_settings(prot="9000")


@pytest.mark.parametrize("name", ["test_require", "client_token", "process", "project"])
def test_other_variables_with_the_prefix_are_ignored(name: str) -> None:
    """Variables for tests, the command line and programs that Pushpaka starts are no settings."""
    assert 8080 == parse_settings(**{name: "x"}).port


def test_node_address_exposes_the_instance() -> None:
    """
    If applications listen on an interface other than loopback, other hosts can connect to them
    directly.
    """
    assert parse_settings(node_address="10.0.0.7").is_exposed


def test_misspelled_settings_with_an_allowed_prefix_are_unknown() -> None:
    with pytest.raises(SettingsError, match="PUSHPAKA_PROCESS_TIMEOUT is not a known setting"):
        parse_settings(process_timeout="5")


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}])
def test_data_directory_is_required_without_a_home_directory(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller can pass a default instead, so that no home directory is needed."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(SettingsError, match="Set PUSHPAKA_DATA_DIRECTORY"):
        Settings.from_environ(environ)

    settings = Settings.from_environ(environ, data_directory=Path("/data"))

    assert Path("/data") == settings.data_directory


def test_data_directory_setting_overrides_the_default_of_the_caller() -> None:
    environ = {"PUSHPAKA_DATA_DIRECTORY": "/set"}

    settings = Settings.from_environ(environ, data_directory=Path("/data"))

    assert Path("/set") == settings.data_directory


def test_timings_have_the_defaults_of_embedding_programs() -> None:
    """Timings that are not set are the same as for programs that embed Pushpaka."""
    assert Timeouts() == parse_settings().timings


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "pushpaka.example.com"])
def test_registration_closes_after_the_first_user_unless_on_loopback(host: str) -> None:
    settings = parse_settings(host=host)

    assert settings.is_exposed
    assert RegistrationPolicy.FIRST is settings.registration_policy


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_loopback_is_not_exposed(host: str) -> None:
    assert not parse_settings(host=host, router_host=host).is_exposed


def test_secrets_are_not_shown() -> None:
    settings = parse_settings(secret_key="0123456789abcdefghijklmnopqrstuvwxyz")

    assert "0123456789abcdef" not in repr(settings)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *(
            (
                {"https_port": "443", name: "{tmp}/absent"},
                f"PUSHPAKA_{name.upper()} is .*/absent, which is no",
            )
            for name in ("acme_ca_file", "certificates_directory")
        ),
        *(
            ({name: value}, "Set PUSHPAKA_HTTPS_PORT as well")
            for name, value in (
                ("acme_email", "ops@example.com"),
                ("certificates_directory", "{tmp}"),
            )
        ),
        ({"router_urls": "http://10.0.0.5:8081"}, "Only one of"),
        ({"router_token": "x7Qm-a-token-of-the-routers-0123456789"}, "Only one of"),
        (
            {"router_port": "8000", "https_port": "8000"},
            r"HTTPS_PORT is 8000, .* PUSHPAKA_ROUTER_PORT",
        ),
        *(
            (
                {
                    "stage": "production",
                    "secret_key": "0123456789abcdefghijklmnopqrstuvwxyz",
                    "encryption_keys": f"k1={KEY}",
                    name: value,
                },
                "are not allowed in production",
            )
            for name, value in (("test_failpoint", "build:kill"), ("test_timing", "fast"))
        ),
        ({"port": "20005"}, "PUSHPAKA_INSTANCE_PORTS includes 20005"),
        ({"router_port": "20005"}, "PUSHPAKA_INSTANCE_PORTS includes 20005"),
    ],
)
async def test_settings_that_do_not_fit_together_are_refused(
    settings: dict[str, str], message: str, tmp_path: Path
) -> None:
    """Opening the application fails, because only then are settings checked together."""
    given = {name: value.format(tmp=tmp_path) for name, value in settings.items()}

    with pytest.raises(SettingsError, match=message):
        async with open_application(parse_settings(data_directory=str(tmp_path), **given)):
            pass


def test_remote_routers_lead_to_each_api() -> None:
    settings = parse_settings(
        router_urls="http://10.0.0.5:8081", api_urls="http://10.0.0.4:8080,http://[fd00::4]"
    )

    options = make_options(settings, public_urls(settings, 8000), Node(runtime="process", name="a"))

    assert (
        Upstream(host="10.0.0.4", port=8080),
        Upstream(host="fd00::4", port=80),
    ) == options.api_upstreams
    assert 80 == options.public_urls.port


@pytest.mark.parametrize(
    ("settings", "has_wildcard", "url"),
    [
        ({}, False, "http://shop.localhost:8000"),
        ({}, True, "http://shop.localhost:8000"),
        ({"https_port": "443"}, False, "http://shop.localhost:8000"),
        ({"https_port": "443"}, True, "https://shop.localhost"),
        ({"https_port": "8443"}, True, "https://shop.localhost:8443"),
        ({"https_port": "8443", "public_port": "443"}, True, "https://shop.localhost"),
        ({"public_scheme": "https"}, False, "https://shop.localhost"),
        ({"public_scheme": "https", "public_port": "444"}, False, "https://shop.localhost:444"),
        ({"public_scheme": "http", "https_port": "443"}, True, "http://shop.localhost"),
        ({"public_port": "80"}, False, "http://shop.localhost"),
    ],
)
def test_urls_are_those_that_visitors_use(
    settings: dict[str, str], url: str, *, has_wildcard: bool
) -> None:
    """URLs use HTTPS if all names have a certificate, and the port of a proxy if there is one."""
    addresses = public_urls(parse_settings(**settings), 8000, has_wildcard=has_wildcard)

    assert url == addresses.url("shop.localhost")
    is_ours = has_wildcard and "https_port" in settings and "public_scheme" not in settings
    assert is_ours == addresses.has_wildcard_certificate


def test_reference_lists_every_setting_and_no_other() -> None:
    """The tables in the docs show each setting with its default and description, in this order."""
    rows = [
        f"| `PUSHPAKA_{a.name.upper()}` | {_formatted_default(a.default)} | {a.metadata['help']} |"
        for a in attrs.fields(Settings)
        if "parse" in a.metadata
    ]

    lines = REFERENCE.read_text().splitlines()
    table = [line for line in lines if line.startswith("| `PUSHPAKA_")]

    assert rows == table


def test_failpoint_and_fast_timings_are_read_for_tests() -> None:
    settings = parse_settings(test_failpoint="build:kill", test_timing="fast")

    assert InjectedFault(step="build", fault=Fault.KILL) == settings.failpoint
    assert timedelta(milliseconds=250) == settings.timings.poll_interval
    assert parse_settings().timings.build == settings.timings.build
    assert timedelta(seconds=20) == parse_settings(test_timing="fast:20").timings.lease_timeout


@pytest.mark.parametrize("text", ["build", "build:explode", "lunch:kill", ":kill"])
def test_unknown_failpoint_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        parse_settings(test_failpoint=text)

    assert (
        "PUSHPAKA_TEST_FAILPOINT must be <step>:<effect>, with a step of accepted, replying, "
        "claim, source, build, release, start, probe, switch, commit, switched, broken, "
        "rolled_back, held, vacated, snapshot_claimed, snapshot_written, snapshot_checked, "
        "restore_created, restore_written "
        f'and an effect of kill, raise, hang, but is "{text}".'
    ) == str(refusal.value)


def _formatted_default(default: object) -> str:
    match default:
        case bool():
            return f"`{str(default).lower()}`"
        case timedelta() if default >= timedelta(hours=24):
            return f"`{default.total_seconds() / 3600:g}`"
        case timedelta():
            return f"`{default.total_seconds():g}`"
        case range():
            return f"`{default[0]}-{default[-1]}`"
        case int() | str() | IPv4Network():
            return f"`{default}`"
        case _:
            return ""
