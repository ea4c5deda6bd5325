"""Build steps of an application, including the workspace packages that it depends on."""

import shlex
from collections.abc import Iterator

from attrs import frozen

from pushpaka_core.detection.documents import repository_path, table_at
from pushpaka_core.detection.node.documents import read_relaxed_json
from pushpaka_core.detection.node.managers import PNPM
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.versions import may_be_at_least
from pushpaka_core.detection.node.workspaces import Workspace
from pushpaka_core.domain.pipeline.build_plans import Evidence

_SCRIPTS = ("build", "heroku-postbuild", "render-build", "build:prod", "build:production")
_FIRST_MAJOR_WITHOUT_MD4 = {
    "react-scripts": 5,
    "@vue/cli-service": 5,
    "webpack": 5,
    "gatsby": 4,
    "next": 12,
}
"""
For each package, the first major version that works with OpenSSL 3, which lacks old hash
functions.
"""
_LEGACY_OPENSSL = "NODE_OPTIONS=--openssl-legacy-provider"


def build_script(project: NodeProject) -> str | None:
    """Return the name of the script that builds the application, or None."""
    return next((name for name in _SCRIPTS if name in project.manifest.scripts), None)


def build_steps(
    project: NodeProject, default_command: str, *, env: str = "", arguments: str = ""
) -> tuple[str, ...]:
    """
    Return the build commands of the application.

    Args:
        project: The application.
        default_command: The build command if there is no build script.
        env: Environment variables for the build, as shell assignments.
        arguments: Additional arguments for the build tool.
    """
    variables = "".join(f"{one} " for one in (env, _legacy_openssl_env(project)) if one)
    own = _application_build(project, variables, default_command, arguments)
    if own and own.builds_dependencies:
        return (own.command,)
    return (*_dependency_builds(project), *((own.command,) if own else ()))


@frozen(kw_only=True)
class _ApplicationBuild:
    """The command that builds the application."""

    command: str
    builds_dependencies: bool = False
    """True if the command also builds the workspace packages that the application depends on."""


def _application_build(
    project: NodeProject, variables: str, default_command: str, arguments: str
) -> _ApplicationBuild | None:
    script = build_script(project)
    if script is None:
        command = f"{variables}{default_command} {arguments}".rstrip()
        return _ApplicationBuild(command=command) if default_command else None
    if tool := _workspace_tool_command(project, script):
        return _ApplicationBuild(
            command=project.run_at_root(variables + tool), builds_dependencies=True
        )
    name = project.manifest.name
    if (
        name
        and script == "build"
        and project.manager.manager is PNPM
        and _buildable_dependencies(project)
    ):
        command = f"{variables}pnpm --filter {shlex.quote(f'{name}...')} run build"
        return _ApplicationBuild(command=command, builds_dependencies=True)
    return _ApplicationBuild(command=variables + project.manager.run_script(script, arguments))


def _workspace_tool_command(project: NodeProject, script: str) -> str | None:
    """Return the command for Turborepo or Nx, which build dependencies first, or None."""
    name, workspace = project.manifest.name, project.workspace
    if workspace is None or name is None or script != "build" or project.is_root:
        return None
    if _has_task(workspace, "turbo.json", "turbo"):
        return project.manager.run_tool(f"turbo run build --filter={shlex.quote(name)}")
    if _has_task(workspace, "nx.json", "nx"):
        return "NX_DAEMON=false " + project.manager.run_tool(f"nx run {shlex.quote(name)}:build")
    return None


def _dependency_builds(project: NodeProject) -> Iterator[str]:
    for directory in _buildable_dependencies(project):
        yield (
            f"cd {shlex.quote(project.relative_path_to(directory))} && "
            f"{project.manager.run_script('build')}"
        )


def build_evidence(project: NodeProject) -> Iterator[Evidence]:
    """Return the build script, and the workspace packages that are built first, as evidence."""
    if script := build_script(project):
        yield project.manifest.evidence(f"there is a {script} script", "scripts", script)
    for directory in _buildable_dependencies(project):
        reason = f"{directory} is a dependency and is built first"
        yield Evidence(reason=reason, path=repository_path(directory, "package.json"))


def _buildable_dependencies(project: NodeProject) -> tuple[str, ...]:
    """Return the directories of workspace dependencies that have a build script."""
    workspace = project.workspace
    if workspace is None:
        return ()
    return tuple(
        directory
        for directory in workspace.local_dependencies(project.directory)
        if "build" in workspace.members[directory].scripts
    )


def _has_task(workspace: Workspace, path: str, tool: str) -> bool:
    """Return True if *tool* is set up in the workspace to build packages in dependency order."""
    path = repository_path(workspace.directory, path)
    if not (workspace.repository.exists(path) and workspace.manifest.has(tool)):
        return False
    document = read_relaxed_json(workspace.repository, path)
    tasks = table_at(document, "tasks") or table_at(document, "pipeline")
    return tool != "turbo" or "build" in tasks


def _legacy_openssl_env(project: NodeProject) -> str:
    """Return the variable that lets tools older than OpenSSL 3 run on Node.js 17 and later."""
    is_old = any(
        (major := project.manifest.major_version_of(package)) is not None and major < since
        for package, since in _FIRST_MAJOR_WITHOUT_MD4.items()
    )
    return _LEGACY_OPENSSL if is_old and may_be_at_least(project.requested_node.version, 17) else ""
