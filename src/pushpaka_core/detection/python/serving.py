"""How an application is served: by the server that the project brings, or by one that is added."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from attrs import evolve, frozen

from pushpaka_core.detection.python.applications import Application
from pushpaka_core.detection.python.dependencies import PythonProject
from pushpaka_core.detection.python.frameworks import Interface
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.scripts import Script
from pushpaka_core.detection.python.servers import (
    GUNICORN_WORKERS,
    OF_ATTRIBUTES,
    SERVERS,
    Server,
)
from pushpaka_core.domain.build_plans import Evidence

_UNREAD = ("setup.py", "setup.cfg")
"""Files whose dependencies are not known."""
_BLOCKED = "its module calls run() as it is imported"


@frozen(kw_only=True)
class Service:
    """A command that serves an application, and what it takes."""

    command: str
    added: tuple[str, ...] = ()
    """Packages that the project does not bring."""
    evidence: tuple[Evidence, ...] = ()


def serve(application: Application, project: PythonProject, modules: Sequence[Module]) -> Service:
    """Return how *application* is served."""
    if application.framework.interface is Interface.AIOHTTP and _runs_itself(application):
        evidence = Evidence(reason="its own program listens on PORT", path=application.module.path)
        return Service(command=f"python {application.module.path}", evidence=(evidence,))
    if not application.blocks_import:
        return _imported(application, project)
    if application.framework.name == "flask":
        service = _imported(application, project)
        evidence = Evidence(reason=f"{_BLOCKED}, which Flask is told to pass over")
        return evolve(
            service,
            command=f"FLASK_RUN_FROM_CLI=true {service.command}",
            evidence=(*service.evidence, evidence),
        )
    evidence = Evidence(reason=f"{_BLOCKED}, so it is run and not served")
    return Service(
        command=f"python {application.module.path}", evidence=(evidence, *_deafness(modules))
    )


def serve_target(
    target: str, interface: Interface, root: str, project: PythonProject, *, is_factory: bool
) -> Service:
    """Return how *target*, which is importable from *root*, is served."""
    server = _server_for(interface, project, target, is_factory=is_factory)
    is_added = server.package not in project.brought
    template = server.factory_command if is_factory else server.command
    options = _options(project) if server.package == "gunicorn" else ""
    reason = (
        f"{server.package} is added: the project brings no {interface} server"
        if is_added
        else f"the project brings {server.package}"
    )
    return Service(
        command=_on_path(root) + template.format(target=target) + options,
        added=(server.added_as or server.package,) if is_added else (),
        evidence=(Evidence(reason=reason),),
    )


def forgotten(package: str, project: PythonProject) -> Service:
    """Return what is added where the code needs a *package* that nothing brings."""
    known = {*project.listed, *project.brought}
    is_there = package in project.locked if project.locked else _is_near(package, known)
    is_unknown = not project.manager or project.path in _UNREAD
    if not package or is_unknown or is_there:
        return Service(command="")
    reason = f"{package} is added: the code imports it, but it is not listed"
    return Service(command="", added=(package,), evidence=(Evidence(reason=reason),))


def run(script: Script, project: PythonProject, modules: Sequence[Module]) -> Service:
    """Return how *script* is run."""
    server = script.framework.server
    is_added = bool(server) and server not in project.brought
    added = Evidence(reason=f"{server} is added: the project brings no server")
    deafness = _deafness(modules) if script.listens_by_itself else ()
    return Service(
        command=script.command,
        added=(server,) if is_added else (),
        evidence=(*((added,) if is_added else ()), *deafness),
    )


def _deafness(modules: Sequence[Module]) -> tuple[Evidence, ...]:
    """Say that a program which listens by itself will hardly do so where it has to."""
    if any(one.mentions("PORT") for one in modules):
        return ()
    reason = "nothing in the code says PORT, and that is where it has to listen"
    return (Evidence(reason=reason),)


def _imported(application: Application, project: PythonProject) -> Service:
    is_factory, interface = application.is_factory, application.framework.interface
    is_called = is_factory and interface is Interface.AIOHTTP and not application.is_async
    target = f"'{application.target}()'" if is_called else application.target
    return serve_target(target, interface, application.module.root, project, is_factory=is_factory)


def _runs_itself(application: Application) -> bool:
    return application.module.mentions("PORT") and application.module.root == "."


def _is_near(package: str, known: AbstractSet[str]) -> bool:
    """Tell whether the package, or one that is likely to depend on it, is known."""
    return package in {"starlette", "python-socketio"} or any(package in name for name in known)


def _server_for(
    interface: Interface, project: PythonProject, target: str, *, is_factory: bool
) -> Server:
    """Return the first fitting server that the project brings, else the first fitting one."""
    is_attribute = "." in target.partition(":")[2]
    fitting = [
        server
        for server in SERVERS
        if server.interface is interface
        and (server.factory_command or not is_factory)
        and (server.package in OF_ATTRIBUTES or not is_attribute)
    ]
    return next((server for server in fitting if server.package in project.brought), fitting[0])


def _options(project: PythonProject) -> str:
    known = {*project.listed, *project.brought}
    fitting = (option for packages, option in GUNICORN_WORKERS if packages <= known)
    option = next(fitting, None)
    return f" {option}" if option else ""


def _on_path(root: str) -> str:
    return "" if root == "." else f"PYTHONPATH={root} "
