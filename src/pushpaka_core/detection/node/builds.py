"""How an application is built, together with the packages of its workspace that it needs."""

import shlex
from collections.abc import Iterator

from attrs import frozen

from pushpaka_core.detection.documents import inside, table
from pushpaka_core.detection.node.documents import read_relaxed_json
from pushpaka_core.detection.node.managers import PNPM
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.versions import may_be_at_least
from pushpaka_core.detection.node.workspaces import Workspace
from pushpaka_core.domain.build_plans import Evidence

_SCRIPTS = ("build", "heroku-postbuild", "render-build", "build:prod", "build:production")
_OLD_WEBPACK = {"react-scripts": 5, "@vue/cli-service": 5, "webpack": 5, "gatsby": 4, "next": 12}
"""Below these versions they use hashes that OpenSSL 3 has no more."""
_LEGACY = "NODE_OPTIONS=--openssl-legacy-provider"


def build_script(project: NodeProject) -> str | None:
    """Return the name of the script that builds the application."""
    return next((name for name in _SCRIPTS if name in project.manifest.scripts), None)


def build_steps(
    project: NodeProject, default: str, *, env: str = "", arguments: str = ""
) -> tuple[str, ...]:
    """
    Return the commands that build; *default* stands in for a script that is missing.

    *env* are variables, as a shell writes them, and *arguments* what follows, for the
    build of the application.
    """
    variables = "".join(f"{one} " for one in (env, _for_old_tools(project)) if one)
    own = _own_command(project, variables, default, arguments)
    if own and own.builds_needed:
        return (own.command,)
    return (*_before(project), *((own.command,) if own else ()))


@frozen(kw_only=True)
class _OwnCommand:
    """What builds the application."""

    command: str
    builds_needed: bool = False
    """Whether it builds the packages that are needed as well."""


def _own_command(
    project: NodeProject, variables: str, default: str, arguments: str
) -> _OwnCommand | None:
    script = build_script(project)
    if script is None:
        command = f"{variables}{default} {arguments}".rstrip()
        return _OwnCommand(command=command) if default else None
    if tool := _command_of_workspace(project, script):
        return _OwnCommand(command=project.at_root(variables + tool), builds_needed=True)
    name = project.manifest.name
    if name and script == "build" and project.manager.manager is PNPM and _built_before(project):
        command = f"{variables}pnpm --filter {shlex.quote(f'{name}...')} run build"
        return _OwnCommand(command=command, builds_needed=True)
    return _OwnCommand(command=variables + project.manager.run(script, arguments))


def _command_of_workspace(project: NodeProject, script: str) -> str | None:
    """Return what the workspace's own tool is told, which knows what to build before what."""
    name, workspace = project.manifest.name, project.workspace
    if workspace is None or name is None or script != "build" or project.is_root:
        return None
    if _has_task(workspace, "turbo.json", "turbo"):
        return project.manager.tool(f"turbo run build --filter={shlex.quote(name)}")
    if _has_task(workspace, "nx.json", "nx"):
        return "NX_DAEMON=false " + project.manager.tool(f"nx run {shlex.quote(name)}:build")
    return None


def _before(project: NodeProject) -> Iterator[str]:
    for directory in _built_before(project):
        yield f"cd {shlex.quote(project.way_to(directory))} && {project.manager.run('build')}"


def build_evidence(project: NodeProject) -> Iterator[Evidence]:
    """Say which script is run, and which packages are built before."""
    if script := build_script(project):
        yield project.manifest.evidence(f"there is a script {script}", "scripts", script)
    for directory in _built_before(project):
        reason = f"{directory} is needed, and is built before"
        yield Evidence(reason=reason, path=inside(directory, "package.json"))


def _built_before(project: NodeProject) -> tuple[str, ...]:
    """Return where the packages lie that the application needs and that are built."""
    workspace = project.workspace
    if workspace is None:
        return ()
    return tuple(
        directory
        for directory in workspace.local_dependencies(project.directory)
        if "build" in workspace.members[directory].scripts
    )


def _has_task(workspace: Workspace, path: str, tool: str) -> bool:
    """Tell whether the workspace's own tool knows what to build before what."""
    path = inside(workspace.directory, path)
    if not (workspace.repository.exists(path) and workspace.manifest.has(tool)):
        return False
    document = read_relaxed_json(workspace.repository, path)
    tasks = table(document, "tasks") or table(document, "pipeline")
    return tool != "turbo" or "build" in tasks


def _for_old_tools(project: NodeProject) -> str:
    """Return the variable by which tools of the time before OpenSSL 3 still run."""
    is_old = any(
        (major := project.manifest.major_of(package)) is not None and major < since
        for package, since in _OLD_WEBPACK.items()
    )
    return _LEGACY if is_old and may_be_at_least(project.node.version, 17) else ""
