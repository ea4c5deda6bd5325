"""Rules for servers that are part of the project: a start script, or a file to run."""

import re
from posixpath import basename, normpath, splitext

from attrs import evolve

from pushpaka_core.detection.documents import repository_path, strings, table_at
from pushpaka_core.detection.node.builds import build_script
from pushpaka_core.detection.node.documents import read_relaxed_json
from pushpaka_core.detection.node.env_var_scan import sources
from pushpaka_core.detection.node.managers import BUN
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.rule_results import (
    SERVER_PACKAGES,
    Program,
    RuleResult,
    Site,
    run_script,
    server_script,
    start_server,
)
from pushpaka_core.detection.node.scripts import (
    Script,
    ScriptKind,
    script_commands,
    script_of,
)
from pushpaka_core.detection.node.sites import INDEX, NOT_FOUND
from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate, StaticSite

_STEMS = ("server", "index", "app", "main")
_ENDINGS = (".js", ".mjs", ".cjs", ".ts", ".mts")
_FILES = tuple(
    f"{directory}{stem}{ending}"
    for directory in ("", "src/")
    for ending in _ENDINGS
    for stem in _STEMS
)
_SITE_DIRECTORIES = (
    ".",
    "public",
    "dist",
    "build",
    "static",
    "www",
    "site",
    "_site",
    "docs",
    "src",
)
_COMPILERS = frozenset(
    {
        "tailwindcss", "@tailwindcss/cli", "postcss", "sass", "node-sass", "lessc", "stylus", "tsc",
        "esbuild", "terser", "uglifyjs", "cleancss", "csso", "cp", "mkdir", "rm", "rimraf", "echo",
    }
)  # fmt: skip
"""
Build commands that write their output next to the HTML pages. If the build runs only these, the
site is the directory of the pages.
"""
_LISTENS = re.compile(r"\blisten\b|\bcreateServer\b|\bserve\b|\brequire\(|\bfrom\s*['\"]node:")
_EXCLUDED_DIRECTORIES = frozenset({"src", "test", "tests", "e2e", "dist", "node_modules"})
"""Directories that Nest's default TypeScript configuration excludes, and src itself."""
_BUNDLER_OPTIONS = frozenset({"webpack", "builder"})
"""Nest options that replace the TypeScript compiler and its output directories."""
_BEGINS_TO_LISTEN = re.compile(
    r"\blisten\s*\(|\bserve(?:Http|Https)?\s*\(|\bcreate(?:Secure)?Server\s*\(|process\.env\.PORT\b"
)
_NATIVE_TYPESCRIPT = ">=22.18"
"""The Node.js versions that run TypeScript files directly."""


def plan_nestjs(project: NodeProject) -> RuleResult:
    """Return the project's own server, or else the program that Nest builds."""
    settings = read_relaxed_json(
        project.repository, repository_path(project.directory, "nest-cli.json")
    )
    root = settings.get("root") if settings.get("monorepo") is True else None
    directory = f"dist/{root}" if isinstance(root, str) else "dist"
    is_bundled = not _BUNDLER_OPTIONS.isdisjoint(table_at(settings, "compilerOptions"))
    if root is None and not is_bundled and _compiles_outside_src(project):
        directory = "dist/src"
    return start_server(project, project.manager.run_node(f"{directory}/main"), "nest start")


def _compiles_outside_src(project: NodeProject) -> bool:
    """Return True if files outside src are compiled too, which moves the output to dist/src."""
    settings = [
        read_relaxed_json(project.repository, repository_path(project.directory, path))
        for path in ("tsconfig.json", "tsconfig.build.json")
    ]
    if any("include" in one or table_at(one, "compilerOptions").get("rootDir") for one in settings):
        return False
    excluded = {
        *_EXCLUDED_DIRECTORIES,
        *(path.strip("./*") for one in settings for path in strings(one.get("exclude"))),
    }
    return any(
        path.endswith(".ts") and not path.endswith((".d.ts", ".spec.ts", ".test.ts"))
        for path in project.tree.paths()
        if excluded.isdisjoint((path, path.partition("/")[0]))
    )


