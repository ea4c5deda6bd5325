"""HTTP and SMTP servers on the loopback interface that receive notifications."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer, StreamRequestHandler, ThreadingTCPServer
from threading import Thread

from attrs import define, field, frozen


@frozen(kw_only=True)
class ReceivedMessage:
    """A received HTTP request or email. Header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@define
class Receiver:
    """The messages that a server received, and the errors of its next responses."""

    port: int = 0
    received: list[ReceivedMessage] = field(factory=list)
    next_errors: list[HTTPStatus] = field(factory=list)


@contextmanager
def open_http_receiver() -> Iterator[Receiver]:
    """Yield a server that accepts every POST request, unless `next_errors` has an error for it."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.next_errors.pop(0) if receiver.next_errors else HTTPStatus.NO_CONTENT
            if status is HTTPStatus.NO_CONTENT:
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = ReceivedMessage(path=self.path, headers=headers, body=body)
                receiver.received.append(received)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, _serve(server):
        receiver.port = server.server_port
        yield receiver


@contextmanager
def open_mail_receiver() -> Iterator[Receiver]:
    """Yield an SMTP server that accepts every email."""
    receiver = Receiver()

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            self._respond("220 mail.example.com")
            while line := self.rfile.readline().strip():
                match line.split()[0].upper():
                    case b"DATA":
                        self._respond("354 go on")
                        lines = iter(self.rfile.readline, b".\r\n")
                        mail = ReceivedMessage(path="", headers={}, body=b"".join(lines))
                        receiver.received.append(mail)
                        self._respond("250 taken")
                    case b"QUIT":
                        self._respond("221 bye")
                        return
                    case _:
                        self._respond("250 well")

        def _respond(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server, _serve(server):
        receiver.port = server.server_address[1]
        yield receiver


@contextmanager
def _serve(server: BaseServer) -> Iterator[None]:
    serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    try:
        yield
    finally:
        server.shutdown()
        serving.join()
