"""What a rule says about a project: a program that serves, files to be served, or why neither."""

from attrs import frozen

from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.scripts import Script, ScriptKind, script_of
from pushpaka_core.domain.build_plans import Evidence, Rejected, StaticSite

_PRODUCTION_SCRIPTS = (
    "start:prod",
    "start:production",
    "start-prod",
    "prod",
    "production",
    "serve:prod",
    "start:server",
    "server:prod",
    "server",
    "serve",
    "preview",
)
_MAY_BE_FOR_DEVELOPMENT = frozenset({"start:server", "server", "serve", "preview"})
_SERVER_PACKAGES = (
    "express", "fastify", "koa", "hono", "@hapi/hapi", "h3", "polka", "restify", "elysia",
    "socket.io", "ws", "@apollo/server", "graphql-yoga",
)  # fmt: skip


@frozen(kw_only=True)
class Program:
    """A command that answers requests."""

    command: str
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    build: tuple[str, ...] = ()
    """What follows the build, for the command to have what it needs."""
    build_env: str = ""
    """Variables for the build, as a shell writes them."""
    node: str | None = None
    """The Node.js that it needs where the project asks for none."""


@frozen(kw_only=True)
class Site:
    """Files that the build leaves behind."""

    site: StaticSite
    build: str = ""
    """What builds it where no script does."""
    build_env: str = ""
    """Variables for the build, as a shell writes them."""
    evidence: tuple[Evidence, ...] = ()


Answer = Program | Site | Rejected | None
"""None: the rule does not apply after all."""


def server_script(project: NodeProject) -> tuple[Script | None, tuple[Rejected, ...]]:
    """Return the script that serves in production, and the start script where it is not that."""
    start = script_of(project.manifest, "start")
    if start and start.kind is ScriptKind.SERVER:
        return start, ()
    scripts = (script_of(project.manifest, name) for name in _PRODUCTION_SCRIPTS)
    other = next((one for one in scripts if one and one.kind is ScriptKind.SERVER), None)
    if start and start.kind is ScriptKind.RELOADER and other is None:
        return start, ()
    return other, (_not_started(start),) if start else ()


def run_script(
    project: NodeProject, script: Script, rejected: tuple[Rejected, ...] = ()
) -> Program:
    """Return the program that a script of package.json is."""
    evidence = project.manifest.evidence(
        f"the script {script.name} runs `{script.text[:100]}`", "scripts", script.name
    )
    return Program(
        command=project.manager.run(script.name), evidence=(evidence,), rejected=rejected
    )


def started(
    project: NodeProject, default: str, *own: str, evidence: tuple[Evidence, ...] = ()
) -> Program:
    """
    Return the project's own server where a script starts one, else *default*.

    *own* are the framework's programs for which *default* stands.
    """
    script, rejected = server_script(project)
    is_own = script is not None and (script.program in own or " ".join(script.words) in own)
    if script is None or is_own:
        return Program(command=default, evidence=evidence, rejected=rejected)
    return run_script(project, script, rejected)


def own_server(project: NodeProject) -> Program | None:
    """Return the server that a project brings beside what it builds for browsers."""
    script, rejected = server_script(project)
    if script is None or script.kind is ScriptKind.RELOADER:
        return None
    if script.name in _MAY_BE_FOR_DEVELOPMENT and not project.manifest.has(*_SERVER_PACKAGES):
        return None
    return run_script(project, script, rejected)


def _not_started(script: Script) -> Rejected:
    reason = f"`{script.text[:100]}` is a {script.kind}, which is not for visitors"
    return Rejected(framework=f"script {script.name}", reason=reason)