def plan_adonis(project: NodeProject) -> RuleResult:
    """
    Return the program that AdonisJS builds, or the project's own start script, run in the build
    directory.
    """
    own = ("node bin/server.js", "node server.js")
    script, rejected = server_script(project)
    if script is None or script.is_only(own) or not script.ends_with(own) or "build" in script.text:
        return start_server(project, project.manager.run_node("build/bin/server.js"), *own)
    program = run_script(project, script, rejected)
    return evolve(program, command=f"cd build && {program.command}")


def plan_start_script(project: NodeProject) -> RuleResult:
    """Return the start script as the program, regardless of the framework."""
    script, rejected = server_script(project)
    return run_script(project, script, rejected) if script else None


def plan_file_server_site(project: NodeProject) -> RuleResult:
    """Return a site with the directory that the start script passes to a file server."""
    script = script_of(project.manifest, "start")
    if script is None or script.kind is not ScriptKind.FILE_SERVER:
        return None
    directory = normpath(script.served_directory or _site_directory(project))
    reason = f"the start script serves files from {directory}"
    return Site(
        site=StaticSite(
            directory=directory,
            fallback=INDEX if script.is_single_page else None,
            not_found=_not_found_page(project, directory, script),
        ),
        evidence=(project.manifest.evidence(reason, "scripts", "start"),),
    )


def plan_program_file(project: NodeProject) -> RuleResult:
    """Return `main`, or a file with a common name, as the program if the code listens on a port."""
    usual = _program_file(project)
    if usual is None or _is_browser_script(project, usual) or not _may_serve(project, usual):
        return None
    if _is_cloudflare_worker(project):
        reason = (
            "the application targets Cloudflare Workers. Serve it with @hono/node-server instead"
        )
        return RejectedCandidate(framework="hono", reason=reason)
    return run_program_file(project, usual)


def run_program_file(project: NodeProject, usual: str) -> Program:
    """Return the program that runs the file *usual*, or the file that it is compiled to."""
    if usual == main_file(project):
        evidence = project.manifest.evidence(f"main is {usual}", "main")
        return _run_file(project, usual, evidence)
    if built := _compiled_path(project, usual):
        reason = f"{usual} is compiled to {built}"
        evidence = Evidence(reason=reason, path=repository_path(project.directory, "tsconfig.json"))
        return Program(command=project.manager.run_node(built), evidence=(evidence,))
    path = repository_path(project.directory, usual)
    evidence = Evidence(reason="this is a common name for a program", path=path)
    return _run_file(project, usual, evidence)


def plan_built_pages(project: NodeProject) -> RuleResult:
    """
    Return a site with the directory of an index.html if the build only writes files next to it,
    such as styles and scripts.
    """
    script = build_script(project)
    calls = script_commands(project.manifest, script) if script else ()
    if not calls or not all(words[0] in _COMPILERS for words in calls):
        return None
    directory = _site_directory(project)
    path = normpath(f"{directory}/{INDEX}")
    if not project.tree.exists(path):
        return None
    reason = "there is an index.html, and the build writes next to it"
    return Site(
        site=StaticSite(directory=directory, not_found=_not_found_page(project, directory)),
        evidence=(Evidence(reason=reason, path=repository_path(project.directory, path)),),
    )


def _program_file(project: NodeProject) -> str | None:
    """Return the file that may be the program, or None."""
    main = main_file(project)
    if main and not _is_browser_script(project, main):
        return main
    return project.first_file(_FILES)


def _may_serve(project: NodeProject, path: str) -> bool:
    """Return True if *path* may be a server, and not a library or a desktop application."""
    return splitext(basename(path))[0] == "server" or may_listen(project)


def may_listen(project: NodeProject) -> bool:
    """Return True if a server library is listed, or the code seems to listen on a port."""
    return project.manifest.has(*SERVER_PACKAGES) or _opens_port(project)


