"""Settings are read strictly, and every mistake is told in a sentence."""

import os
from base64 import b64encode
from datetime import timedelta
from ipaddress import IPv4Network, ip_network
from pathlib import Path

import attrs
import pytest

from pushpaka_core.bootstrap import open_application
from pushpaka_core.bootstrap.options import addresses_of, options_of
from pushpaka_core.domain.failpoints import Effect, Failpoint
from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.errors import SettingsError
from pushpaka_core.ports.router import Upstream
from pushpaka_core.settings import RouterChoice, Settings

KEY = b64encode(bytes(range(32))).decode()
README = Path(__file__).parent.parent / "README.md"


def read(**environ: str) -> Settings:
    given = {f"PUSHPAKA_{name.upper()}": text for name, text in environ.items()}
    return Settings.from_environ({"HOME": "/home/jane", **given})


def test_nothing_set_is_the_embedded_default() -> None:
    """Without any setting everything is on this host, and nobody else can reach it."""
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
    ],
)
def test_each_text_is_read_as_what_it_means(
    name: str, text: str, field: str, value: object
) -> None:
    """An operator writes text; the program gets a value of the right type."""
    assert value == getattr(read(**{name: text}), field)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("port", "http", "PUSHPAKA_PORT must be a whole number from 1 to 65535."),
        ("port", "70000", "PUSHPAKA_PORT must be a whole number from 1 to 65535."),
        ("runtime", "podman", "PUSHPAKA_RUNTIME must be one of process, docker, swarm, memory."),
        ("registry", "10.0.0.5/Apps", "PUSHPAKA_REGISTRY must be as in registry.example.com/team"),
        ("placement", "worker", "PUSHPAKA_PLACEMENT must be as in node.role==worker"),
        ("git_allow_http", "yes", "PUSHPAKA_GIT_ALLOW_HTTP must be true or false."),
        ("data_directory", "data", "PUSHPAKA_DATA_DIRECTORY must be an absolute path."),
        ("git_allow_nets", "x", "PUSHPAKA_GIT_ALLOW_NETS must be networks as in 10.0.0.0/8"),
        ("instance_ports", "9-1", "PUSHPAKA_INSTANCE_PORTS must be a range of ports"),
        ("database_url", "mysql://x", "PUSHPAKA_DATABASE_URL must be memory:"),
        ("secret_key", "secret", "PUSHPAKA_SECRET_KEY must be a secret of your own"),
        ("secret_key", "change-me-in-production-please-123456", "PUSHPAKA_SECRET_KEY must be"),
        ("secret_key", "a" * 64, "PUSHPAKA_SECRET_KEY must be a secret of your own"),
        *(
            ("secret_key", text, "PUSHPAKA_SECRET_KEY must be a secret of your own")
            for text in (
                "a-string-secret-at-least-256-bits-long",
                "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
                "0123456789abcdef0123456789abcdef",
                "Django-InSecure-x7Qm2vLk9RtYw3Zp8Nb5Hc",
            )
        ),
        ("encryption_keys", "k1=dGVzdA==", "PUSHPAKA_ENCRYPTION_KEYS must be keys as in"),
        ("encryption_keys", "k1", "PUSHPAKA_ENCRYPTION_KEYS must be keys as in"),
        ("router_urls", "10.0.0.5:8081", "PUSHPAKA_ROUTER_URLS must be addresses as in http://"),
        ("router_urls", "http://a:1/x", "PUSHPAKA_ROUTER_URLS must be addresses as in http://"),
        ("router_urls", "http://a@b:1", "PUSHPAKA_ROUTER_URLS must be addresses as in http://"),
        ("router_urls", "http://a:x", "PUSHPAKA_ROUTER_URLS must be addresses as in http://"),
        ("dns_servers", "dns.example.com", "PUSHPAKA_DNS_SERVERS must be addresses as in 9.9.9.9"),
        ("dns_servers", "9.9.9.9:x", "PUSHPAKA_DNS_SERVERS must be addresses as in 9.9.9.9"),
        ("acme_url", "http://acme.example.com", "PUSHPAKA_ACME_URL must be an address as in https"),
        ("acme_url", "https://", "PUSHPAKA_ACME_URL must be an address as in https"),
        ("acme_email", "ops", "PUSHPAKA_ACME_EMAIL must be an e-mail address"),
        ("acme_email", "a b@example.com", "PUSHPAKA_ACME_EMAIL must be an e-mail address"),
        ("acme_challenge", "dns-01", "PUSHPAKA_ACME_CHALLENGE must be one of http-01, tls-alpn-01"),
        ("api_urls", "https://a:1", "PUSHPAKA_API_URLS must be addresses as in http://"),
        ("api_urls", "http://:1", "PUSHPAKA_API_URLS must be addresses as in http://"),
        ("router_token", "secret", "PUSHPAKA_ROUTER_TOKEN must be a secret of your own"),
        ("network_pool", "10.9.0.1/16", "PUSHPAKA_NETWORK_POOL must be a network as in"),
        ("network_pool", "10.9.0.0/27", "PUSHPAKA_NETWORK_POOL must be a network as in"),
        ("node_address", "node-1", "PUSHPAKA_NODE_ADDRESS must be an IPv4 address of this machine"),
        ("node_address", "0.0.0.0", "PUSHPAKA_NODE_ADDRESS must be an IPv4 address of this"),
        ("encryption_keys", "k1=\u00e9", "PUSHPAKA_ENCRYPTION_KEYS must be keys as in"),
        ("encryption_keys", f"={KEY}", "PUSHPAKA_ENCRYPTION_KEYS must be keys as in"),
        ("encryption_keys", f"k={KEY},k={KEY}", "PUSHPAKA_ENCRYPTION_KEYS must be keys as in"),
        ("log_format", "xml", "PUSHPAKA_LOG_FORMAT must be one of console, json."),
        *(
            ("base_domain", text, "PUSHPAKA_BASE_DOMAIN must be a domain name as in")
            for text in (
                *("", "http://x y", "apps.example.com.", ".example.com", "a..b", "a_b.com"),
                *("*.example.com", "10.0.0.1", "::1", "localhost:80", "x" * 64, "x." * 95 + "x"),
            )
        ),
        *(
            ("allowed_origins", text, "PUSHPAKA_ALLOWED_ORIGINS must be origins as in")
            for text in (
                *("", "*", "a.b", "https://a.b/", "https://a.b/x", "ftp://a.b", "https://"),
                *("https://a b", "https://a.b:0x", "https://jane@a.b", "https://a.b,null"),
            )
        ),
        *(
            (name, text, f"PUSHPAKA_{name.upper()} must be an address as in")
            for name in ("host", "router_host")
            for text in ("", "a b", "[::]", "127.0.0.1:80", "999.1.1.1", "http://localhost")
        ),
    ],
)
def test_bad_value_is_told_with_its_name(name: str, text: str, sentence: str) -> None:
    """The sentence names the setting and says what it must be."""
    with pytest.raises(SettingsError) as refusal:
        read(**{name: text})

    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_password_of_the_database_is_not_shown(scheme: str) -> None:
    """Settings may be printed; the address with the password is for the storage alone."""
    url = f"{scheme}://pushpaka:hunter2@db.example.com/pushpaka"

    settings = read(database_url=url)

    assert (url, "postgresql") == (settings.storage_url, settings.database)
    assert "hunter2" not in repr(settings)


