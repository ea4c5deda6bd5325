"""Servers that a project brings itself: a start script, or a file that is run."""

import re
from posixpath import basename, normpath, splitext

from attrs import evolve

from pushpaka_core.detection.documents import inside, strings, table
from pushpaka_core.detection.node.answers import (
    SERVER_PACKAGES,
    Answer,
    Program,
    Site,
    run_script,
    server_script,
    started,
)
from pushpaka_core.detection.node.builds import build_script
from pushpaka_core.detection.node.documents import read_relaxed_json
from pushpaka_core.detection.node.environment import sources
from pushpaka_core.detection.node.managers import BUN
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.scripts import (
    Script,
    ScriptKind,
    all_words,
    script_of,
)
from pushpaka_core.detection.node.sites import INDEX, NOT_FOUND
from pushpaka_core.domain.build_plans import Evidence, Rejected, StaticSite

_STEMS = ("server", "index", "app", "main")
_ENDINGS = (".js", ".mjs", ".cjs", ".ts", ".mts")
_FILES = tuple(
    f"{directory}{stem}{ending}"
    for directory in ("", "src/")
    for ending in _ENDINGS
    for stem in _STEMS
)
_SITES = (".", "public", "dist", "build", "static", "www", "site", "_site", "docs", "src")
_COMPILERS = frozenset(
    {
        "tailwindcss", "@tailwindcss/cli", "postcss", "sass", "node-sass", "lessc", "stylus", "tsc",
        "esbuild", "terser", "uglifyjs", "cleancss", "csso", "cp", "mkdir", "rm", "rimraf", "echo",
    }
)  # fmt: skip
"""Programs that write beside the pages, which are served as they are."""
_LISTENS = re.compile(r"\blisten\b|\bcreateServer\b|\bserve\b|\brequire\(|\bfrom\s*['\"]node:")
_NOT_COMPILED = frozenset({"src", "test", "tests", "e2e", "dist", "node_modules"})
"""Directories that Nest's own configuration leaves out, and the one that is meant."""
_BUNDLED = frozenset({"webpack", "builder"})
"""Options of Nest by which something else than TypeScript's compiler decides on places."""
_BEGINS_TO_LISTEN = re.compile(
    r"\blisten\s*\(|\bserve(?:Http|Https)?\s*\(|\bcreate(?:Secure)?Server\s*\(|process\.env\.PORT\b"
)
_STRIPS_TYPES = ">=22.18"
"""Since then Node.js runs TypeScript by itself."""


def nestjs(project: NodeProject) -> Answer:
    """Start what Nest builds."""
    settings = read_relaxed_json(project.repository, inside(project.directory, "nest-cli.json"))
    root = settings.get("root") if settings.get("monorepo") is True else None
    directory = f"dist/{root}" if isinstance(root, str) else "dist"
    is_bundled = not _BUNDLED.isdisjoint(table(settings, "compilerOptions"))
    if root is None and not is_bundled and _compiles_beside_sources(project):
        directory = "dist/src"
    return started(project, project.manager.node(f"{directory}/main"), "nest start")


def _compiles_beside_sources(project: NodeProject) -> bool:
    """Tell whether files outside of src are compiled as well, so that src is kept below dist."""
    settings = [
        read_relaxed_json(project.repository, inside(project.directory, path))
        for path in ("tsconfig.json", "tsconfig.build.json")
    ]
    if any("include" in one or table(one, "compilerOptions").get("rootDir") for one in settings):
        return False
    excluded = {
        *_NOT_COMPILED,
        *(path.strip("./*") for one in settings for path in strings(one.get("exclude"))),
    }
    return any(
        path.endswith(".ts") and not path.endswith((".d.ts", ".spec.ts", ".test.ts"))
        for path in project.tree.paths()
        if excluded.isdisjoint((path, path.partition("/")[0]))
    )


def adonis(project: NodeProject) -> Answer:
    """Start what AdonisJS builds: its start script is meant for the directory of the build."""
    own = ("node bin/server.js", "node server.js")
    script, rejected = server_script(project)
    if script is None or script.is_only(own) or not script.ends_with(own) or "build" in script.text:
        return started(project, project.manager.node("build/bin/server.js"), *own)
    program = run_script(project, script, rejected)
    return evolve(program, command=f"cd build && {program.command}")


def serving(project: NodeProject) -> Answer:
    """Take the start script, whatever the project is made with."""
    script, rejected = server_script(project)
    return run_script(project, script, rejected) if script else None


def file_server(project: NodeProject) -> Answer:
    """Serve the files that the start script would serve by a server of its own."""
    script = script_of(project.manifest, "start")
    if script is None or script.kind is not ScriptKind.FILES:
        return None
    directory = normpath(script.served_directory or _usual_directory(project))
    reason = f"the script start serves the files of {directory}"
    return Site(
        site=StaticSite(
            directory=directory,
            fallback=INDEX if script.is_single_page else None,
            not_found=_own_page(project, directory, script),
        ),
        evidence=(project.manifest.evidence(reason, "scripts", "start"),),
    )


