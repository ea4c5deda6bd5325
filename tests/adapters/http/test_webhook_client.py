"""Tests HTTP requests to other servers, and that forbidden networks are not contacted."""

import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from threading import Thread

import pytest
from attrs import define, field
from tests.certificates import write_certificate
from tests.webhook_deliveries import AFTER, GIT_PROVIDERS

from pushpaka_core.adapters.http.webhook_client import HttpWebhookClient
from pushpaka_core.domain.integrations.git_providers.statuses import (
    CommitState,
    CommitStatus,
    ProviderRepository,
)
from pushpaka_core.domain.integrations.webhooks import PROVIDER_APIS, GitProvider
from pushpaka_core.domain.networks import IPAddress
from pushpaka_core.domain.projects.sources import SourcePolicy, parse_repo_url
from pushpaka_core.errors import DeliveryRejectedError, ReceiverUnavailableError
from pushpaka_core.testing.git_server import TOKEN, GitServer, open_git_server

pytestmark = pytest.mark.anyio

LOOPBACK = SourcePolicy(
    allow_http=True, allow_nets=(ip_network("127.0.0.0/8"),), allow_ports=frozenset()
)


@pytest.fixture
def webhook_client() -> HttpWebhookClient:
    return HttpWebhookClient(LOOPBACK.permits)


@define
class Receiver:
    """A server with a configurable status, which records the requests that it receives."""

    port: int = 0
    status: int = 200
    location: str | None = None
    requests: list[tuple[str, str, bytes]] = field(factory=list)


