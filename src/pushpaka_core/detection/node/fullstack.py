"""Rules for full-stack frameworks, which build a server, or a static site if configured to."""

import re

from attrs import evolve

from pushpaka_core.detection.documents import repository_path
from pushpaka_core.detection.node.builds import build_script
from pushpaka_core.detection.node.documents import has_setting, path_setting
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.rule_results import Program, RuleResult, Site, start_server
from pushpaka_core.detection.node.scripts import script_commands
from pushpaka_core.detection.node.sites import INDEX, NOT_FOUND, application_path, build_flag_value
from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate, StaticSite

NEXT_CONFIG = "next.config"
NUXT_CONFIG = "nuxt.config"
ROUTER_CONFIG = "react-router.config"
VITE_CONFIG = "vite.config"
APP_CONFIG = "app.config"

_COPY_STATIC_FILES = (
    "cp -R .next/static .next/standalone/.next/"
    " && if [ -d public ]; then cp -R public .next/standalone/; fi"
)
_STANDALONE_SERVER = ".next/standalone/server.js"
_NEXT_START = "next start"
_HOST = "${HOST:-0.0.0.0}"
_NITRO_SERVER = "node .output/server/index.mjs"
_NITRO_OUTPUT = re.compile(
    r"\bnitro\s*:\s*\{.{0,1000}?\boutput\s*:\s*\{(?P<options>[^}]{0,500})\}", re.DOTALL
)
_PRESET = re.compile(r"(?<![\w-])preset\s*:\s*['\"](?P<preset>[\w-]+)['\"]")
_PRESET_IN_SCRIPT = re.compile(r"(?<!\w)NITRO_PRESET=['\"]?(?P<preset>[\w-]+)")
_STATIC_PRESETS = frozenset(
    {"static", "github-pages", "cloudflare-pages-static", "netlify-static", "vercel-static"}
)
_OTHER_HOST_PRESETS = re.compile(
    "vercel|netlify|cloudflare|aws|azure|firebase|deno|digital-ocean|heroku|render|stormkit|cleavr"
    "|edgio|iis"
)
_OTHER_HOSTS_OF_TANSTACK = ("@cloudflare/vite-plugin", "@netlify/vite-plugin-tanstack-start")
_FIRST_FETCH_HANDLER = (1, 132)
_SRVX = ".srvx"
_ADD_SRVX = f"npm install --prefix={_SRVX} --no-save --no-audit --no-fund srvx@1"
_FALLBACK_OF_ROUTER = "__spa-fallback.html"


def plan_nextjs(project: NodeProject) -> RuleResult:
    """Return the Next.js server, or a site for a static export."""
    code = project.config_code(NEXT_CONFIG)
    if has_setting(code, "output", "export"):
        directory = application_path(path_setting(code, "distDir") or "out")
        evidence = project.config_evidence(
            "output is export, so pages are static files", NEXT_CONFIG
        )
        return _site(directory, evidence, not_found_page=NOT_FOUND)
    if _build_runs(project, ("next", "export")):
        return _site("out", _build_evidence(project, "next export"), not_found_page=NOT_FOUND)
    if has_setting(code, "output", "standalone") and project.workspace is None:
        return _standalone_server(project)
    default = project.manager.run_tool(_NEXT_START)
    return start_server(project, default, _NEXT_START, listen_arguments=f"-p $PORT -H {_HOST}")


def _standalone_server(project: NodeProject) -> Program:
    """Return the standalone server, with the static files that Next.js does not copy into it."""
    server = f"node {_STANDALONE_SERVER}"
    own = (server, *(() if project.tree.exists("server.js") else ("node server.js",)))
    program = start_server(
        project,
        server,
        _NEXT_START,
        *own,
        env=f"HOSTNAME={_HOST}",
        evidence=(project.config_evidence("output is standalone", NEXT_CONFIG),),
    )
    return evolve(program, after_build=(_COPY_STATIC_FILES,))


def plan_nuxt(project: NodeProject) -> RuleResult:
    """Return the server that Nuxt builds, or the site that it generates."""
    code = project.config_code(NUXT_CONFIG)
    if project.manifest.major_version_of("nuxt") == 2:
        return _nuxt_2_result(project, code)
    output = _nitro_output(code)
    for tool in ("nuxt", "nuxi"):
        if _build_runs(project, (tool, "generate")):
            evidence = _build_evidence(project, f"{tool} generate")
            fallback = "200.html" if has_setting(code, "ssr", "false") else None
            not_found = None if fallback else NOT_FOUND
            return _site(f"{output}/public", evidence, fallback=fallback, not_found_page=not_found)
    server = f"node {output}/server/index.mjs"
    own = (server, "nuxt start", "nuxi start")
    return _preset_result("nuxt", project, NUXT_CONFIG, output) or start_server(
        project, server, *own
    )


