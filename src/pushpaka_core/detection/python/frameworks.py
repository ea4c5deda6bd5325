"""The table of Python web frameworks."""

from enum import StrEnum

from attrs import frozen


class Interface(StrEnum):
    """The protocol between a server and an application."""

    ASGI = "ASGI"
    WSGI = "WSGI"
    SANIC = "Sanic"
    AIOHTTP = "aiohttp"


@frozen
class WebFramework:
    """A framework whose application is an object that a server imports."""

    name: str
    title: str
    interface: Interface
    constructors: tuple[str, ...]
    """The full names of callables that create an application."""
    package: str
    """The normalized name of the distribution on PyPI."""
    inner: str = ""
    """The attribute of the created object that is served. Empty means the object itself."""


def _asgi(name: str, title: str, *constructors: str, package: str = "") -> WebFramework:
    return WebFramework(name, title, Interface.ASGI, constructors, package or name)


def _wsgi(
    name: str, title: str, *constructors: str, package: str = "", attribute: str = ""
) -> WebFramework:
    return WebFramework(name, title, Interface.WSGI, constructors, package or name, attribute)


WEB_FRAMEWORKS: tuple[WebFramework, ...] = (
    _asgi("fastapi", "FastAPI", "fastapi.FastAPI", "fastapi.applications.FastAPI"),
    _asgi("litestar", "Litestar", "litestar.Litestar", "litestar.app.Litestar"),
    _asgi("quart", "Quart", "quart.Quart", "quart.app.Quart", "quart_trio.QuartTrio"),
    WebFramework(
        "sanic", "Sanic", Interface.SANIC, ("sanic.Sanic", "sanic.app.Sanic"), package="sanic"
    ),
    _wsgi("django", "Django", "django.core.wsgi.get_wsgi_application"),
    _asgi(
        "django",
        "Django",
        "django.core.asgi.get_asgi_application",
        "channels.routing.ProtocolTypeRouter",
    ),
    _wsgi("dash", "Dash", "dash.Dash", "dash_extensions.enrich.DashProxy", attribute="server"),
    _asgi("connexion", "Connexion", *(f"connexion.{name}" for name in ("AsyncApp", "FlaskApp"))),
    _wsgi(
        "flask",
        "Flask",
        "flask.Flask",
        "flask.app.Flask",
        "apiflask.APIFlask",
        "flask_openapi3.OpenAPI",
    ),
    _asgi("falcon", "Falcon", "falcon.asgi.App"),
    _wsgi("falcon", "Falcon", "falcon.App", "falcon.API"),
    _wsgi("bottle", "Bottle", "bottle.Bottle", "bottle.default_app", "bottle.app"),
    WebFramework(
        "aiohttp", "aiohttp", Interface.AIOHTTP, ("aiohttp.web.Application",), package="aiohttp"
    ),
    _asgi("blacksheep", "BlackSheep", "blacksheep.Application", "blacksheep.server.Application"),
    _asgi(
        "fasthtml",
        "FastHTML",
        *(f"fasthtml.{module}.{name}" for module in ("common", "core") for name in ("FastHTML",)),
        "fasthtml.common.fast_app",
        "fasthtml.fastapp.fast_app",
        package="python-fasthtml",
    ),
    _asgi("starlette", "Starlette", "starlette.applications.Starlette"),
    _asgi("socketio", "Socket.IO", "socketio.ASGIApp", package="python-socketio"),
)
"""
The frameworks, in order of preference. Starlette comes late because other frameworks depend on it.
"""

STAR_IMPORTS = {
    module: tuple(name for other, name in pairs if other == module)
    for pairs in [
        [tuple(full.rsplit(".", 1)) for one in WEB_FRAMEWORKS for full in one.constructors]
    ]
    for module, _ in pairs
}
"""The constructors that `from module import *` imports, by module."""

FILE_NAMES = (
    "main", "app", "wsgi", "asgi", "server", "api", "application", "web", "run", "index", "start",
    "serve", "backend", "service", "__init__", "__main__",
)  # fmt: skip
"""Common names of modules with the application, in order of preference."""

ENTRY_NAMES = frozenset({"main", "wsgi", "asgi", "app", "application", "server", "run", "serve"})
"""Common names of modules that import an application in order to serve it."""

OBJECT_NAMES = ("app", "application", "api", "server", "asgi", "wsgi")
"""Common names of application variables, in order of preference."""

FACTORY_NAMES = (
    "create_app", "make_app", "build_app", "get_app", "app_factory", "create_application",
    "make_application", "build_application", "get_application", "init_app", "init", "setup_app",
)  # fmt: skip
"""Common names of application factories, in order of preference."""
