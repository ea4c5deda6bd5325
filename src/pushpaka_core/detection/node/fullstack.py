"""Frameworks that render on a server, or leave files behind when they are told to."""

import re

from attrs import evolve

from pushpaka_core.detection.documents import inside
from pushpaka_core.detection.node.answers import Answer, Program, Site, started
from pushpaka_core.detection.node.builds import build_script
from pushpaka_core.detection.node.documents import path_setting, setting
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.scripts import all_words
from pushpaka_core.detection.node.sites import INDEX, NOT_FOUND, flag_of_build, inner
from pushpaka_core.domain.build_plans import Evidence, Rejected, StaticSite

NEXT_CONFIG = "next.config"
NUXT_CONFIG = "nuxt.config"
ROUTER_CONFIG = "react-router.config"
VITE_CONFIG = "vite.config"
APP_CONFIG = "app.config"

_COMPLETE_STANDALONE = (
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
_ELSEWHERE = re.compile(
    "vercel|netlify|cloudflare|aws|azure|firebase|deno|digital-ocean|heroku|render|stormkit|cleavr"
    "|edgio|iis"
)
_FALLBACK_OF_ROUTER = "__spa-fallback.html"


def nextjs(project: NodeProject) -> Answer:
    """Start Next.js, or serve what it exports."""
    code = project.config(NEXT_CONFIG)
    if setting(code, "output", "export"):
        directory = inner(path_setting(code, "distDir") or "out")
        evidence = project.said_in("output is export: the pages are files", NEXT_CONFIG)
        return _site(directory, evidence, not_found=NOT_FOUND)
    if _builds_with(project, ("next", "export")):
        return _site("out", _said_by_build(project, "next export"), not_found=NOT_FOUND)
    if setting(code, "output", "standalone") and project.workspace is None:
        return _standalone(project)
    default = project.manager.tool(_NEXT_START)
    return started(project, default, _NEXT_START, listening=f"-p $PORT -H {_HOST}")


def _standalone(project: NodeProject) -> Program:
    """Start the server that Next.js builds for itself, with the files that it leaves to others."""
    server = f"node {_STANDALONE_SERVER}"
    own = (server, *(() if project.tree.exists("server.js") else ("node server.js",)))
    program = started(
        project,
        server,
        _NEXT_START,
        *own,
        env=f"HOSTNAME={_HOST}",
        evidence=(project.said_in("output is standalone", NEXT_CONFIG),),
    )
    return evolve(program, build=(_COMPLETE_STANDALONE,))


def nuxt(project: NodeProject) -> Answer:
    """Start what Nuxt builds, or serve what it generates."""
    code = project.config(NUXT_CONFIG)
    if project.manifest.major_of("nuxt") == 2:
        return _nuxt_2(project, code)
    output = _nitro_output(code)
    for tool in ("nuxt", "nuxi"):
        if _builds_with(project, (tool, "generate")):
            evidence = _said_by_build(project, f"{tool} generate")
            fallback = "200.html" if setting(code, "ssr", "false") else None
            not_found = None if fallback else NOT_FOUND
            return _site(f"{output}/public", evidence, fallback=fallback, not_found=not_found)
    server = f"node {output}/server/index.mjs"
    own = (server, "nuxt start", "nuxi start")
    return _of_preset("nuxt", project, NUXT_CONFIG, output) or started(project, server, *own)


def _nuxt_2(project: NodeProject, code: str) -> Answer:
    is_generated = _builds_with(project, ("nuxt", "generate"))
    if not (is_generated or setting(code, "target", "static")):
        return started(project, project.manager.tool("nuxt start"), "nuxt start")
    has_script = "generate" in project.manifest.scripts
    manager = project.manager
    generate = manager.run("generate") if has_script else manager.tool("nuxt generate")
    evidence = project.said_in("the pages are generated as files", NUXT_CONFIG)
    return evolve(
        _site("dist", evidence, fallback="200.html"),
        build=generate,
        after=() if is_generated or build_script(project) is None else (generate,),
    )


def _nitro_output(code: str) -> str:
    """Return the directory to which Nitro builds."""
    options = _NITRO_OUTPUT.search(code)
    return inner((path_setting(options["options"], "dir") if options else None) or ".output")


def _of_preset(
    framework: str, project: NodeProject, stem: str, output: str = ".output"
) -> Site | Rejected | None:
    """Return what a preset makes that is not for a server of Node.js."""
    in_config = _PRESET.search(project.config(stem))
    script = project.manifest.scripts.get(build_script(project) or "", "")
    by_env = _PRESET_IN_SCRIPT.search(script)
    told = flag_of_build(project, ("--preset",)) or (by_env["preset"] if by_env else None)
    preset = (told or (in_config["preset"] if in_config else "")).replace("_", "-")
    evidence = (
        _said_by_build(project, f"the preset {preset}")
        if told
        else project.said_in(f"the preset is {preset}", stem)
    )
    if preset in _STATIC_PRESETS:
        return _site(f"{output}/public", evidence, not_found=NOT_FOUND)
    if _ELSEWHERE.match(preset):
        reason = (
            f"{evidence.path or stem} sets the preset {preset}, which is for another host:"
            " take it out"
        )
        return Rejected(framework=framework, reason=reason)
    return None


def remix(project: NodeProject) -> Answer:
    """Start Remix, or serve it as a single page."""
    code = project.config(VITE_CONFIG)
    directory = inner(path_setting(code, "buildDirectory") or "build")
    if setting(code, "ssr", "false"):
        evidence = project.said_in("ssr is false", VITE_CONFIG)
        return _site(f"{directory}/client", evidence, fallback=INDEX)
    if project.manifest.has("@remix-run/cloudflare-pages", "@remix-run/cloudflare"):
        return Rejected(
            framework="remix",
            reason="it is made for Cloudflare: use @remix-run/node and @remix-run/serve instead",
        )
    is_vite = project.config_path(VITE_CONFIG) is not None
    server = f"remix-serve ./{directory}/{'server/' if is_vite else ''}index.js"
    return started(project, project.manager.tool(server), server.replace("./", ""))


def react_router(project: NodeProject) -> Answer:
    """Start React Router as a framework, or serve it as a single page."""
    code = project.config(ROUTER_CONFIG)
    directory = inner(path_setting(code, "buildDirectory") or "build")
    if setting(code, "ssr", "false"):
        fallback = _FALLBACK_OF_ROUTER if _prerenders_index(code) else INDEX
        evidence = project.said_in("ssr is false", ROUTER_CONFIG)
        return _site(f"{directory}/client", evidence, fallback=fallback)
    server = f"react-router-serve ./{directory}/server/index.js"
    default = project.manager.tool(server)
    if project.manifest.has("@react-router/serve"):
        return started(project, default, server.replace("./", ""))
    program = started(project, default)
    if program.command == default:
        reason = "@react-router/serve is not listed, and no start script serves: add one of them"
        return Rejected(framework="react-router", reason=reason)
    return program


def _prerenders_index(code: str) -> bool:
    """Tell whether the page at "/" is rendered before, so that another one is the fallback."""
    listed = re.search(r"\bprerender\s*:\s*(?:false|\[(?P<paths>[^\]]{0,5000})\])", code)
    if listed is None:
        return bool(re.search(r"\bprerender\b", code))
    return bool(re.search(r"""['"]/['"]""", listed["paths"] or ""))


def tanstack_start(project: NodeProject) -> Answer:
    """Start what Nitro makes of TanStack Start."""
    code = project.config(VITE_CONFIG) + project.config(APP_CONFIG)
    for stem in (VITE_CONFIG, APP_CONFIG):
        if answer := _of_preset("tanstack-start", project, stem):
            return answer
    if re.search(r"\bspa\s*:\s*\{[^}]{0,500}enabled\s*:\s*true", code):
        evidence = project.said_in("it is built as a single page", VITE_CONFIG)
        return _site("dist/client", evidence, fallback="_shell.html")
    has_nitro = "nitro" in code or project.manifest.has("vinxi")
    own = ("vinxi start", *((_NITRO_SERVER,) if has_nitro else ()))
    program = started(project, _NITRO_SERVER, *own)
    if program.command == _NITRO_SERVER and not has_nitro:
        reason = (
            "nothing makes a Node.js server of it: add the plugin nitro() to vite.config, or a"
            " start script that serves dist/server/server.js"
        )
        return Rejected(framework="tanstack-start", reason=reason)
    return program


def solid_start(project: NodeProject) -> Answer:
    """Start what Nitro makes of SolidStart."""
    stem = APP_CONFIG if project.config(APP_CONFIG) else VITE_CONFIG
    if answer := _of_preset("solid-start", project, stem):
        return answer
    return started(project, _NITRO_SERVER, "vinxi start", _NITRO_SERVER)


def analog(project: NodeProject) -> Answer:
    """Start what Analog builds, or serve it where it only renders before."""
    if setting(project.config(VITE_CONFIG), "static", "true"):
        evidence = project.said_in("static is true", VITE_CONFIG)
        return _site("dist/analog/public", evidence)
    server = "node dist/analog/server/index.mjs"
    return started(project, server, server)


def qwik(project: NodeProject) -> Answer:
    """Start the server that an adapter of Qwik City builds, or serve its files."""
    for name in ("express", "fastify", "node-server"):
        if project.tree.exists(f"adapters/{name}/vite.config.ts"):
            reason = f"there is an adapter for {name}"
            path = inside(project.directory, f"adapters/{name}/vite.config.ts")
            command = project.manager.node(f"server/entry.{name}")
            return started(project, command, evidence=(Evidence(reason=reason, path=path),))
    if project.tree.exists("adapters/static/vite.config.ts"):
        path = inside(project.directory, "adapters/static/vite.config.ts")
        return _site("dist", Evidence(reason="there is an adapter for files", path=path))
    reason = "no adapter builds a server: run `npm run qwik add express` and push again"
    return Rejected(framework="qwik", reason=reason)


def _site(
    directory: str,
    evidence: Evidence,
    *,
    fallback: str | None = None,
    not_found: str | None = None,
) -> Site:
    site = StaticSite(directory=directory, fallback=fallback, not_found=not_found)
    return Site(site=site, evidence=(evidence,))


def _builds_with(project: NodeProject, command: tuple[str, ...]) -> bool:
    name = build_script(project)
    calls = all_words(project.manifest, name) if name else ()
    return any(words[: len(command)] == command for words in calls)


def _said_by_build(project: NodeProject, command: str) -> Evidence:
    name = build_script(project) or "build"
    return project.manifest.evidence(f"the script {name} runs `{command}`", "scripts", name)