def _nuxt_2_result(project: NodeProject, code: str) -> RuleResult:
    is_generated = _build_runs(project, ("nuxt", "generate"))
    if not (is_generated or has_setting(code, "target", "static")):
        return start_server(project, project.manager.run_tool("nuxt start"), "nuxt start")
    has_script = "generate" in project.manifest.scripts
    manager = project.manager
    generate = manager.run_script("generate") if has_script else manager.run_tool("nuxt generate")
    evidence = project.config_evidence("the pages are generated as static files", NUXT_CONFIG)
    return evolve(
        _site("dist", evidence, fallback="200.html"),
        build=generate,
        after_build=() if is_generated or build_script(project) is None else (generate,),
    )


def _nitro_output(code: str) -> str:
    """Return the output directory of Nitro."""
    options = _NITRO_OUTPUT.search(code)
    return application_path(
        (path_setting(options["options"], "dir") if options else None) or ".output"
    )


def _preset_result(
    framework: str, project: NodeProject, stem: str, output: str = ".output"
) -> Site | RejectedCandidate | None:
    """Return the site or rejection for a Nitro preset that does not build a Node.js server."""
    in_config = _PRESET.search(project.config_code(stem))
    script = project.manifest.scripts.get(build_script(project) or "", "")
    by_env = _PRESET_IN_SCRIPT.search(script)
    flag = build_flag_value(project, ("--preset",)) or (by_env["preset"] if by_env else None)
    preset = (flag or (in_config["preset"] if in_config else "")).replace("_", "-")
    evidence = (
        _build_evidence(project, f"the preset {preset}")
        if flag
        else project.config_evidence(f"the preset is {preset}", stem)
    )
    if preset in _STATIC_PRESETS:
        return _site(f"{output}/public", evidence, not_found_page=NOT_FOUND)
    if _OTHER_HOST_PRESETS.match(preset):
        reason = (
            f"{evidence.path or stem} sets the preset {preset}, which is for another host."
            " Remove it"
        )
        return RejectedCandidate(framework=framework, reason=reason)
    return None


def plan_remix(project: NodeProject) -> RuleResult:
    """Return the Remix server, or a site for a single-page application."""
    code = project.config_code(VITE_CONFIG)
    directory = application_path(path_setting(code, "buildDirectory") or "build")
    if has_setting(code, "ssr", "false"):
        evidence = project.config_evidence("ssr is false", VITE_CONFIG)
        return _site(f"{directory}/client", evidence, fallback=INDEX)
    if project.manifest.has("@remix-run/cloudflare-pages", "@remix-run/cloudflare"):
        return RejectedCandidate(
            framework="remix",
            reason="the application targets Cloudflare. Use @remix-run/node and @remix-run/serve",
        )
    is_vite = project.config_path(VITE_CONFIG) is not None
    server = f"remix-serve ./{directory}/{'server/' if is_vite else ''}index.js"
    return start_server(project, project.manager.run_tool(server), server.replace("./", ""))


def plan_react_router(project: NodeProject) -> RuleResult:
    """Return the React Router server (framework mode), or a site for a single-page application."""
    code = project.config_code(ROUTER_CONFIG)
    directory = application_path(path_setting(code, "buildDirectory") or "build")
    if has_setting(code, "ssr", "false"):
        fallback = _FALLBACK_OF_ROUTER if _prerenders_index(code) else INDEX
        evidence = project.config_evidence("ssr is false", ROUTER_CONFIG)
        return _site(f"{directory}/client", evidence, fallback=fallback)
    server = f"react-router-serve ./{directory}/server/index.js"
    default = project.manager.run_tool(server)
    if project.manifest.has("@react-router/serve"):
        return start_server(project, default, server.replace("./", ""))
    program = start_server(project, default)
    if program.command == default:
        reason = "@react-router/serve is not listed, and no start script runs a server. Add either"
        return RejectedCandidate(framework="react-router", reason=reason)
    return program


def _prerenders_index(code: str) -> bool:
    """Return True if the page at "/" is prerendered, so that the fallback has another name."""
    listed = re.search(r"\bprerender\s*:\s*(?:false|\[(?P<paths>[^\]]{0,5000})\])", code)
    if listed is None:
        return bool(re.search(r"\bprerender\b", code))
    return bool(re.search(r"""['"]/['"]""", listed["paths"] or ""))


