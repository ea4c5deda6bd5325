"""What gives tokens to whoever may use a registry, as those of companies have it."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import time
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from tests.certificates import certify

_ISSUER, _SERVICE = "tokens of the tests", "registry of the tests"


@define
class TokenServer:
    """Asks for a name and a password, and signs what its caller may do."""

    account: str
    """As in "user:password"."""
    _certificate: bytes
    _key: bytes = field(repr=False)
    url: str = field(default="", init=False)
    granted: list[str] = field(factory=list, init=False)
    """What was asked for and given, as in "repository:apps/shop:pull"."""
    _awaited: tuple[str, Callable[[], None]] | None = field(default=None, init=False)

    def once(self, actions: str, call: Callable[[], None]) -> None:
        """Have *call* be done before somebody gets the next token for *actions*."""
        self._awaited = (actions, call)

    def token(self, scopes: Sequence[str]) -> str:
        """Return what lets its bearer do what *scopes* name."""
        for scope in scopes:
            self.granted.append(scope)
            if self._awaited and scope.endswith(f":{self._awaited[0]}"):
                (_, call), self._awaited = self._awaited, None
                call()
        found = (scope.split(":") for scope in scopes)
        claims = {
            "iss": _ISSUER, "aud": _SERVICE, "sub": self.account.partition(":")[0],
            "exp": int(time()) + 300, "nbf": int(time()) - 10, "jti": uuid4().hex,
            "access": [
                {"type": kind, "name": ":".join(name), "actions": actions.split(",")}
                for kind, *name, actions in found
            ],
        }  # fmt: skip
        der = x509.load_pem_x509_certificate(self._certificate).public_bytes(Encoding.DER)
        key = load_pem_private_key(self._key, password=None)
        headers = {"x5c": [b64encode(der).decode()]}
        return jwt.encode(claims, key, algorithm="ES256", headers=headers)  # type: ignore[arg-type]  # an EC key

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer who asks for a token."""
        given = request.headers.get("Authorization", "").removeprefix("Basic ")
        with suppress(ValueError):
            if b64decode(given).decode() == self.account:
                asked = parse_qs(urlsplit(request.path).query).get("scope", ())
                scopes = [scope for each in asked for scope in each.split()]
                return _say(request, 200, {"token": self.token(scopes)})
        return _say(request, 401, {"errors": [{"code": "UNAUTHORIZED"}]})


def _say(request: BaseHTTPRequestHandler, status: int, told: object) -> None:
    body = json.dumps(told).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def open_token_server(directory: Path, host: str, account: str) -> Iterator[TokenServer]:
    """Yield a server at an address of this host; what it signs by is in *directory*."""
    certificate = certify(directory, "tokens")
    tokens = TokenServer(account, certificate, (directory / "tokens.key").read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.answer(self)

        def do_POST(self) -> None:
            _say(self, 404, {})

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((host, 0), Handler) as server:
        tokens.url = f"http://{host}:{server.server_port}/token"
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield tokens
        finally:
            server.shutdown()


def asking_for_tokens(tokens: TokenServer, directory: Path) -> str:
    """Return how a registry is told to believe that server, as its configuration has it."""
    return (
        f'token: {{realm: "{tokens.url}", service: "{_SERVICE}", issuer: "{_ISSUER}",'
        f" rootcertbundle: {directory}/tokens.crt}}"
    )
