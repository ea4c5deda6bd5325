"""The rules about Python's web frameworks and servers, as data."""

from enum import StrEnum

from attrs import frozen


class Interface(StrEnum):
    """How a server speaks to an application."""

    ASGI = "ASGI"
    WSGI = "WSGI"
    SANIC = "Sanic"


@frozen(kw_only=True)
class WebFramework:
    """A framework whose application is an object that a server imports."""

    name: str
    package: str
    """The distribution, by its normalised name."""
    title: str
    interface: Interface
    constructors: tuple[str, ...]
    """Calls that make an application, by their full names."""


@frozen(kw_only=True)
class ScriptFramework:
    """A framework whose application is a file that is run."""

    name: str
    package: str
    module: str
    """What the file must import; empty where any file will do."""
    command: str
    """With {path} for the file and {target} for what `python` is to run."""


@frozen(kw_only=True)
class Server:
    """A program that imports an application and listens."""

    package: str
    interface: Interface
    command: str
    """With {target} for "module:name"."""
    factory_command: str
    """The same for a function that makes the application."""


WEB_FRAMEWORKS: tuple[WebFramework, ...] = (
    WebFramework(
        name="fastapi",
        package="fastapi",
        title="FastAPI",
        interface=Interface.ASGI,
        constructors=("fastapi.FastAPI", "fastapi.applications.FastAPI"),
    ),
    WebFramework(
        name="litestar",
        package="litestar",
        title="Litestar",
        interface=Interface.ASGI,
        constructors=("litestar.Litestar", "litestar.app.Litestar"),
    ),
    WebFramework(
        name="quart",
        package="quart",
        title="Quart",
        interface=Interface.ASGI,
        constructors=("quart.Quart", "quart.app.Quart", "quart_trio.QuartTrio"),
    ),
    WebFramework(
        name="sanic",
        package="sanic",
        title="Sanic",
        interface=Interface.SANIC,
        constructors=("sanic.Sanic", "sanic.app.Sanic"),
    ),
    WebFramework(
        name="django",
        package="django",
        title="Django",
        interface=Interface.WSGI,
        constructors=("django.core.wsgi.get_wsgi_application",),
    ),
    WebFramework(
        name="django",
        package="django",
        title="Django",
        interface=Interface.ASGI,
        constructors=(
            "django.core.asgi.get_asgi_application",
            "channels.routing.ProtocolTypeRouter",
        ),
    ),
    WebFramework(
        name="flask",
        package="flask",
        title="Flask",
        interface=Interface.WSGI,
        constructors=("flask.Flask", "flask.app.Flask", "apiflask.APIFlask"),
    ),
    WebFramework(
        name="falcon",
        package="falcon",
        title="Falcon",
        interface=Interface.ASGI,
        constructors=("falcon.asgi.App",),
    ),
    WebFramework(
        name="falcon",
        package="falcon",
        title="Falcon",
        interface=Interface.WSGI,
        constructors=("falcon.App", "falcon.API"),
    ),
    WebFramework(
        name="bottle",
        package="bottle",
        title="Bottle",
        interface=Interface.WSGI,
        constructors=("bottle.Bottle", "bottle.default_app", "bottle.app"),
    ),
    WebFramework(
        name="starlette",
        package="starlette",
        title="Starlette",
        interface=Interface.ASGI,
        constructors=("starlette.applications.Starlette",),
    ),
)
"""Starlette comes last: those that are built on it depend on it too."""

SCRIPT_FRAMEWORKS: tuple[ScriptFramework, ...] = (
    ScriptFramework(
        name="streamlit",
        package="streamlit",
        module="streamlit",
        command=(
            "streamlit run {path} --server.address ${{HOST:-0.0.0.0}} --server.port $PORT"
            " --server.headless true"
        ),
    ),
    ScriptFramework(
        name="gradio",
        package="gradio",
        module="gradio",
        command=("GRADIO_SERVER_NAME=${{HOST:-0.0.0.0}} GRADIO_SERVER_PORT=$PORT python {target}"),
    ),
    ScriptFramework(name="aiohttp", package="aiohttp", module="aiohttp", command="python {target}"),
    ScriptFramework(name="tornado", package="tornado", module="tornado", command="python {target}"),
    ScriptFramework(name="python", package="", module="", command="python {target}"),
)
"""Asked when no application object is found; the last takes any script."""