def plan_tanstack_start(project: NodeProject) -> RuleResult:
    """
    Return the server that Nitro builds, a server for TanStack Start's fetch
    handler, or a site.
    """
    code = project.config_code(VITE_CONFIG) + project.config_code(APP_CONFIG)
    for stem in (VITE_CONFIG, APP_CONFIG):
        if result := _preset_result("tanstack-start", project, stem):
            return result
    if re.search(r"\bspa\s*:\s*\{[^}]{0,500}enabled\s*:\s*true", code):
        evidence = project.config_evidence("the application is built as a single page", VITE_CONFIG)
        return _site("dist/client", evidence, fallback="_shell.html")
    if "nitro" in code or project.manifest.has("vinxi"):
        return start_server(project, _NITRO_SERVER, "vinxi start", _NITRO_SERVER)
    if plugin := project.manifest.first_listed(_OTHER_HOSTS_OF_TANSTACK):
        reason = f"{plugin} builds for another host. Remove it from vite.config and package.json"
        return RejectedCandidate(framework="tanstack-start", reason=reason)
    return _fetch_handler(project, code)


def _fetch_handler(project: NodeProject, code: str) -> RuleResult:
    """
    Return a server for the output of TanStack Start's own Vite plugin.

    The built `server.js` exports a fetch handler and does not listen. TanStack's preview server
    runs the handler with srvx, which is installed separately unless the project lists it.
    """
    package = project.manifest.first_listed(("@tanstack/react-start", "@tanstack/solid-start"))
    asked = re.search(r"(\d{1,6})\.(\d{1,6})", project.manifest.dependencies.get(package or "", ""))
    if asked and (int(asked[1]), int(asked[2])) < _FIRST_FETCH_HANDLER:
        reason = (
            f"{package} builds no Node.js server before 1.132. Require that version or a later"
            " one, or add the plugin nitro() to vite.config"
        )
        return RejectedCandidate(framework="tanstack-start", reason=reason)
    output = application_path(path_setting(code, "outDir") or "dist")
    serve = (
        f"serve --prod --host {_HOST} --port $PORT --static ../client"
        f" --entry {output}/server/server.js"
    )
    is_listed = project.manifest.has("srvx")
    command = (
        project.manager.run_tool(f"srvx {serve}")
        if is_listed
        else project.manager.run_node(f"{_SRVX}/node_modules/srvx/bin/srvx.mjs {serve}")
    )
    own = (_NITRO_SERVER, f"node {output}/server/server.js")
    program = start_server(
        project,
        command,
        *own,
        evidence=(
            project.config_evidence(
                "the server is a fetch handler, which srvx serves", VITE_CONFIG
            ),
        ),
    )
    return (
        program
        if is_listed or program.command != command
        else evolve(program, after_build=(_ADD_SRVX,))
    )


def plan_solid_start(project: NodeProject) -> RuleResult:
    """Return the server that Nitro builds for SolidStart, or a site if the preset is static."""
    stem = APP_CONFIG if project.config_code(APP_CONFIG) else VITE_CONFIG
    if result := _preset_result("solid-start", project, stem):
        return result
    return start_server(project, _NITRO_SERVER, "vinxi start", _NITRO_SERVER)


def plan_analog(project: NodeProject) -> RuleResult:
    """Return the server that Analog builds, or a site with its prerendered pages."""
    if has_setting(project.config_code(VITE_CONFIG), "static", "true"):
        evidence = project.config_evidence("static is true", VITE_CONFIG)
        return _site("dist/analog/public", evidence)
    server = "node dist/analog/server/index.mjs"
    return start_server(project, server, server)


def plan_qwik(project: NodeProject) -> RuleResult:
    """Return the server that a Qwik City adapter builds, or a site for the static adapter."""
    for name in ("express", "fastify", "node-server"):
        if project.tree.exists(f"adapters/{name}/vite.config.ts"):
            reason = f"there is an adapter for {name}"
            path = repository_path(project.directory, f"adapters/{name}/vite.config.ts")
            command = project.manager.run_node(f"server/entry.{name}")
            return start_server(project, command, evidence=(Evidence(reason=reason, path=path),))
    if project.tree.exists("adapters/static/vite.config.ts"):
        path = repository_path(project.directory, "adapters/static/vite.config.ts")
        return _site("dist", Evidence(reason="there is an adapter for static files", path=path))
    reason = "no adapter builds a server. Run `npm run qwik add express` and push again"
    return RejectedCandidate(framework="qwik", reason=reason)


def _site(
    directory: str,
    evidence: Evidence,
    *,
    fallback: str | None = None,
    not_found_page: str | None = None,
) -> Site:
    site = StaticSite(directory=directory, fallback=fallback, not_found=not_found_page)
    return Site(site=site, evidence=(evidence,))


def _build_runs(project: NodeProject, command: tuple[str, ...]) -> bool:
    name = build_script(project)
    calls = script_commands(project.manifest, name) if name else ()
    return any(words[: len(command)] == command for words in calls)


def _build_evidence(project: NodeProject, command: str) -> Evidence:
    name = build_script(project) or "build"
    return project.manifest.evidence(f"the {name} script runs `{command}`", "scripts", name)