def test_misspelt_name_is_an_error_that_suggests_the_near_one() -> None:
    """A setting that nobody reads would be ignored in silence otherwise."""
    with pytest.raises(
        SettingsError, match=r"PUSHPAKA_PROT is not a known setting. Did you mean PUSHPAKA_PORT?"
    ):
        read(prot="9000")


@pytest.mark.parametrize("name", ["test_require", "client_token", "process"])
def test_settings_of_others_are_passed_over(name: str) -> None:
    """Tests and the client have prefixes of their own, and a program of Pushpaka has a mark."""
    assert 8080 == read(**{name: "x"}).port


def test_a_node_that_others_reach_is_exposed() -> None:
    """Applications that listen beyond loopback are seen by others, without a router too."""
    assert read(node_address="10.0.0.7").is_exposed


def test_only_the_mark_itself_is_no_setting() -> None:
    """What begins as it does may be a misspelt setting as well."""
    with pytest.raises(SettingsError, match="PUSHPAKA_PROCESS_TIMEOUT is not a known setting"):
        read(process_timeout="5")


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}])
def test_who_has_no_home_names_a_directory(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence tells how; what the caller has stands in for it."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(SettingsError, match="Set PUSHPAKA_DATA_DIRECTORY"):
        Settings.from_environ(environ)

    settings = Settings.from_environ(environ, data_directory=Path("/data"))

    assert Path("/data") == settings.data_directory


def test_directory_that_is_set_beats_that_of_the_caller() -> None:
    """What a program would take is no setting."""
    environ = {"PUSHPAKA_DATA_DIRECTORY": "/set"}

    settings = Settings.from_environ(environ, data_directory=Path("/data"))

    assert Path("/set") == settings.data_directory


def test_deadlines_are_those_of_the_clockwork() -> None:
    """What an operator leaves open and what an embedding program leaves open is the same."""
    assert Timings() == read().timings


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "pushpaka.example.com"])
def test_beyond_loopback_registration_closes_after_the_first(host: str) -> None:
    """What others can reach is not open to them unless somebody says so."""
    settings = read(host=host)

    assert settings.is_exposed
    assert RegistrationPolicy.FIRST is settings.registration_policy


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_loopback_is_not_exposed(host: str) -> None:
    """Only this host can reach it."""
    assert not read(host=host, router_host=host).is_exposed


def test_secrets_are_not_shown() -> None:
    """A settings object may end up in a log."""
    settings = read(secret_key="0123456789abcdefghijklmnopqrstuvwxyz")

    assert "0123456789abcdef" not in repr(settings)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["acme_ca_file", "certificates_directory"])
