"""The source code of the misbehaving apps. Each is deployed as it is, and never imported."""

_SOCKET = """\
import os, signal, socket, struct, subprocess, sys, time

HOST, PORT = os.environ["HOST"], int(os.environ["PORT"])
print("About to misbehave", flush=True)
"""
_HTTP = f"""\
{_SOCKET}
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200)

    do_POST = do_GET

    def is_of_a_visitor(self):
        return not self.headers.get("User-Agent", "").startswith("Pushpaka")

    def answer(self, status):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def serve(app=App, place=(HOST, PORT)):
    ThreadingHTTPServer(place, app).serve_forever()
"""


def socket_program(source: str) -> str:
    """Return a program that runs *source*, which can use sockets, HOST and PORT."""
    return f"{_SOCKET}\n{source}"


def http_program(source: str) -> str:
    """Return a program that runs *source*, which can call `serve(App)` to start an HTTP server."""
    return f"{_HTTP}\n\n{source}"


def connection_program(source: str) -> str:
    """Return a program that reads each request from `connection` and continues with *source*."""
    return socket_program(f"""\
listener = socket.create_server((HOST, PORT))
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    {source}
""")


CLOSES = connection_program("connection.close()")
RESETS = connection_program(
    'connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))\n'
    "    connection.close()"
)
HALF_A_HEAD = connection_program(
    'connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Ty")\n    connection.close()'
)
HALF_A_HEAD_THEN_SILENCE = socket_program("""\
listener, kept = socket.create_server((HOST, PORT)), []
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Ty")
    kept.append(connection)
""")
NO_HTTP = connection_program(
    'connection.sendall(b"220 mail.example.com ESMTP\\r\\n\\r\\n")\n    connection.close()'
)
NEVER_ACCEPTS = socket_program("""\
listener = socket.create_server((HOST, PORT))
time.sleep(600)
""")
STOPS_LISTENING = socket_program("""\
listener = socket.create_server((HOST, PORT))
time.sleep(2)
listener.close()
time.sleep(600)
""")
ANSWERS_500 = http_program("""\
class Broken(App):
    def do_GET(self):
        self.answer(500)

serve(Broken)
""")
ANSWERS_404 = http_program("""\
class Empty(App):
    def do_GET(self):
        self.answer(404)

serve(Empty)
""")
ANSWERS_ONCE = http_program("""\
HTTPServer((HOST, PORT), App).handle_request()
print("One request is enough", flush=True)
""")
BLOCKS_AFTER_THE_FIRST = http_program("""\
server = HTTPServer((HOST, PORT), App)
server.handle_request()
time.sleep(600)
""")
EXITS_SOON = http_program("""\
threading.Timer(1, lambda: (print("The license has expired", flush=True), os._exit(7))).start()
serve()
""")
EXITS_SOON_WITHOUT_A_PORT = socket_program("""\
time.sleep(1)
print("The license has expired", flush=True)
sys.exit(7)
""")
IS_KILLED = socket_program("os.kill(os.getpid(), signal.SIGKILL)\n")
NEVER_LISTENS = socket_program("time.sleep(600)\n")
FORKS = http_program("""\
if os.fork():
    sys.exit(0)
serve()
""")
DAEMONIZES = http_program("""\
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
nowhere = os.open(os.devnull, os.O_RDWR)
for descriptor in range(3):
    os.dup2(nowhere, descriptor)
serve()
""")
ON_IPV6_ONLY = http_program("""\
class OnIPv6(ThreadingHTTPServer):
    address_family = socket.AF_INET6

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()

OnIPv6(("::", PORT), App).serve_forever()
""")
ON_LOOPBACK_ONLY = http_program('serve(place=("127.0.0.1", PORT))\n')
ON_ANOTHER_ADDRESS = http_program('serve(place=("127.0.0.2", PORT))\n')
ON_ANOTHER_PORT = http_program("serve(place=(HOST, 0))\n")
ALLOCATES = socket_program("""\
held = []
while True:
    held.append(b"x" * 2**22)
""")
REFUSES_THE_PROXY = http_program("""\
class Picky(App):
    def do_GET(self):
        if any(name.lower().startswith("x-forwarded") for name in self.headers):
            raise ValueError("untrusted proxy")
        self.answer(200)

serve(Picky)
""")
EXITS_ON_EVERY_VISIT = http_program("""\
class Fragile(App):
    def do_GET(self):
        if self.is_of_a_visitor():
            print("A visitor was too much", flush=True)
            os._exit(5)
        self.answer(200)

serve(Fragile)
""")
FAILS_FROM_THE_FIRST_VISIT = http_program("""\
class Weak(App):
    is_down = False

    def do_GET(self):
        Weak.is_down |= self.is_of_a_visitor()
        self.answer(500 if Weak.is_down else 200)

serve(Weak)
""")
FREEZES_AT_THE_FIRST_VISIT = http_program("""\
class Freezing(App):
    def do_GET(self):
        self.answer(200)
        if self.is_of_a_visitor():
            os.kill(os.getpid(), signal.SIGSTOP)

serve(Freezing)
""")


def program_that_exits_after(seconds: float) -> str:
    """Return a program that is healthy at first, and exits *seconds* after its first visitor."""
    return http_program(f"""\
class Mortal(App):
    is_dying = False

    def do_GET(self):
        self.answer(200)
        if self.is_of_a_visitor() and not Mortal.is_dying:
            Mortal.is_dying = True
            threading.Timer({seconds}, lambda: (print("Worn out", flush=True), os._exit(4))).start()

serve(Mortal)
""")


def program_that_starts_within(seconds: float) -> str:
    """Return a good app that needs *seconds* to start."""
    return http_program(f"time.sleep({seconds})\nserve()\n")


IMPORT_ERROR = "import nowhere_to_be_found\n"
CRASHES_IN_EACH_REQUEST = """\
import os, signal

def app(environ, start_response):
    os.kill(os.getpid(), signal.SIGSEGV)
"""
DIES_AFTER_EACH_RESPONSE = """\
import os, signal

class Response(list):
    def close(self):
        os.kill(os.getpid(), signal.SIGKILL)

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return Response([b"ok"])
"""

_NODE_CLUSTER = """\
const cluster = require("cluster")

if (cluster.isPrimary) {
  for (let n = 0; n < 2; n++) cluster.fork()
  cluster.on("exit", (worker) => {
    console.log(`Worker ${worker.process.pid} died, starting another one`)
    cluster.fork()
  })
} else {
  __WORKER__
}
"""
NODE_WORKERS_DIE = _NODE_CLUSTER.replace(
    "__WORKER__", 'console.error("The database is away")\n  process.exit(1)'
)
NODE_WORKERS_DIE_AFTER_EACH_RESPONSE = _NODE_CLUSTER.replace(
    "__WORKER__",
    'require("http").createServer((_, response) => {\n'
    '    response.setHeader("Connection", "close").end("ok", () => process.exit(1))\n'
    "  }).listen(process.env.PORT, process.env.HOST)",
)
