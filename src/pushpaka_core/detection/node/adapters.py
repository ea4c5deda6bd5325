"""Frameworks whose output depends on an adapter: SvelteKit and Astro."""

import re
from collections.abc import Sequence

from attrs import evolve, frozen

from pushpaka_core.detection.node.answers import Answer, Program, Site, started
from pushpaka_core.detection.node.documents import path_setting, setting
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.sites import NOT_FOUND, has_file, inner
from pushpaka_core.domain.build_plans import Evidence, Rejected, StaticSite

SVELTE_CONFIGS = ("svelte.config", "vite.config")
ASTRO_CONFIG = "astro.config"

_IMPORTED = r"""(?:from|require\(|import\(|import)\s*['"](?P<name>{names})['"]"""
_SVELTE_ADAPTER = re.compile(
    _IMPORTED.format(names=r"@sveltejs/adapter-[\w-]+|[@\w/-]{0,60}svelte-adapter-[\w-]+")
)
_ASTRO_ADAPTER = re.compile(
    _IMPORTED.format(
        names=r"@astrojs/(?:node|vercel|netlify|cloudflare|deno)(?:/[\w-]+)?"
        r"|[@\w/-]{0,60}astro-?adapter[\w-]*|astro-(?:sst|aws|bun)[\w-]*|@deno/astro-adapter"
    )
)
_SVELTE_NODE = "@sveltejs/adapter-node"
_SVELTE_BUN = "svelte-adapter-bun"
_SVELTE_STATIC = "@sveltejs/adapter-static"
_SVELTE_AUTO = "@sveltejs/adapter-auto"
_SVELTE_ADAPTERS = (
    _SVELTE_NODE,
    _SVELTE_STATIC,
    _SVELTE_BUN,
    _SVELTE_AUTO,
    "@sveltejs/adapter-vercel",
    "@sveltejs/adapter-netlify",
    "@sveltejs/adapter-cloudflare",
)
_ASTRO_NODE = "@astrojs/node"
_ON_DEMAND = re.compile(r"\bexport\s+const\s+prerender\s*=\s*false\b")
_ASTRO_SOURCES = (".astro", ".ts", ".js", ".mdx")
_BEHIND_PROXY = (
    "PROTOCOL_HEADER=${PROTOCOL_HEADER:-x-forwarded-proto}"
    " HOST_HEADER=${HOST_HEADER:-x-forwarded-host}"
)
"""By these a SvelteKit server knows its own address, which it compares with a form's origin."""
_CHOOSES_NODE = "GCP_BUILDPACKS=1"
"""Makes adapter-auto install adapter-node and use it: the only host of that kind it knows."""
_MOST_PAGES = 500
_SERVER_BY_ADAPTER = 5


@frozen(kw_only=True)
class _Adapter:
    name: str
    evidence: Evidence


def sveltekit(project: NodeProject) -> Answer:
    """Do what the adapter of the configuration is for."""
    adapter = _adapter_of(project, _SVELTE_ADAPTER, _SVELTE_ADAPTERS, SVELTE_CONFIGS)
    if adapter is None:
        reason = f"its configuration names no adapter: install {_SVELTE_NODE} and name that"
        return Rejected(framework="sveltekit", reason=reason)
    code = project.config(*SVELTE_CONFIGS)
    node = project.manager.manager.node
    match adapter.name:
        case "@sveltejs/adapter-node":
            return _svelte_server(project, node, code, adapter)
        case "svelte-adapter-bun":
            return _svelte_server(project, "bun", code, adapter)
        case "@sveltejs/adapter-static":
            return _svelte_files(code, adapter)
        case "@sveltejs/adapter-auto":
            return _svelte_auto(project, node, adapter)
        case _:
            return _made_for_another("sveltekit", adapter, _SVELTE_NODE)


def _svelte_server(project: NodeProject, node: str, code: str, adapter: _Adapter) -> Program:
    directory = inner(path_setting(code, "out") or "build")
    target = directory if node != "bun" else f"{directory}/index.js"
    own = (f"node {directory}", f"node {directory}/index.js", f"bun {target}")
    return started(
        project, f"{node} {target}", *own, env=_BEHIND_PROXY, evidence=(adapter.evidence,)
    )