def _opens_port(project: NodeProject) -> bool:
    return any(_BEGINS_TO_LISTEN.search(text) for text in sources(project.tree))


def _is_cloudflare_worker(project: NodeProject) -> bool:
    """Return True if the code is a Cloudflare Worker, which Node.js cannot serve. Bun can."""
    settings = project.first_file(("wrangler.toml", "wrangler.json", "wrangler.jsonc"))
    is_for_bun = project.manager.manager is BUN
    return settings is not None and not is_for_bun and not _opens_port(project)


def main_file(project: NodeProject) -> str | None:
    """Return the file that `main` names, resolved as in Node.js."""
    main = project.manifest.text("main")
    if main is None:
        return None
    path = normpath(main)
    return project.first_file((path, f"{path}.js", f"{path}.cjs", f"{path}/index.js"))


def _is_browser_script(project: NodeProject, path: str) -> bool:
    """Return True if *path* is a browser script, next to an index.html and without a server."""
    page = normpath(f"{_site_directory(project)}/{INDEX}")
    may_be = project.tree.exists(page) and splitext(basename(path))[0] != "server"
    return may_be and not _LISTENS.search(project.tree.read(path) or "")


def _run_file(project: NodeProject, path: str, evidence: Evidence) -> Program:
    is_typescript = splitext(path)[1] in {".ts", ".mts"}
    if project.manager.manager is BUN:
        return Program(command=f"bun {path}", evidence=(evidence,))
    if is_typescript and project.manifest.has("tsx"):
        listing = project.manifest.listing_evidence("tsx")
        return Program(
            command=project.manager.run_tool(f"tsx {path}"), evidence=(evidence, listing)
        )
    return Program(
        command=project.manager.run_node(path),
        evidence=(evidence,),
        node_version=_NATIVE_TYPESCRIPT if is_typescript else None,
    )


def _compiled_path(project: NodeProject, path: str) -> str | None:
    """Return the path of the compiled output of *path*, or None if it is not compiled."""
    stem, ending = splitext(path)
    if ending not in {".ts", ".mts"} or build_script(project) is None:
        return None
    settings = read_relaxed_json(
        project.repository, repository_path(project.directory, "tsconfig.json")
    )
    options = table_at(settings, "compilerOptions")
    output, root = options.get("outDir"), options.get("rootDir")
    if not isinstance(output, str):
        return None
    sources = normpath(root) if isinstance(root, str) else stem.rpartition("/")[0]
    inner = stem.removeprefix(f"{sources}/") if sources not in {"", "."} else stem
    return normpath(f"{output}/{inner}{'.mjs' if ending == '.mts' else '.js'}")


def _site_directory(project: NodeProject) -> str:
    found = (
        place for place in _SITE_DIRECTORIES if project.tree.exists(normpath(f"{place}/{INDEX}"))
    )
    return next(found, ".")


def _not_found_page(
    project: NodeProject, directory: str, script: Script | None = None
) -> str | None:
    is_single_page = script is not None and script.is_single_page
    has_page = project.tree.exists(normpath(f"{directory}/{NOT_FOUND}"))
    return NOT_FOUND if has_page and not is_single_page else None


def not_startable_rejection(project: NodeProject) -> RejectedCandidate:
    """Return the reason why the project cannot be started."""
    reason = (
        f"{project.manifest.path} has no supported framework, no start script that starts a"
        " server and no main, and there is no file with a common name (server.js, index.js, …)"
    )
    if (path := _program_file(project)) and not _may_serve(project, path):
        reason = (
            f"{repository_path(project.directory, path)} could be started, but "
            f"no server package is listed"
            " and the code does not listen on a port"
        )
    _, rejected = server_script(project)
    reasons = "".join(f"; {one.framework}: {one.reason}" for one in rejected)
    return RejectedCandidate(framework="node", reason=reason + reasons)
