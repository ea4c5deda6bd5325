"""The servers that Python applications are served by, as data."""

from attrs import frozen

from pushpaka_core.detection.python.frameworks import Interface


@frozen(kw_only=True)
class Server:
    """A program that imports an application and listens."""

    package: str
    interface: Interface
    command: str
    """With {target} for "module:name"."""
    factory_command: str
    """The same for a function that makes the application; empty where that cannot be."""
    added_as: str = ""
    """What is installed where the project brings no server; empty for the package."""


_HOST, _PORT = "${{HOST:-0.0.0.0}}", "$PORT"
_BIND = f"--bind {_HOST}:{_PORT}"
_FLAGS = f"--host {_HOST} --port {_PORT}"

SERVERS: tuple[Server, ...] = (
    Server(
        package="uvicorn",
        interface=Interface.ASGI,
        command=f"uvicorn {{target}} {_FLAGS}",
        factory_command=f"uvicorn --factory {{target}} {_FLAGS}",
        added_as="uvicorn[standard]",
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
"""The first that the project brings is taken; where it brings none, the first of all is added."""

OF_ATTRIBUTES = frozenset({"waitress", "granian"})
"""Servers that can be told to serve an attribute of what a module holds."""

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
"""What gunicorn is told where WebSockets are served by WSGI; the first that is all listed."""

EXTRAS_WITH_SERVER = {
    ("fastapi", "standard"): "uvicorn",
    ("fastapi", "all"): "uvicorn",
    ("litestar", "standard"): "uvicorn",
    ("litestar", "full"): "uvicorn",
    ("connexion", "uvicorn"): "uvicorn",
    ("channels", "daphne"): "daphne",
}
"""What an extra brings, for projects without a lock file."""

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
"""Packages that depend on a server."""
