"""The results of framework rules: a program, a static site, or a rejection."""

from attrs import evolve, frozen

from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.scripts import Script, ScriptKind, script_of
from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate, StaticSite

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
_POSSIBLY_DEVELOPMENT = frozenset({"start:server", "server", "serve", "preview"})
_LAST_RESORT = frozenset({ScriptKind.RELOADER, ScriptKind.COMPILER})


@frozen(kw_only=True)
class Program:
    """A command that runs the application, as a server or as a worker."""

    command: str
    process_type: str = "web"
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[RejectedCandidate, ...] = ()
    after_build: tuple[str, ...] = ()
    """Commands to run after the build."""
    build_env: str = ""
    """Environment variables for the build, as shell assignments."""
    node_version: str | None = None
    """The Node.js version to use if the project does not request one."""


@frozen(kw_only=True)
class Site:
    """A directory of files that the build creates."""

    site: StaticSite
    build: str = ""
    """The build command, if no script builds the site."""
    after_build: tuple[str, ...] = ()
    """Commands to run after the build."""
    build_env: str = ""
    """Environment variables for the build, as shell assignments."""
    build_arguments: str = ""
    """Additional arguments for the build tool."""
    evidence: tuple[Evidence, ...] = ()


RuleResult = Program | Site | RejectedCandidate | None
"""The result of a framework rule. None means that the rule does not apply."""


def server_script(project: NodeProject) -> tuple[Script | None, tuple[RejectedCandidate, ...]]:
    """
    Return the script that serves in production, if any, and a rejection of the start script if it
    is not used.
    """
    start = script_of(project.manifest, "start")
    if start and start.kind is ScriptKind.SERVER:
        return start, ()
    scripts = (script_of(project.manifest, name) for name in _PRODUCTION_SCRIPTS)
    other = next((one for one in scripts if one and one.kind is ScriptKind.SERVER), None)
    if start and start.kind in _LAST_RESORT and other is None:
        return start, ()
    return other, (_unused_script(start),) if start else ()


def unused_scripts(project: NodeProject) -> tuple[RejectedCandidate, ...]:
    """Return rejections of the start scripts that are not used because a static site is served."""
    script, rejected = server_script(project)
    is_last = script is not None and script.kind in _LAST_RESORT
    return (*rejected, *((_unused_script(script),) if script and is_last else ()))


def run_script(
    project: NodeProject,
    script: Script,
    rejected_candidates: tuple[RejectedCandidate, ...] = (),
    arguments: str = "",
) -> Program:
    """Return the program that runs *script*, with *arguments* for the last command in it."""
    evidence = project.manifest.evidence(
        f"the {script.name} script runs `{script.text[:100]}`", "scripts", script.name
    )
    return Program(
        command=project.manager.run_script(script.name, arguments),
        evidence=(evidence,),
        rejected=rejected_candidates,
    )


def start_server(
    project: NodeProject,
    default_command: str,
    *equivalents: str,
    listen_arguments: str = "",
    env: str = "",
    evidence: tuple[Evidence, ...] = (),
) -> Program:
    """
    Return the project's own server if a script starts one, else *default_command*.

    Args:
        project: The application.
        default_command: The command that starts the framework's server.
        *equivalents: Commands in scripts that are equivalent to *default_command*, which replaces
            them.
        listen_arguments: Arguments that make the framework's server listen on $PORT. They are also
            passed to a script that ends with one of *equivalents*.
        env: Environment variables with the same purpose, as shell assignments.
        evidence: The reasons for starting a server.
    """
    script, rejected = server_script(project)
    command = " ".join(filter(None, (env, default_command, listen_arguments)))
    if script is None:
        return Program(command=command, evidence=evidence, rejected=rejected)
    if script.is_only(equivalents):
        if script.text != command:
            evidence = (*evidence, _replacement_evidence(project, script, command))
        return Program(command=command, evidence=evidence, rejected=rejected)
    is_own = script.ends_with(equivalents)
    arguments = listen_arguments if is_own and script.takes_arguments else ""
    program = run_script(project, script, rejected, arguments)
    return evolve(
        program,
        command=f"{env} {program.command}" if env and is_own else program.command,
        evidence=(*evidence, *program.evidence),
    )


def _replacement_evidence(project: NodeProject, script: Script, command: str) -> Evidence:
    reason = f"`{command}` replaces `{script.text[:100]}` of the {script.name} script"
    return project.manifest.evidence(reason, "scripts", script.name)


def own_server(project: NodeProject) -> Program | None:
    """Return the server that the project has in addition to its front end, or None."""
    script, rejected = server_script(project)
    if script is None or script.kind in _LAST_RESORT:
        return None
    if script.name in _POSSIBLY_DEVELOPMENT and not project.manifest.has(*SERVER_PACKAGES):
        return None
    return run_script(project, script, rejected)


def _unused_script(script: Script) -> RejectedCandidate:
    why = (
        "which static files do not need"
        if script.kind is ScriptKind.FILE_SERVER
        else "which is not suitable for production"
    )
    reason = f"`{script.text[:100]}` is a {script.kind}, {why}"
    return RejectedCandidate(framework=f"{script.name} script", reason=reason)
