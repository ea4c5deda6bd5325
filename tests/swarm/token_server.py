"""An authentication server that issues tokens for an image registry."""

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
from tests.certificates import write_certificate

_ISSUER, _SERVICE = "tokens of the tests", "registry of the tests"


@define
class TokenServer:
    """Verifies an account, and signs tokens for the requested scopes."""

    account: str
    """The user and the password of the only account, separated by a colon."""
    _certificate: bytes
    _key: bytes = field(repr=False)
    url: str = field(default="", init=False)
    granted: list[str] = field(factory=list, init=False)
    """The scopes of all issued tokens, such as "repository:apps/shop:pull"."""
    _hook: tuple[str, Callable[[], None]] | None = field(default=None, init=False)

    def call_before_token(self, actions: str, callback: Callable[[], None]) -> None:
        """Call *callback* before the next token for *actions* is issued."""
        self._hook = (actions, callback)

    def issue_token(self, scopes: Sequence[str]) -> str:
        """Return a signed token for *scopes*."""
        for scope in scopes:
            self.granted.append(scope)
            if self._hook and scope.endswith(f":{self._hook[0]}"):
                (_, callback), self._hook = self._hook, None
                callback()
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
        """Respond to a request for a token."""
        given = request.headers.get("Authorization", "").removeprefix("Basic ")
        with suppress(ValueError):
            if b64decode(given).decode() == self.account:
                asked = parse_qs(urlsplit(request.path).query).get("scope", ())
                scopes = [scope for each in asked for scope in each.split()]
                return _respond(request, 200, {"token": self.issue_token(scopes)})
        return _respond(request, 401, {"errors": [{"code": "UNAUTHORIZED"}]})


def _respond(request: BaseHTTPRequestHandler, status: int, content: object) -> None:
    body = json.dumps(content).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def open_token_server(directory: Path, host: str, account: str) -> Iterator[TokenServer]:
    """Yield a running server on *host*, whose key and certificate are in *directory*."""
    certificate = write_certificate(directory, "tokens")
    tokens = TokenServer(account, certificate, (directory / "tokens.key").read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.answer(self)

        def do_POST(self) -> None:
            _respond(self, 404, {})

        def log_message(self, *_: object) -> None:
            """Log no request."""

    with ThreadingHTTPServer((host, 0), Handler) as server:
        tokens.url = f"http://{host}:{server.server_port}/token"
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield tokens
        finally:
            server.shutdown()


def token_auth_config(tokens: TokenServer, directory: Path) -> str:
    """Return the `auth` configuration of a registry that trusts the token server *tokens*."""
    return (
        f'token: {{realm: "{tokens.url}", service: "{_SERVICE}", issuer: "{_ISSUER}",'
        f" rootcertbundle: {directory}/tokens.crt}}"
    )
