"""Frameworks whose build output depends on an adapter: SvelteKit and Astro."""

import re
from collections.abc import Sequence

from attrs import evolve, frozen

from pushpaka_core.detection.node.documents import has_setting, path_setting
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.rule_results import Program, RuleResult, Site, start_server
from pushpaka_core.detection.node.sites import NOT_FOUND, application_path, has_file
from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate, StaticSite

SVELTE_CONFIGS = ("svelte.config", "vite.config")
ASTRO_CONFIG = "astro.config"

_IMPORT = r"""(?:from|require\(|import\(|import)\s*['"](?P<name>{names})['"]"""
_SVELTE_ADAPTER = re.compile(
    _IMPORT.format(names=r"@sveltejs/adapter-[\w-]+|[@\w/-]{0,60}svelte-adapter-[\w-]+")
)
_ASTRO_ADAPTER = re.compile(
    _IMPORT.format(
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
_PRERENDER_OFF = re.compile(r"\bexport\s+const\s+prerender\s*=\s*false\b")
_ASTRO_SOURCES = (".astro", ".ts", ".js", ".mdx")
_PROXY_HEADERS = (
    "PROTOCOL_HEADER=${PROTOCOL_HEADER:-x-forwarded-proto}"
    " HOST_HEADER=${HOST_HEADER:-x-forwarded-host}"
)
"""
The headers from which a SvelteKit server learns its own origin, which it
checks on form posts.
"""
_SELECT_NODE_ADAPTER = "GCP_BUILDPACKS=1"
"""Makes adapter-auto treat this host as Google Cloud Run, for which it uses adapter-node."""
_MAX_PAGES = 500
_FIRST_MAJOR_WITH_SERVER = 5


@frozen(kw_only=True)
class _Adapter:
    name: str
    evidence: Evidence


def plan_sveltekit(project: NodeProject) -> RuleResult:
    """Return the server or the site that the adapter in the SvelteKit configuration builds."""
    adapter = _adapter_of(project, _SVELTE_ADAPTER, _SVELTE_ADAPTERS, SVELTE_CONFIGS)
    if adapter is None:
        reason = f"the configuration sets no adapter. Install {_SVELTE_NODE} and set it"
        return RejectedCandidate(framework="sveltekit", reason=reason)
    code = project.config_code(*SVELTE_CONFIGS)
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
            return _wrong_host_rejection("sveltekit", adapter, _SVELTE_NODE)


def _svelte_server(project: NodeProject, node: str, code: str, adapter: _Adapter) -> Program:
    directory = application_path(path_setting(code, "out") or "build")
    target = directory if node != "bun" else f"{directory}/index.js"
    own = (f"node {directory}", f"node {directory}/index.js", f"bun {target}")
    return start_server(
        project, f"{node} {target}", *own, env=_PROXY_HEADERS, evidence=(adapter.evidence,)
    )


def _svelte_auto(project: NodeProject, node: str, adapter: _Adapter) -> Program | RejectedCandidate:
    if (project.manifest.major_version_of(_SVELTE_AUTO) or 3) < 3:
        return _wrong_host_rejection("sveltekit", adapter, _SVELTE_NODE)
    reason = (
        f"{_SVELTE_AUTO} does not support this host, so the build adds {_SVELTE_NODE}."
        " Set that adapter yourself to make builds faster"
    )
    result = evolve(adapter, evidence=evolve(adapter.evidence, reason=reason))
    return evolve(_svelte_server(project, node, "", result), build_env=_SELECT_NODE_ADAPTER)


def _svelte_files(code: str, adapter: _Adapter) -> Site:
    fallback = path_setting(code, "fallback")
    is_error_page = fallback == NOT_FOUND
    return Site(
        site=StaticSite(
            directory=application_path(path_setting(code, "pages") or "build"),
            fallback=None if is_error_page else fallback,
            not_found=NOT_FOUND if is_error_page else None,
        ),
        evidence=(adapter.evidence,),
    )


def plan_astro(project: NodeProject) -> RuleResult:
    """Return the server that Astro builds, or a site if no page is rendered on demand."""
    code = project.config_code(ASTRO_CONFIG)
    adapter = _adapter_of(project, _ASTRO_ADAPTER, (), (ASTRO_CONFIG,))
    directory = application_path(path_setting(code, "outDir") or "dist")
    is_for_node = adapter is not None and adapter.name.startswith(_ASTRO_NODE)
    asks = (
        has_setting(code, "output", "server", "hybrid")
        or _renders_on_demand(project)
        or (is_for_node and _adapter_builds_server(project))
    )
    if adapter is None and asks:
        reason = "pages are rendered on demand, but no adapter is set. Run `astro add node`"
        return RejectedCandidate(framework="astro", reason=reason)
    if adapter and is_for_node and asks:
        return _astro_server(project, code, directory, adapter)
    if adapter and asks:
        return _wrong_host_rejection("astro", adapter, _ASTRO_NODE)
    return _astro_files(project, directory, adapter)


def _astro_server(
    project: NodeProject, code: str, directory: str, adapter: _Adapter
) -> Program | RejectedCandidate:
    server = f"{directory}/server/entry.mjs"
    default = project.manager.run_node(server)
    if not has_setting(code, "mode", "middleware"):
        return start_server(project, default, f"node {server}", evidence=(adapter.evidence,))
    program = start_server(project, default, evidence=(adapter.evidence,))
    if program.command == default:
        reason = 'the mode is "middleware", but no start script serves it. Set "standalone"'
        return RejectedCandidate(framework="astro", reason=reason)
    return program


def _astro_files(project: NodeProject, directory: str, adapter: _Adapter | None) -> RuleResult:
    if adapter and not adapter.name.startswith(_ASTRO_NODE):
        return _wrong_host_rejection("astro", adapter, _ASTRO_NODE)
    has_page = has_file(project, ("src/pages/404.*", "public/404.html"))
    reason = f"no page is rendered on demand, and the build writes to {directory}"
    return Site(
        site=StaticSite(directory=directory, not_found=NOT_FOUND if has_page else None),
        evidence=(project.config_evidence(reason, ASTRO_CONFIG),),
    )


def _adapter_builds_server(project: NodeProject) -> bool:
    """Return True if the Node adapter builds a server even for prerendered pages, as of Astro 5."""
    major = project.manifest.major_version_of("astro")
    return major is None or major >= _FIRST_MAJOR_WITH_SERVER


def _renders_on_demand(project: NodeProject) -> bool:
    pages = (
        path
        for path in project.tree.paths()
        if path.startswith("src/pages/") and path.endswith(_ASTRO_SOURCES)
    )
    return any(
        _PRERENDER_OFF.search(project.tree.read(path) or "")
        for _, path in zip(range(_MAX_PAGES), pages, strict=False)
    )


def _adapter_of(
    project: NodeProject,
    pattern: re.Pattern[str],
    known_adapters: Sequence[str],
    stems: Sequence[str],
) -> _Adapter | None:
    """Return the adapter that the configuration imports, else the first listed known adapter."""
    for stem in stems:
        if found := pattern.search(project.config_code(stem)):
            name = found["name"]
            return _Adapter(
                name=name, evidence=project.config_evidence(f"the configuration uses {name}", stem)
            )
    listed = project.manifest.first_listed(known_adapters)
    return (
        _Adapter(name=listed, evidence=project.manifest.listing_evidence(listed))
        if listed
        else None
    )


def _wrong_host_rejection(framework: str, adapter: _Adapter, replacement: str) -> RejectedCandidate:
    where = adapter.evidence.path or "the configuration"
    reason = (
        f"{where} uses {adapter.name}, which builds for another host. Use {replacement} instead"
    )
    return RejectedCandidate(framework=framework, reason=reason)