def _svelte_auto(project: NodeProject, node: str, adapter: _Adapter) -> Program | Rejected:
    if (project.manifest.major_of(_SVELTE_AUTO) or 3) < 3:
        return _made_for_another("sveltekit", adapter, _SVELTE_NODE)
    reason = (
        f"{_SVELTE_AUTO} does not know this host: the build tells it to add {_SVELTE_NODE}."
        " Name that one yourself, and builds are faster"
    )
    told = evolve(adapter, evidence=evolve(adapter.evidence, reason=reason))
    return evolve(_svelte_server(project, node, "", told), build_env=_CHOOSES_NODE)


def _svelte_files(code: str, adapter: _Adapter) -> Site:
    fallback = path_setting(code, "fallback")
    is_error_page = fallback == NOT_FOUND
    return Site(
        site=StaticSite(
            directory=inner(path_setting(code, "pages") or "build"),
            fallback=None if is_error_page else fallback,
            not_found=NOT_FOUND if is_error_page else None,
        ),
        evidence=(adapter.evidence,),
    )


def astro(project: NodeProject) -> Answer:
    """Start the server that Astro builds, or serve its files where no page asks for one."""
    code = project.config(ASTRO_CONFIG)
    adapter = _adapter_of(project, _ASTRO_ADAPTER, (), (ASTRO_CONFIG,))
    directory = inner(path_setting(code, "outDir") or "dist")
    is_for_node = adapter is not None and adapter.name.startswith(_ASTRO_NODE)
    asks = (
        setting(code, "output", "server", "hybrid")
        or _renders_on_demand(project)
        or (is_for_node and _makes_servers(project))
    )
    if adapter is None and asks:
        reason = "pages are rendered on demand, but no adapter is named: run `astro add node`"
        return Rejected(framework="astro", reason=reason)
    if adapter and is_for_node and asks:
        return _astro_server(project, code, directory, adapter)
    if adapter and asks:
        return _made_for_another("astro", adapter, _ASTRO_NODE)
    return _astro_files(project, directory, adapter)


def _astro_server(
    project: NodeProject, code: str, directory: str, adapter: _Adapter
) -> Program | Rejected:
    server = f"{directory}/server/entry.mjs"
    default = project.manager.node(server)
    if not setting(code, "mode", "middleware"):
        return started(project, default, f"node {server}", evidence=(adapter.evidence,))
    program = started(project, default, evidence=(adapter.evidence,))
    if program.command == default:
        reason = "the adapter's mode is middleware, and no start script serves it: set standalone"
        return Rejected(framework="astro", reason=reason)
    return program


def _astro_files(project: NodeProject, directory: str, adapter: _Adapter | None) -> Answer:
    if adapter and not adapter.name.startswith(_ASTRO_NODE):
        return _made_for_another("astro", adapter, _ASTRO_NODE)
    has_page = has_file(project, ("src/pages/404.*", "public/404.html"))
    reason = f"no page is rendered on demand: the build writes files to {directory}"
    return Site(
        site=StaticSite(directory=directory, not_found=NOT_FOUND if has_page else None),
        evidence=(project.said_in(reason, ASTRO_CONFIG),),
    )


def _makes_servers(project: NodeProject) -> bool:
    """Tell whether an adapter for servers makes one, whatever the pages are: since Astro 5."""
    major = project.manifest.major_of("astro")
    return major is None or major >= _SERVER_BY_ADAPTER


def _renders_on_demand(project: NodeProject) -> bool:
    pages = (
        path
        for path in project.tree.paths()
        if path.startswith("src/pages/") and path.endswith(_ASTRO_SOURCES)
    )
    return any(
        _ON_DEMAND.search(project.tree.read(path) or "")
        for _, path in zip(range(_MOST_PAGES), pages, strict=False)
    )


def _adapter_of(
    project: NodeProject, pattern: re.Pattern[str], known: Sequence[str], stems: Sequence[str]
) -> _Adapter | None:
    """Return what the configuration imports, else the first known one that is listed."""
    for stem in stems:
        if found := pattern.search(project.config(stem)):
            name = found["name"]
            return _Adapter(name=name, evidence=project.said_in(f"it uses {name}", stem))
    listed = project.manifest.first_of(known)
    return _Adapter(name=listed, evidence=project.manifest.listing(listed)) if listed else None


def _made_for_another(framework: str, adapter: _Adapter, instead: str) -> Rejected:
    where = adapter.evidence.path or "the configuration"
    reason = f"{where} uses {adapter.name}, which builds for another host: use {instead} instead"
    return Rejected(framework=framework, reason=reason)