@contextmanager
def serve(receiver: Receiver, certificate: Path | None = None) -> Iterator[Receiver]:
    """Serve on a free loopback port, with TLS if there is a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append((self.headers["Host"], self.path, body))
            self.send_response(receiver.status)
            if receiver.location is not None:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        receiver.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serve(Receiver()) as receiver:
        yield receiver


async def test_request_is_delivered(webhook_client: HttpWebhookClient, receiver: Receiver) -> None:
    await webhook_client.post(
        f"http://127.0.0.1:{receiver.port}/a%2Fb?c", headers={"A": "b"}, body=b"hi"
    )

    assert [(f"127.0.0.1:{receiver.port}", "/a%2Fb?c", b"hi")] == receiver.requests


async def test_name_is_resolved_once_per_delivery(receiver: Receiver) -> None:
    """The client connects to the resolved address, but the Host header contains the name."""
    asked = []

    async def resolve(host: str, port: int) -> Sequence[IPAddress]:
        asked.append((host, port))
        return [ip_address("127.0.0.1")]

    url = f"http://git.example.com:{receiver.port}/x"
    await HttpWebhookClient(LOOPBACK.permits, resolve).post(url, headers={}, body=b"")

    assert [("git.example.com", receiver.port)] == asked
    assert [(f"git.example.com:{receiver.port}", "/x", b"")] == receiver.requests


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> Path:
        """Create a certificate for git.example.com, and return its path."""
        write_certificate(tmp_path, "git", "git.example.com")
        return tmp_path / "git.crt"

    @pytest.fixture
    def webhook_client(self, certificate: Path) -> HttpWebhookClient:
        async def resolve(*_: object) -> Sequence[IPAddress]:
            return [ip_address("127.0.0.1")]

        trust = partial(ssl.create_default_context, cafile=certificate)
        return HttpWebhookClient(LOOPBACK.permits, resolve, trust)

    async def test_certificate_is_verified_by_host_name(
        self, webhook_client: HttpWebhookClient, certificate: Path
    ) -> None:
        """The client connects to the resolved address, but TLS verifies the host name."""
        with serve(Receiver(), certificate) as receiver:
            url = f"https://git.example.com:{receiver.port}/x"
            await webhook_client.post(url, headers={}, body=b"")

        assert [(f"git.example.com:{receiver.port}", "/x", b"")] == receiver.requests

    async def test_certificate_of_another_name_is_rejected(
        self, webhook_client: HttpWebhookClient, certificate: Path
    ) -> None:
        with (
            serve(Receiver(), certificate) as receiver,
            pytest.raises(ReceiverUnavailableError) as refusal,
        ):
            await webhook_client.post(
                f"https://other.example.com:{receiver.port}/", headers={}, body=b""
            )

        assert "Hostname mismatch" in str(refusal.value.__cause__)
        assert [] == receiver.requests


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["192.0.2.1", "10.0.0.1"], ["::1"], ["::ffff:10.0.0.1"]],
)
async def test_private_addresses_are_not_contacted(
    receiver: Receiver, addresses: list[str]
) -> None:
    """A host name is rejected if one of its addresses is forbidden."""

    async def resolve(*_: object) -> Sequence[IPAddress]:
        return [ip_address(address) for address in addresses]

    webhook_client = HttpWebhookClient(SourcePolicy().permits, resolve)

    with pytest.raises(DeliveryRejectedError, match="private network"):
        await webhook_client.post(f"http://x.example.com:{receiver.port}/", headers={}, body=b"")

    assert [] == receiver.requests


@pytest.mark.parametrize(
    ("error", "statuses"),
    [
        (ReceiverUnavailableError, (408, 429, 500, 502, 503)),
        (DeliveryRejectedError, (301, 307, 400, 401, 403, 404, 410, 422)),
    ],
)
async def test_retry_depends_on_the_status(
    webhook_client: HttpWebhookClient,
    receiver: Receiver,
    error: type[Exception],
    statuses: Sequence[int],
) -> None:
    """Each status raises its error. Redirects are not followed: they could lead anywhere."""
    receiver.location = f"http://127.0.0.1:{receiver.port}/other"

    for status in statuses:
        receiver.status = status
        with pytest.raises(error, match=str(status)):
            await webhook_client.post(f"http://127.0.0.1:{receiver.port}/", headers={}, body=b"")

    assert ["/"] * len(statuses) == [path for _, path, _ in receiver.requests]


async def test_unreachable_receivers_can_be_retried(webhook_client: HttpWebhookClient) -> None:
    """Refused connections and unknown host names raise an error that allows a retry."""
    with pytest.raises(ReceiverUnavailableError):
        await webhook_client.post("http://127.0.0.1:1/", headers={}, body=b"")

    async def resolve(host: str, _: int) -> Sequence[IPAddress]:
        raise OSError(host)

    lost = HttpWebhookClient(LOOPBACK.permits, resolve)
    with pytest.raises(ReceiverUnavailableError, match=r"git\.example\.com"):
        await lost.post("http://git.example.com/", headers={}, body=b"")


@pytest.mark.parametrize(
    "host", ["xn--zzzz--", "xn--a", f"{'a' * 300}.example.com", "a..b", "[::1]x"]
)
async def test_invalid_host_names_are_refused(webhook_client: HttpWebhookClient, host: str) -> None:
    with pytest.raises((DeliveryRejectedError, ReceiverUnavailableError)):
        await webhook_client.post(f"https://{host}/", headers={}, body=b"")


@pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
async def test_each_provider_api_accepts_the_status(
    webhook_client: HttpWebhookClient, tmp_path: Path, git_provider: GitProvider
) -> None:
    """A simulated Git provider validates the requests, and accepts every state."""
    with open_git_server(tmp_path) as server:
        for state in CommitState:
            await _post_status(webhook_client, server, git_provider, state)

    assert len(CommitState) == len({each.state for each in server.statuses})
    assert {AFTER} == {each.commit for each in server.statuses}
    assert {"https://shop.example.com"} == {each.url for each in server.statuses}


@pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
async def test_a_wrong_token_is_refused(
    webhook_client: HttpWebhookClient, tmp_path: Path, git_provider: GitProvider
) -> None:
    with open_git_server(tmp_path) as server, pytest.raises(DeliveryRejectedError, match="401"):
        await _post_status(
            webhook_client, server, git_provider, CommitState.PENDING, token="another"
        )


async def _post_status(
    webhook_client: HttpWebhookClient,
    server: GitServer,
    git_provider: GitProvider,
    state: CommitState,
    *,
    token: str = TOKEN,
) -> None:
    url = parse_repo_url(f"http://127.0.0.1:{server.port}/ann/shop.git", LOOPBACK)
    repository = ProviderRepository.of(url, token)
    assert repository is not None
    status = CommitStatus(
        commit_sha=AFTER,
        state=state,
        context="pushpaka/" + "x" * 40 + "/preview",
        description="The deployment is live.",
        url="https://shop.example.com",
    )
    request_of = PROVIDER_APIS[git_provider].status_request
    assert request_of is not None
    call = request_of(repository, status)
    headers = {**call.headers, "Content-Type": "application/json"}
    await webhook_client.post(call.url, headers=headers, body=json.dumps(dict(call.body)).encode())
