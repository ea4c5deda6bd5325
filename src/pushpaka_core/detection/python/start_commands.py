"""Builds start commands. Adds a server if the project does not depend on one."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from attrs import evolve, frozen

from pushpaka_core.detection.python.applications import Application
from pushpaka_core.detection.python.dependencies import PythonProject
from pushpaka_core.detection.python.frameworks import Interface
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.scripts import Script
from pushpaka_core.detection.python.servers import (
    ATTRIBUTE_SERVERS,
    GUNICORN_WORKERS,
    SERVERS,
    Server,
)
from pushpaka_core.domain.pipeline.build_plans import Evidence

_UNANALYZED_FILES = ("setup.py", "setup.cfg")
"""Files whose dependencies are not analyzed."""
_RUNS_ON_IMPORT = "the module calls run() on import"


@frozen(kw_only=True)
class StartCommand:
    """A start command and its requirements."""

    command: str
    added_packages: tuple[str, ...] = ()
    """Requirements that the project does not install."""
    evidence: tuple[Evidence, ...] = ()


def serve(
    application: Application, project: PythonProject, modules: Sequence[Module]
) -> StartCommand:
    """
    Return how to serve *application*.

    A module that runs its own server on import cannot be served, so it is run instead.
    """
    if application.framework.interface is Interface.AIOHTTP and _has_own_server(application):
        evidence = Evidence(reason="the program listens on PORT", path=application.module.path)
        return StartCommand(command=f"python {application.module.path}", evidence=(evidence,))
    if not application.blocks_import:
        return _serve_imported(application, project)
    if application.framework.name == "flask":
        service = _serve_imported(application, project)
        evidence = Evidence(reason=f"{_RUNS_ON_IMPORT}, which Flask is set to ignore")
        return evolve(
            service,
            command=f"FLASK_RUN_FROM_CLI=true {service.command}",
            evidence=(*service.evidence, evidence),
        )
    evidence = Evidence(reason=f"{_RUNS_ON_IMPORT}, so it is run as a program")
    return StartCommand(
        command=f"python {application.module.path}", evidence=(evidence, *_port_warning(modules))
    )


def serve_target(
    target: str, interface: Interface, root: str, project: PythonProject, *, is_factory: bool
) -> StartCommand:
    """Return how to serve *target*, which can be imported from *root*."""
    server = _server_for(interface, project, target, is_factory=is_factory)
    is_added = server.package not in project.installed_packages
    template = server.factory_command if is_factory else server.command
    options = _gunicorn_options(project) if server.package == "gunicorn" else ""
    reason = (
        f"{server.package} is added: the project has no {interface} server"
        if is_added
        else f"the project installs {server.package}"
    )
    return StartCommand(
        command=python_path_prefix(root) + template.format(target=target) + options,
        added_packages=(server.requirement or server.package,) if is_added else (),
        evidence=(Evidence(reason=reason),),
    )


def missing_package(package: str, project: PythonProject) -> StartCommand:
    """
    Return a `StartCommand` that adds *package* if the code needs it and nothing installs it.

    The result has no command, only the added package, if any.
    """
    known = {*project.listed, *project.installed_packages}
    is_there = (
        package in project.locked if project.locked else _is_probably_installed(package, known)
    )
    is_unknown = not project.manager or project.path in _UNANALYZED_FILES
    if not package or is_unknown or is_there:
        return StartCommand(command="")
    reason = f"{package} is added: the code imports it, but no file lists it"
    return StartCommand(command="", added_packages=(package,), evidence=(Evidence(reason=reason),))


def run_script(script: Script, project: PythonProject, modules: Sequence[Module]) -> StartCommand:
    """Return how to run *script*."""
    server = script.framework.server
    is_added = bool(server) and server not in project.installed_packages
    added = Evidence(reason=f"{server} is added: the project has no server")
    deafness = _port_warning(modules) if script.chooses_address else ()
    return StartCommand(
        command=script.command,
        added_packages=(server,) if is_added else (),
        evidence=(*((added,) if is_added else ()), *deafness),
    )


def _port_warning(modules: Sequence[Module]) -> tuple[Evidence, ...]:
    """Return a warning, as evidence, if a program that opens its own port never reads PORT."""
    if any(one.has_string_constant("PORT") for one in modules):
        return ()
    reason = "the code does not read PORT, but must listen on that port"
    return (Evidence(reason=reason),)


def _serve_imported(application: Application, project: PythonProject) -> StartCommand:
    is_factory, interface = application.is_factory, application.framework.interface
    is_called = is_factory and interface is Interface.AIOHTTP and not application.is_async
    target = f"'{application.target}()'" if is_called else application.target
    return serve_target(target, interface, application.module.root, project, is_factory=is_factory)


def _has_own_server(application: Application) -> bool:
    return application.module.has_string_constant("PORT") and application.module.root == "."


def _is_probably_installed(package: str, installed_packages: AbstractSet[str]) -> bool:
    """Return True if *package*, or one that probably depends on it, is known to be installed."""
    return package in {"starlette", "python-socketio"} or any(
        package in name for name in installed_packages
    )


def _server_for(
    interface: Interface, project: PythonProject, target: str, *, is_factory: bool
) -> Server:
    """Return the first suitable server that the project installs, else the first suitable one."""
    is_attribute = "." in target.partition(":")[2]
    matches = [
        server
        for server in SERVERS
        if server.interface is interface
        and (server.factory_command or not is_factory)
        and (server.package in ATTRIBUTE_SERVERS or not is_attribute)
    ]
    return next(
        (server for server in matches if server.package in project.installed_packages), matches[0]
    )


def _gunicorn_options(project: PythonProject) -> str:
    known = {*project.listed, *project.installed_packages}
    matches = (option for packages, option in GUNICORN_WORKERS if packages <= known)
    option = next(matches, None)
    return f" {option}" if option else ""


def python_path_prefix(root: str) -> str:
    """Return the assignment that puts *root* on the import path, or "" if it is there already."""
    return "" if root == "." else f"PYTHONPATH={root} "
