"""What a rule says about a project: a program that serves, files to be served, or why neither."""

from attrs import evolve, frozen

from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.scripts import Script, ScriptKind, script_of
from pushpaka_core.domain.build_plans import Evidence, Rejected, StaticSite

SERVER_PACKAGES = (
    "express", "fastify", "koa", "hono", "@hapi/hapi", "h3", "polka", "restify", "elysia",
    "socket.io", "ws", "@apollo/server", "graphql-yoga", "koa2", "@feathersjs/feathers",
    "@loopback/core", "micro", "hyper-express", "uWebSockets.js",
)  # fmt: skip

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
_LAST_RESORT = frozenset({ScriptKind.RELOADER, ScriptKind.COMPILER})


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
    after: tuple[str, ...] = ()
    """What follows the build, for all files to be there."""
    build_env: str = ""
    """Variables for the build, as a shell writes them."""
    build_arguments: str = ""
    """What the tool that builds is told beyond that."""
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
    if start and start.kind in _LAST_RESORT and other is None:
        return start, ()
    return other, (_not_started(start),) if start else ()


def not_started(project: NodeProject) -> tuple[Rejected, ...]:
    """Say what is not started where files are served in its place."""
    script, rejected = server_script(project)
    is_last = script is not None and script.kind in _LAST_RESORT
    return (*rejected, *((_not_started(script),) if script and is_last else ()))


def run_script(
    project: NodeProject,
    script: Script,
    rejected: tuple[Rejected, ...] = (),
    arguments: str = "",
) -> Program:
    """Return the program that a script of package.json is, with *arguments* for its last one."""
    evidence = project.manifest.evidence(
        f"the script {script.name} runs `{script.text[:100]}`", "scripts", script.name
    )
    return Program(
        command=project.manager.run(script.name, arguments),
        evidence=(evidence,),
        rejected=rejected,
    )


def started(
    project: NodeProject,
    default: str,
    *own: str,
    listening: str = "",
    env: str = "",
    evidence: tuple[Evidence, ...] = (),
) -> Program:
    """
    Return the project's own server where a script starts one, else *default*.

    *own* are the commands for which *default* stands, where a script says nothing else.
    *listening* are the arguments, and *env* the variables, by which the framework's
    server learns where it listens; a script that does more is run with them.
    """
    script, rejected = server_script(project)
    command = " ".join(filter(None, (env, default, listening)))
    if script is None:
        return Program(command=command, evidence=evidence, rejected=rejected)
    if script.is_only(own):
        if script.text != command:
            evidence = (*evidence, _replaced(project, script, command))
        return Program(command=command, evidence=evidence, rejected=rejected)
    is_own = script.ends_with(own)
    arguments = listening if is_own and script.takes_arguments else ""
    program = run_script(project, script, rejected, arguments)
    return evolve(
        program,
        command=f"{env} {program.command}" if env and is_own else program.command,
        evidence=(*evidence, *program.evidence),
    )


def _replaced(project: NodeProject, script: Script, command: str) -> Evidence:
    reason = f"`{command}` stands in for `{script.text[:100]}` of the script {script.name}"
    return project.manifest.evidence(reason, "scripts", script.name)


def own_server(project: NodeProject) -> Program | None:
    """Return the server that a project brings beside what it builds for browsers."""
    script, rejected = server_script(project)
    if script is None or script.kind in _LAST_RESORT:
        return None
    if script.name in _MAY_BE_FOR_DEVELOPMENT and not project.manifest.has(*SERVER_PACKAGES):
        return None
    return run_script(project, script, rejected)


def _not_started(script: Script) -> Rejected:
    why = (
        "which is not needed: files are served without one"
        if script.kind is ScriptKind.FILES
        else "which is not for visitors"
    )
    reason = f"`{script.text[:100]}` is a {script.kind}, {why}"
    return Rejected(framework=f"script {script.name}", reason=reason)
