"""Others are told over HTTP, by a server that answers, and nowhere that was not allowed."""

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
from tests.certificates import certify
from tests.deliveries import AFTER

from pushpaka_core.adapters.http.poster import HttpPoster
from pushpaka_core.domain.forges.statuses import CommitState, CommitStatus, ForgeRepository
from pushpaka_core.domain.networks import IPAddress
from pushpaka_core.domain.sources import SourcePolicy, parse_repo_url
from pushpaka_core.domain.webhooks import DIALECTS, Forge
from pushpaka_core.errors import DeliveryRefusedError, ReceiverUnavailableError
from pushpaka_core.testing.forges import TOKEN, open_forge
from pushpaka_core.testing.forges import Forge as ForgeServer

pytestmark = pytest.mark.anyio

LOOPBACK = SourcePolicy(
    allow_http=True, allow_nets=(ip_network("127.0.0.0/8"),), allow_ports=frozenset()
)


@pytest.fixture
def poster() -> HttpPoster:
    return HttpPoster(LOOPBACK.permits)


@define
class Receiver:
    """A server that answers as it is told to, and notes what it was sent."""

    port: int = 0
    status: int = 200
    location: str | None = None
    taken: list[tuple[str, str, bytes]] = field(factory=list)


@contextmanager
def serving(receiver: Receiver, certificate: Path | None = None) -> Iterator[Receiver]:
    """Serve on a free port of loopback, over TLS where there is a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.taken.append((self.headers["Host"], self.path, body))
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
    with serving(Receiver()) as receiver:
        yield receiver


async def test_what_is_posted_arrives(poster: HttpPoster, receiver: Receiver) -> None:
    """With its path and its body."""
    await poster.post(f"http://127.0.0.1:{receiver.port}/a%2Fb?c", headers={"A": "b"}, body=b"hi")

    assert [(f"127.0.0.1:{receiver.port}", "/a%2Fb?c", b"hi")] == receiver.taken


async def test_a_name_is_looked_up_once_and_kept_to(receiver: Receiver) -> None:
    """The server hears its own name, though the address was chosen beforehand."""
    asked = []

    async def resolve(host: str, port: int) -> Sequence[IPAddress]:
        asked.append((host, port))
        return [ip_address("127.0.0.1")]

    url = f"http://git.example.com:{receiver.port}/x"
    await HttpPoster(LOOPBACK.permits, resolve).post(url, headers={}, body=b"")

    assert [("git.example.com", receiver.port)] == asked
    assert [(f"git.example.com:{receiver.port}", "/x", b"")] == receiver.taken


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> Path:
        """The certificate of git.example.com, beside its key."""
        certify(tmp_path, "git", "git.example.com")
        return tmp_path / "git.crt"

    @pytest.fixture
    def poster(self, certificate: Path) -> HttpPoster:
        async def resolve(*_: object) -> Sequence[IPAddress]:
            return [ip_address("127.0.0.1")]

        trust = partial(ssl.create_default_context, cafile=certificate)
        return HttpPoster(LOOPBACK.permits, resolve, trust)

    async def test_the_name_is_proven_at_the_judged_address(
        self, poster: HttpPoster, certificate: Path
    ) -> None:
        """Though the address is what is contacted."""
        with serving(Receiver(), certificate) as receiver:
            url = f"https://git.example.com:{receiver.port}/x"
            await poster.post(url, headers={}, body=b"")

        assert [(f"git.example.com:{receiver.port}", "/x", b"")] == receiver.taken

    async def test_another_name_is_not_taken(self, poster: HttpPoster, certificate: Path) -> None:
        """Whoever sits at the address of a name has to have its certificate."""
        with (
            serving(Receiver(), certificate) as receiver,
            pytest.raises(ReceiverUnavailableError) as refusal,
        ):
            await poster.post(f"https://other.example.com:{receiver.port}/", headers={}, body=b"")

        assert "Hostname mismatch" in str(refusal.value.__cause__)
        assert [] == receiver.taken


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["192.0.2.1", "10.0.0.1"], ["::1"], ["::ffff:10.0.0.1"]],
)
async def test_inner_addresses_are_not_contacted(receiver: Receiver, addresses: list[str]) -> None:
    """Not even where one of several is public."""

    async def resolve(*_: object) -> Sequence[IPAddress]:
        return [ip_address(address) for address in addresses]

    poster = HttpPoster(SourcePolicy().permits, resolve)

    with pytest.raises(DeliveryRefusedError, match="private network"):
        await poster.post(f"http://x.example.com:{receiver.port}/", headers={}, body=b"")

    assert [] == receiver.taken


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_what_may_work_later_is_said_so(
    poster: HttpPoster, receiver: Receiver, status: int
) -> None:
    """The server is busy or broken."""
    receiver.status = status

    with pytest.raises(ReceiverUnavailableError, match=str(status)):
        await poster.post(f"http://127.0.0.1:{receiver.port}/", headers={}, body=b"")


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 410, 422])
async def test_what_will_not_work_is_said_so(
    poster: HttpPoster, receiver: Receiver, status: int
) -> None:
    """A redirect is one of these: it could lead anywhere."""
    receiver.status, receiver.location = status, f"http://127.0.0.1:{receiver.port}/other"

    with pytest.raises(DeliveryRefusedError, match=str(status)):
        await poster.post(f"http://127.0.0.1:{receiver.port}/", headers={}, body=b"")

    assert ["/"] == [path for _, path, _ in receiver.taken]


async def test_who_does_not_answer_may_later(poster: HttpPoster) -> None:
    """Nobody listens there, or the name is not known."""
    with pytest.raises(ReceiverUnavailableError):
        await poster.post("http://127.0.0.1:1/", headers={}, body=b"")

    async def resolve(host: str, _: int) -> Sequence[IPAddress]:
        raise OSError(host)

    lost = HttpPoster(LOOPBACK.permits, resolve)
    with pytest.raises(ReceiverUnavailableError, match=r"git\.example\.com"):
        await lost.post("http://git.example.com/", headers={}, body=b"")


@pytest.mark.parametrize(
    "host", ["xn--zzzz--", "xn--a", f"{'a' * 300}.example.com", "a..b", "[::1]x"]
)
async def test_what_no_host_is_called_is_never_our_fault(poster: HttpPoster, host: str) -> None:
    """It is not taken, as from a host that is not there."""
    with pytest.raises((DeliveryRefusedError, ReceiverUnavailableError)):
        await poster.post(f"https://{host}/", headers={}, body=b"")


@pytest.mark.parametrize("forge", Forge)
async def test_each_forges_api_takes_what_it_is_told(
    poster: HttpPoster, tmp_path: Path, forge: Forge
) -> None:
    """A server that is as strict as the documentation of each of them takes every state."""
    with open_forge(tmp_path) as server:
        for state in CommitState:
            await _tell(poster, server, forge, state)

    assert len(CommitState) == len({told.state for told in server.statuses})
    assert {AFTER} == {told.commit for told in server.statuses}
    assert {"https://shop.example.com"} == {told.url for told in server.statuses}


@pytest.mark.parametrize("forge", Forge)
async def test_a_token_that_is_not_good_is_told_of(
    poster: HttpPoster, tmp_path: Path, forge: Forge
) -> None:
    """It does not become good by trying."""
    with open_forge(tmp_path) as server, pytest.raises(DeliveryRefusedError, match="401"):
        await _tell(poster, server, forge, CommitState.PENDING, token="another")


async def _tell(
    poster: HttpPoster,
    server: ForgeServer,
    forge: Forge,
    state: CommitState,
    *,
    token: str = TOKEN,
) -> None:
    url = parse_repo_url(f"http://127.0.0.1:{server.port}/ann/shop.git", LOOPBACK)
    repository = ForgeRepository.of(url, token)
    assert repository is not None
    status = CommitStatus(
        commit_sha=AFTER,
        state=state,
        context="pushpaka/" + "x" * 40 + "/preview",
        description="It is deployed.",
        url="https://shop.example.com",
    )
    call = DIALECTS[forge].report(repository, status)
    headers = {**call.headers, "Content-Type": "application/json"}
    await poster.post(call.url, headers=headers, body=json.dumps(dict(call.body)).encode())