def plain_file(project: NodeProject) -> Answer:
    """Run `main`, or a file with a usual name, where something listens."""
    usual = _file(project)
    if usual is None or _belongs_to_page(project, usual) or not _may_serve(project, usual):
        return None
    if _is_worker(project):
        reason = "it is made for Cloudflare Workers: serve it with @hono/node-server instead"
        return Rejected(framework="hono", reason=reason)
    if usual == _main_file(project):
        evidence = project.manifest.evidence(f"main is {usual}", "main")
        return _run_file(project, usual, evidence)
    if built := _built(project, usual):
        reason = f"{usual} is compiled to {built}"
        evidence = Evidence(reason=reason, path=inside(project.directory, "tsconfig.json"))
        return Program(command=project.manager.node(built), evidence=(evidence,))
    path = inside(project.directory, usual)
    evidence = Evidence(reason="it is the usual name of a program", path=path)
    return _run_file(project, usual, evidence)


def pages(project: NodeProject) -> Answer:
    """Serve the directory with an index.html into which a build puts styles and scripts."""
    script = build_script(project)
    calls = all_words(project.manifest, script) if script else ()
    if not calls or not all(words[0] in _COMPILERS for words in calls):
        return None
    directory = _usual_directory(project)
    path = normpath(f"{directory}/{INDEX}")
    if not project.tree.exists(path):
        return None
    reason = "there is an index.html, and the build writes beside it"
    return Site(
        site=StaticSite(directory=directory, not_found=_own_page(project, directory)),
        evidence=(Evidence(reason=reason, path=inside(project.directory, path)),),
    )


def _file(project: NodeProject) -> str | None:
    """Return the file that is the program, if there is one."""
    main = _main_file(project)
    if main and not _belongs_to_page(project, main):
        return main
    return project.first_file(_FILES)


def _may_serve(project: NodeProject, path: str) -> bool:
    """Tell whether *path* may be a server, and not a library or an application of a desktop."""
    is_server = splitext(basename(path))[0] == "server" or project.manifest.has(*SERVER_PACKAGES)
    return is_server or _listens(project)


def _listens(project: NodeProject) -> bool:
    return any(_BEGINS_TO_LISTEN.search(text) for text in sources(project.tree))


def _is_worker(project: NodeProject) -> bool:
    """Tell whether Cloudflare calls what Node.js would only import; Bun serves it as well."""
    settings = project.first_file(("wrangler.toml", "wrangler.json", "wrangler.jsonc"))
    is_for_bun = project.manager.manager is BUN
    return settings is not None and not is_for_bun and not _listens(project)


def _main_file(project: NodeProject) -> str | None:
    """Return the file that `main` names, as Node.js finds it."""
    main = project.manifest.text("main")
    if main is None:
        return None
    path = normpath(main)
    return project.first_file((path, f"{path}.js", f"{path}.cjs", f"{path}/index.js"))


def _belongs_to_page(project: NodeProject, path: str) -> bool:
    """Tell whether *path* is for browsers: a page is there, and nothing in it listens."""
    page = normpath(f"{_usual_directory(project)}/{INDEX}")
    may_be = project.tree.exists(page) and splitext(basename(path))[0] != "server"
    return may_be and not _LISTENS.search(project.tree.read(path) or "")


def _run_file(project: NodeProject, path: str, evidence: Evidence) -> Program:
    is_typescript = splitext(path)[1] in {".ts", ".mts"}
    if project.manager.manager is BUN:
        return Program(command=f"bun {path}", evidence=(evidence,))
    if is_typescript and project.manifest.has("tsx"):
        listing = project.manifest.listing("tsx")
        return Program(command=project.manager.tool(f"tsx {path}"), evidence=(evidence, listing))
    return Program(
        command=project.manager.node(path),
        evidence=(evidence,),
        node=_STRIPS_TYPES if is_typescript else None,
    )


def _built(project: NodeProject, path: str) -> str | None:
    """Return where the build puts what it compiles *path* to."""
    stem, ending = splitext(path)
    if ending not in {".ts", ".mts"} or build_script(project) is None:
        return None
    settings = read_relaxed_json(project.repository, inside(project.directory, "tsconfig.json"))
    options = table(settings, "compilerOptions")
    output, root = options.get("outDir"), options.get("rootDir")
    if not isinstance(output, str):
        return None
    sources = normpath(root) if isinstance(root, str) else stem.rpartition("/")[0]
    inner = stem.removeprefix(f"{sources}/") if sources not in {"", "."} else stem
    return normpath(f"{output}/{inner}{'.mjs' if ending == '.mts' else '.js'}")


def _usual_directory(project: NodeProject) -> str:
    found = (place for place in _SITES if project.tree.exists(normpath(f"{place}/{INDEX}")))
    return next(found, ".")


def _own_page(project: NodeProject, directory: str, script: Script | None = None) -> str | None:
    is_single_page = script is not None and script.is_single_page
    has_page = project.tree.exists(normpath(f"{directory}/{NOT_FOUND}"))
    return NOT_FOUND if has_page and not is_single_page else None


def nothing_to_start(project: NodeProject) -> Rejected:
    """Say what was looked for in vain."""
    reason = (
        f"{project.manifest.path} names no framework that is known here, no start script that"
        " serves and no main, and there is no file with a usual name (server.js, index.js, …)"
    )
    if (path := _file(project)) and not _may_serve(project, path):
        reason = (
            f"{inside(project.directory, path)} could be started, but no server is listed and"
            " nothing in the code listens: a library, or a program that is no server"
        )
    _, rejected = server_script(project)
    told = "".join(f"; {one.framework}: {one.reason}" for one in rejected)
    return Rejected(framework="node", reason=reason + told)
