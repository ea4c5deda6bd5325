"""Front ends whose output directory is set in their configuration: Vite, VitePress and others."""

import re
from collections.abc import Iterator
from posixpath import dirname, join, normpath

from attrs import evolve

from pushpaka_core.detection.node.builds import build_script
from pushpaka_core.detection.node.documents import (
    has_setting,
    path_setting,
    resolved_path_setting,
)
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.rule_results import RuleResult, Site, own_server
from pushpaka_core.detection.node.scripts import script_commands, script_of
from pushpaka_core.detection.node.sites import (
    CREATE_REACT_APP,
    INDEX,
    NOT_FOUND,
    application_path,
    build_flag_value,
)
from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate, StaticSite

VITE_CONFIG = "vite.config"

_DOCUMENTATION_SCRIPT = "docs:build"
_PUBLIC_URL_ROOT = "PUBLIC_URL=${PUBLIC_URL:-/}"
_PAGE_INPUT = re.compile(r"""input\s*:\s*[{\[](?P<pages>[^}\]]{0,1000})[}\]]""")
_BUILD_PATH = re.compile(r"""(?<!\w)BUILD_PATH=['"]?(?P<path>[^\s'"]+)""")
_PATH_AS_BASE = re.compile(
    r"""(?<![\w.$-])base\s*:[^,\n]{0,200}?['"](?P<path>/[^'"\s/][^'"\s]*)['"]"""
)
_LIBRARY = re.compile(r"\blib\s*:\s*\{")
_HTML = re.compile(r"\.html['\"`]")


def plan_vite(project: NodeProject) -> RuleResult:
    """
    Return the project's own server, or else the site that Vite builds.

    Return None for a library, and if there is no index.html to build.
    """
    if server := own_server(project):
        return server
    code = project.config_code(VITE_CONFIG)
    if _LIBRARY.search(code):
        return None
    root = application_path(path_setting(code, "root") or _vite_root(project) or ".")
    if not project.tree.exists(normpath(join(root, INDEX))):
        return None
    output_directory = build_flag_value(project, ("--outDir",))
    output = "dist/client" if "@cloudflare/vite-plugin" in code else "dist"
    placed = None if output_directory else resolved_path_setting(code, "outDir", root)
    directory = placed or application_path(output_directory or output, root)
    base = _PATH_AS_BASE.search(code)
    can_override = base is not None and _can_override_base(project)
    is_single_page = not (_has_pages(code) or has_setting(code, "appType", "mpa"))
    pages = "" if is_single_page else ", with a file for each page"
    return Site(
        site=StaticSite(directory=directory, fallback=INDEX if is_single_page else None),
        build_arguments="--base=/" if can_override else "",
        evidence=(
            project.config_evidence(f"the build writes to {directory}{pages}", VITE_CONFIG)
            if code
            else Evidence(reason=f"the build writes to {directory} by default"),
            *((_base_evidence(project, base["path"], is_overridden=can_override),) if base else ()),
        ),
    )


def _can_override_base(project: NodeProject) -> bool:
    """Return True if the build can override the `base` of the configuration."""
    name = build_script(project)
    script = script_of(project.manifest, name) if name else None
    if script is None or project.workspace:
        return project.workspace is None
    is_vite = script.ends_with(("vite build",)) and script.takes_arguments
    return is_vite and "--base" not in script.text


def _base_evidence(project: NodeProject, path: str, *, is_overridden: bool) -> Evidence:
    end = (
        "the build runs with --base=/"
        if is_overridden
        else "set base to / so that scripts are found"
    )
    reason = f"base is {path}, but the site is served at the root: {end}"
    return project.config_evidence(reason, VITE_CONFIG)


def _vite_root(project: NodeProject) -> str | None:
    """Return the root directory that the build script passes to Vite."""
    name = build_script(project)
    for words in script_commands(project.manifest, name) if name else ():
        match words:
            case ("vite", "build", str(root), *_) if not root.startswith("-"):
                return root
    return None


def _has_pages(code: str) -> bool:
    return any(len(_HTML.findall(found["pages"])) > 1 for found in _PAGE_INPUT.finditer(code))


def plan_create_react_app(project: NodeProject) -> RuleResult:
    """
    Return the site that Create React App builds. It is served at the root, even if `homepage` has a
    path.
    """
    result = CREATE_REACT_APP(project)
    match = _BUILD_PATH.search(project.manifest.scripts.get(build_script(project) or "", ""))
    if isinstance(result, Site) and match:
        result = evolve(result, site=evolve(result.site, directory=normpath(match["path"])))
    if not isinstance(result, Site) or not _has_url_path(project.manifest.text("homepage") or ""):
        return result
    reason = "homepage has a path, but the site is served at the root, so PUBLIC_URL is set"
    evidence = project.manifest.evidence(reason, "homepage")
    return evolve(result, build_env=_PUBLIC_URL_ROOT, evidence=(*result.evidence, evidence))


def _has_url_path(url: str) -> bool:
    return bool(re.fullmatch(r"(?:\w+://[^/]+)?/+[^/].*", url))


def plan_vike(project: NodeProject) -> RuleResult:
    """Return the project's own server, or else a site with the prerendered pages."""
    return own_server(project) or Site(
        site=StaticSite(directory="dist/client", not_found=NOT_FOUND),
        evidence=(Evidence(reason="no script starts a server, so prerendered pages are served"),),
    )


def plan_vitepress(project: NodeProject) -> RuleResult:
    """Return the project's own server, or else the documentation that VitePress builds."""
    return _documentation(project, "vitepress")


def plan_vuepress(project: NodeProject) -> RuleResult:
    """Return the project's own server, or else the documentation that VuePress builds."""
    return _documentation(project, "vuepress")


def _documentation(project: NodeProject, tool: str) -> RuleResult:
    """
    Return the project's own server, or else the documentation that *tool* builds. Return None if
    the build script does not call *tool*.
    """
    script = build_script(project)
    calls = script_commands(project.manifest, script) if script else ()
    if server := own_server(project):
        return server
    if script and not any(tool in words for words in calls):
        return None
    config = next(_config_files(project, f".{tool}"), None)
    if config is None:
        reason = f"there is no .{tool}/config.js or .ts that sets the directory of the pages"
        return RejectedCandidate(framework=tool, reason=reason)
    home = dirname(config)
    root = dirname(home) or "."
    stem = config.rpartition(".")[0]
    code = project.config_code(stem)
    output_directory = path_setting(code, "outDir") or path_setting(code, "dest")
    directory = (
        application_path(output_directory, root if tool == "vitepress" else ".")
        if output_directory
        else f"{home}/dist"
    )
    return Site(
        site=StaticSite(directory=directory, not_found=NOT_FOUND),
        build=(
            project.manager.run_script(_DOCUMENTATION_SCRIPT)
            if _DOCUMENTATION_SCRIPT in project.manifest.scripts
            else project.manager.run_tool(f"{tool} build {root}")
        ),
        evidence=(project.config_evidence(f"the build writes to {directory}", stem),),
    )


def _config_files(project: NodeProject, name: str) -> Iterator[str]:
    for path in project.tree.paths():
        directory, _, file = path.rpartition("/")
        if directory.rpartition("/")[2] == name and re.fullmatch(r"config\.[cm]?[jt]s", file):
            yield path