async def test_certificates_have_to_be_there(name: str, tmp_path: Path) -> None:
    """A misspelt path is told at the start, and not by browsers."""
    settings = {"https_port": "443", name: str(tmp_path / "absent")}

    with pytest.raises(SettingsError, match=f"PUSHPAKA_{name.upper()} is .*/absent, which is no"):
        async with open_application(read(data_directory=str(tmp_path), **settings)):
            pass


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["acme_email", "certificates_directory"])
async def test_certificates_are_for_https(name: str, tmp_path: Path) -> None:
    """Whoever sets them and no port would wait for HTTPS in vain."""
    value = {"acme_email": "ops@example.com", "certificates_directory": str(tmp_path)}[name]

    with pytest.raises(SettingsError, match="set PUSHPAKA_HTTPS_PORT too"):
        async with open_application(read(data_directory=str(tmp_path), **{name: value})):
            pass


@pytest.mark.anyio
@pytest.mark.parametrize(
    "settings",
    [
        {"router_urls": "http://10.0.0.5:8081"},
        {"router_token": "x7Qm-a-token-of-the-routers-0123456789"},
    ],
)
async def test_routers_elsewhere_and_their_token_go_together(
    settings: dict[str, str], tmp_path: Path
) -> None:
    """Routers that could not fetch their table would be waited for in vain."""
    with pytest.raises(SettingsError, match="are set together"):
        async with open_application(read(data_directory=str(tmp_path), **settings)):
            pass


def test_routers_elsewhere_lead_to_each_api() -> None:
    """They reach it where the settings say, which need not be where this one listens."""
    settings = read(
        router_urls="http://10.0.0.5:8081", api_urls="http://10.0.0.4:8080,http://[fd00::4]"
    )

    options = options_of(settings, addresses_of(settings, 8000), Node(runtime="process", name="a"))

    assert (Upstream(host="10.0.0.4", port=8080), Upstream(host="fd00::4", port=80)) == options.apis
    assert 80 == options.addresses.port


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
def test_addresses_are_told_as_visitors_use_them(
    settings: dict[str, str], url: str, *, has_wildcard: bool
) -> None:
    """By HTTPS where all names have a certificate, and as they are before a proxy."""
    addresses = addresses_of(read(**settings), 8000, has_wildcard=has_wildcard)

    assert url == addresses.url("shop.localhost")
    is_ours = has_wildcard and "https_port" in settings and "public_scheme" not in settings
    assert is_ours == addresses.is_certified


@pytest.mark.anyio
async def test_http_and_https_have_a_port_each(tmp_path: Path) -> None:
    """The sentence names both settings."""
    settings = read(data_directory=str(tmp_path), router_port="8000", https_port="8000")

    with pytest.raises(
        SettingsError, match=r"HTTPS_PORT is 8000, on which .* PUSHPAKA_ROUTER_PORT"
    ):
        async with open_application(settings):
            pass


def test_readme_lists_exactly_the_settings_that_there_are() -> None:
    """The table of the README is the code's own."""
    rows = [
        f"| `PUSHPAKA_{a.name.upper()}` | {_shown(a.default)} | {a.metadata['help']} |"
        for a in attrs.fields(Settings)
        if "parse" in a.metadata
    ]

    table = [line for line in README.read_text().splitlines() if line.startswith("| `PUSHPAKA_")]

    assert rows == table


def test_failpoint_and_fast_clockwork_are_read_for_tests() -> None:
    """What goes wrong on purpose is a setting like others, with a name of the tests'."""
    settings = read(test_failpoint="build:kill", test_timing="fast")

    assert Failpoint(step="build", effect=Effect.KILL) == settings.failpoint
    assert timedelta(milliseconds=100) == settings.timings.poll
    assert read().timings.build == settings.timings.build


@pytest.mark.parametrize("text", ["build", "build:explode", "lunch:kill", ":kill"])
def test_unknown_failpoint_is_told_with_those_that_there_are(text: str) -> None:
    """A test that sets nothing would show nothing."""
    with pytest.raises(SettingsError) as refusal:
        read(test_failpoint=text)

    assert (
        "PUSHPAKA_TEST_FAILPOINT must be <step>:<effect> of accepted, replying, claim, source, "
        "build, release, start, probe, switch, commit, switched and kill, raise, hang."
    ) == str(refusal.value)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["test_failpoint", "test_timing"])
async def test_production_refuses_what_is_for_tests(name: str, tmp_path: Path) -> None:
    """Nobody's real deployments go wrong on purpose."""
    settings = read(
        stage="production",
        secret_key="0123456789abcdefghijklmnopqrstuvwxyz",
        encryption_keys=f"k1={KEY}",
        data_directory=str(tmp_path),
        **{name: {"test_failpoint": "build:kill", "test_timing": "fast"}[name]},
    )

    with pytest.raises(SettingsError, match="are for tests, not for production"):
        async with open_application(settings):
            pass


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["port", "router_port"])
async def test_ports_of_applications_are_apart_from_those_of_the_platform(
    name: str, tmp_path: Path
) -> None:
    """An application that got the port of the API could not start, or the API could not."""
    settings = read(data_directory=str(tmp_path), **{name: "20005"})

    with pytest.raises(SettingsError, match="PUSHPAKA_INSTANCE_PORTS holds 20005"):
        async with open_application(settings):
            pass


def _shown(default: object) -> str:
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