PACKAGES: tuple[tuple[str, str], ...] = (
    *((framework.name, framework.package) for framework in WEB_FRAMEWORKS),
    *((framework.name, framework.package) for framework in SCRIPT_FRAMEWORKS),
)
"""Names of frameworks with the distributions that speak for them."""

SERVERS: tuple[Server, ...] = (
    Server(
        package="uvicorn",
        interface=Interface.ASGI,
        command="uvicorn {target} --host ${{HOST:-0.0.0.0}} --port $PORT",
        factory_command="uvicorn --factory {target} --host ${{HOST:-0.0.0.0}} --port $PORT",
    ),
    Server(
        package="hypercorn",
        interface=Interface.ASGI,
        command="hypercorn {target} --bind ${{HOST:-0.0.0.0}}:$PORT",
        factory_command="hypercorn '{target}()' --bind ${{HOST:-0.0.0.0}}:$PORT",
    ),
    Server(
        package="granian",
        interface=Interface.ASGI,
        command="granian --interface asgi {target} --host ${{HOST:-0.0.0.0}} --port $PORT",
        factory_command=(
            "granian --interface asgi --factory {target} --host ${{HOST:-0.0.0.0}} --port $PORT"
        ),
    ),
    Server(
        package="daphne",
        interface=Interface.ASGI,
        command="daphne -b ${{HOST:-0.0.0.0}} -p $PORT {target}",
        factory_command="",
    ),
    Server(
        package="gunicorn",
        interface=Interface.WSGI,
        command="gunicorn {target} --bind ${{HOST:-0.0.0.0}}:$PORT",
        factory_command="gunicorn '{target}()' --bind ${{HOST:-0.0.0.0}}:$PORT",
    ),
    Server(
        package="waitress",
        interface=Interface.WSGI,
        command="waitress-serve --host=${{HOST:-0.0.0.0}} --port=$PORT {target}",
        factory_command="waitress-serve --host=${{HOST:-0.0.0.0}} --port=$PORT --call {target}",
    ),
    Server(
        package="granian",
        interface=Interface.WSGI,
        command="granian --interface wsgi {target} --host ${{HOST:-0.0.0.0}} --port $PORT",
        factory_command=(
            "granian --interface wsgi --factory {target} --host ${{HOST:-0.0.0.0}} --port $PORT"
        ),
    ),
    Server(
        package="sanic",
        interface=Interface.SANIC,
        command="sanic {target} --host=${{HOST:-0.0.0.0}} --port=$PORT",
        factory_command="sanic {target} --factory --host=${{HOST:-0.0.0.0}} --port=$PORT",
    ),
)
"""The first that the project brings is taken; where it brings none, the first of all is added."""

FILE_NAMES = (
    "main", "app", "wsgi", "asgi", "server", "api", "application", "web", "run", "index", "start",
    "__init__", "streamlit_app",
)  # fmt: skip
"""Modules that usually hold the application; earlier ones are preferred."""

OBJECT_NAMES = ("app", "application", "api", "server", "asgi", "wsgi")
"""Variables that usually are the application; earlier ones are preferred."""

FACTORY_NAMES = (
    "create_app", "make_app", "build_app", "get_app", "app_factory", "create_application",
    "make_application", "build_application", "get_application",
)  # fmt: skip
"""Functions that are taken for makers of the application."""

EXTRAS_WITH_SERVER = {
    ("fastapi", "standard"): "uvicorn",
    ("fastapi", "all"): "uvicorn",
    ("litestar", "standard"): "uvicorn",
    ("uvicorn", "standard"): "uvicorn",
}
"""What an extra brings, for projects without a lock file."""

PACKAGES_WITH_SERVER = {"quart": "hypercorn", "quart-trio": "hypercorn", "sanic": "sanic"}
"""Frameworks that depend on their server."""
