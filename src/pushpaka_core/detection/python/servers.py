"""The table of servers for Python applications."""

from attrs import frozen

from pushpaka_core.detection.python.frameworks import Interface


@frozen(kw_only=True)
class Server:
    """A server that imports an application."""

    package: str
    interface: Interface
    command: str
    """A template with {target} for "module:name"."""
    factory_command: str
    """The template for an application factory. Empty if the server does not support factories."""
    requirement: str = ""
    """
    The requirement to install if the project has no server. Empty means the name of the package.
    """


_HOST, _PORT = "${{HOST:-0.0.0.0}}", "$PORT"
_BIND = f"--bind {_HOST}:{_PORT}"
_FLAGS = f"--host {_HOST} --port {_PORT}"

SERVERS: tuple[Server, ...] = (
    Server(
        package="uvicorn",
        interface=Interface.ASGI,
        command=f"uvicorn {{target}} {_FLAGS}",
        factory_command=f"uvicorn --factory {{target}} {_FLAGS}",
        requirement="uvicorn[standard]",
    ),
    Server(
        package="hypercorn",
        interface=Interface.ASGI,
        command=f"hypercorn {{target}} {_BIND}",
        factory_command=f"hypercorn '{{target}}()' {_BIND}",
    ),
    Server(
        package="granian",
        interface=Interface.ASGI,
        command=f"granian --interface asgi {{target}} {_FLAGS}",
        factory_command=f"granian --interface asgi --factory {{target}} {_FLAGS}",
    ),
    Server(
        package="daphne",
        interface=Interface.ASGI,
        command=f"daphne -b {_HOST} -p {_PORT} {{target}}",
        factory_command="",
    ),
    Server(
        package="gunicorn",
        interface=Interface.WSGI,
        command=f"gunicorn {{target}} {_BIND}",
        factory_command=f"gunicorn '{{target}}()' {_BIND}",
    ),
    Server(
        package="waitress",
        interface=Interface.WSGI,
        command=f"waitress-serve --host={_HOST} --port={_PORT} {{target}}",
        factory_command=f"waitress-serve --host={_HOST} --port={_PORT} --call {{target}}",
    ),
    Server(
        package="granian",
        interface=Interface.WSGI,
        command=f"granian --interface wsgi {{target}} {_FLAGS}",
        factory_command=f"granian --interface wsgi --factory {{target}} {_FLAGS}",
    ),
    Server(
        package="sanic",
        interface=Interface.SANIC,
        command=f"sanic {{target}} --host={_HOST} --port={_PORT}",
        factory_command=f"sanic {{target}} --factory --host={_HOST} --port={_PORT}",
    ),
    Server(
        package="gunicorn",
        interface=Interface.AIOHTTP,
        command=f"gunicorn {{target}} --worker-class aiohttp.GunicornWebWorker {_BIND}",
        factory_command=f"gunicorn {{target}} --worker-class aiohttp.GunicornWebWorker {_BIND}",
    ),
)
"""
The servers, in order of preference. The first one that the project installs is used. If it installs
none, the first one is added.
"""

ATTRIBUTE_SERVERS = frozenset({"waitress", "granian"})
"""Servers that accept an attribute of an object as their target, for example "app:dash.server"."""

GUNICORN_WORKERS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"flask-socketio", "eventlet"}), "--worker-class eventlet"),
    (
        frozenset({"flask-socketio", "gevent-websocket"}),
        "--worker-class geventwebsocket.gunicorn.workers.GeventWebSocketWorker",
    ),
    (frozenset({"flask-socketio", "gevent"}), "--worker-class gevent"),
    (frozenset({"flask-socketio"}), "--threads 100"),
    (frozenset({"flask-sock"}), "--threads 100"),
)
"""
Options for gunicorn if WebSockets are served over WSGI. The first row whose packages are all
installed applies.
"""

EXTRAS_WITH_SERVER = {
    ("fastapi", "standard"): "uvicorn",
    ("fastapi", "all"): "uvicorn",
    ("litestar", "standard"): "uvicorn",
    ("litestar", "full"): "uvicorn",
    ("connexion", "uvicorn"): "uvicorn",
    ("channels", "daphne"): "daphne",
}
"""The servers that packages install with an extra, for projects without a lock file."""

PACKAGES_WITH_SERVER = {
    "quart": "hypercorn",
    "quart-trio": "hypercorn",
    "sanic": "sanic",
    "python-fasthtml": "uvicorn",
    "nicegui": "uvicorn",
    "gradio": "uvicorn",
    "shiny": "uvicorn",
    "uvicorn-worker": "uvicorn",
}
"""The servers that packages depend on, by package."""
