"""The table of Python frameworks whose application is a script."""

from attrs import frozen

from pushpaka_core.detection.python.frameworks import WEB_FRAMEWORKS


@frozen
class ScriptFramework:
    """A framework whose application is a script that runs as a program."""

    name: str
    module: str
    """The module that the script must import. Empty means that any script will do."""
    command: str
    """
    A template with {path} for the script, {name} for its module, and {target} for the argument of
    `python`.
    """
    package: str
    """The distribution on PyPI. Empty for plain Python."""
    names: tuple[str, ...] = ()
    """Common names of the script, which are preferred over the general ones."""
    is_script_only: bool = True
    """True if every file that imports the framework counts as a script, whatever its name."""
    server: str = ""
    """The distribution of a server that the command needs. Empty if the framework has its own."""


_HOST, _PORT = "${{HOST:-0.0.0.0}}", "$PORT"
RUN = "python {target}"


def _framework(name: str, command: str = RUN, *, names: tuple[str, ...] = ()) -> ScriptFramework:
    return ScriptFramework(name, name, command, name, names)


def _library(name: str, command: str = RUN) -> ScriptFramework:
    return ScriptFramework(name, name, command, name, is_script_only=False)


SCRIPT_FRAMEWORKS: tuple[ScriptFramework, ...] = (
    _framework(
        "streamlit",
        f"streamlit run {{path}} --server.address {_HOST} --server.port {_PORT}"
        " --server.headless true",
        names=("streamlit_app", "Home", "home", "Hello"),
    ),
    _framework("chainlit", f"chainlit run {{path}} --host {_HOST} --port {_PORT} --headless"),
    _framework("gradio", f"GRADIO_SERVER_NAME={_HOST} GRADIO_SERVER_PORT={_PORT} {RUN}"),
    _framework("shiny", f"shiny run {{path}} --host {_HOST} --port {_PORT}"),
    _framework(
        "panel",
        f"panel serve {{path}} --address {_HOST} --port {_PORT} --allow-websocket-origin '*'",
    ),
    _framework("solara", f"solara run {{path}} --host {_HOST} --port {_PORT} --production"),
    _framework("mesop", f"mesop {{path}} --port {_PORT}"),
    _framework(
        "marimo", f"marimo run {{path}} --host {_HOST} --port {_PORT} --headless --no-token"
    ),
    _framework("robyn", f"ROBYN_HOST={_HOST} ROBYN_PORT={_PORT} {RUN}"),
    _framework("nicegui"),
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
"""Frameworks that are used if no application object is found."""

PLAIN_SCRIPT = ScriptFramework("python", "", RUN, "")
"""A placeholder for plain Python: a script with a common name, such as `main.py`."""

FRAMEWORK_PACKAGES: tuple[tuple[str, str], ...] = (
    *((framework.name, framework.package) for framework in WEB_FRAMEWORKS),
    *((framework.name, framework.package) for framework in SCRIPT_FRAMEWORKS),
    ("python", ""),
)
"""Framework names with the distributions that identify them."""
