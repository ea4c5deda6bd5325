"""The rules about frameworks whose application is a file that is run, as data."""

from attrs import frozen

from pushpaka_core.detection.python.frameworks import WEB_FRAMEWORKS


@frozen
class ScriptFramework:
    """A framework whose application is a file that is run."""

    name: str
    module: str
    """What the file must import; empty where any file will do."""
    command: str
    """With {path} for the file, {name} for its module, and {target} for what `python` is to run."""
    package: str
    """The distribution; empty for Python itself."""
    names: tuple[str, ...] = ()
    """Files that usually are the one to run, before the names that are usual everywhere."""
    is_script_only: bool = True
    """Whether a file that imports it can be nothing else, whatever its name."""
    server: str = ""
    """The distribution of the server that the command needs; empty where it brings its own."""


_HOST, _PORT = "${{HOST:-0.0.0.0}}", "$PORT"
RUN = "python {target}"


def _of(name: str, command: str = RUN, *, names: tuple[str, ...] = ()) -> ScriptFramework:
    return ScriptFramework(name, name, command, name, names)


def _library(name: str, command: str = RUN) -> ScriptFramework:
    return ScriptFramework(name, name, command, name, is_script_only=False)


SCRIPT_FRAMEWORKS: tuple[ScriptFramework, ...] = (
    _of(
        "streamlit",
        f"streamlit run {{path}} --server.address {_HOST} --server.port {_PORT}"
        " --server.headless true",
        names=("streamlit_app", "Home", "home", "Hello"),
    ),
    _of("chainlit", f"chainlit run {{path}} --host {_HOST} --port {_PORT} --headless"),
    _of("gradio", f"GRADIO_SERVER_NAME={_HOST} GRADIO_SERVER_PORT={_PORT} {RUN}"),
    _of("shiny", f"shiny run {{path}} --host {_HOST} --port {_PORT}"),
    _of(
        "panel",
        f"panel serve {{path}} --address {_HOST} --port {_PORT} --allow-websocket-origin '*'",
    ),
    _of("solara", f"solara run {{path}} --host {_HOST} --port {_PORT} --production"),
    _of("mesop", f"mesop {{path}} --port {_PORT}"),
    _of("marimo", f"marimo run {{path}} --host {_HOST} --port {_PORT} --headless --no-token"),
    _of("robyn", f"ROBYN_HOST={_HOST} ROBYN_PORT={_PORT} {RUN}"),
    _of("nicegui"),
    _library("dash", f"HOST={_HOST} {RUN}"),
    ScriptFramework(
        "bottle",
        "bottle",
        f"python -m bottle --server gunicorn --bind {_HOST}:{_PORT} {{name}}",
        "bottle",
        is_script_only=False,
        server="gunicorn",
    ),
    *map(_library, ("aiohttp", "tornado", "cherrypy", "flask", "fastapi")),
)
"""Asked when no application object is found."""

PLAIN = ScriptFramework("python", "", RUN, "")
"""Asked when nothing else is found: it takes any script with a usual name."""

PACKAGES: tuple[tuple[str, str], ...] = (
    *((framework.name, framework.package) for framework in WEB_FRAMEWORKS),
    *((framework.name, framework.package) for framework in SCRIPT_FRAMEWORKS),
    ("python", ""),
)
"""Names of frameworks with the distributions that speak for them."""
